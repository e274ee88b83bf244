import Core

/// What a request's path asks for.
enum Route: Sendable, Equatable {
    case call(Dialect, deployment: String?)
    case models
    case model(String)

    /// Reads a path without its query, as bytes: nothing is decoded or normalised. No governed path needs percent-encoding, so an
    /// encoded one is not governed.
    init?(path: UnsafeRawBufferPointer) {
        if let rest = path.dropping("/v1/") ?? path.dropping("/openai/v1/") {
            if let dialect = Dialect(path: rest) {
                self = .call(dialect, deployment: nil)
            } else if rest.equals("models") {
                self = .models
            } else if let name = rest.dropping("models/"), !name.isEmpty {
                self = .model(String(decoding: name, as: UTF8.self))
            } else {
                return nil
            }
        } else if let rest = path.dropping("/openai/deployments/"), let slash = rest.firstIndex(of: UInt8(ascii: "/")), slash > 0,
            let dialect = Dialect(path: UnsafeRawBufferPointer(rebasing: rest[(slash + 1)...])),
            dialect == .chat || dialect == .completions || dialect == .embeddings
        {
            self = .call(dialect, deployment: String(decoding: rest[..<slash], as: UTF8.self))
        } else if let rest = path.dropping("/api/v1/services/aigc/") {
            if rest.equals("text-generation/generation") {
                self = .call(.generation, deployment: nil)
            } else if rest.equals("multimodal-generation/generation") {
                self = .call(.multimodalGeneration, deployment: nil)
            } else {
                return nil
            }
        } else {
            return nil
        }
    }

    /// Each family of paths has errors of its own shape: Azure's, Anthropic's, DashScope's, and OpenAI's for the rest.
    static func shape(ofPath path: UnsafeRawBufferPointer) -> ErrorShape {
        if path.dropping("/openai/") != nil { return .azure }
        if path.dropping("/v1/messages") != nil { return .anthropic }
        return path.dropping("/api/v1/") == nil ? .openAI : .dashscope
    }
}

extension Dialect {
    fileprivate init?(path: UnsafeRawBufferPointer) {
        if path.equals("chat/completions") {
            self = .chat
        } else if path.equals("completions") {
            self = .completions
        } else if path.equals("embeddings") {
            self = .embeddings
        } else if path.equals("responses") {
            self = .responses
        } else if path.equals("messages") {
            self = .messages
        } else if path.equals("messages/count_tokens") {
            self = .tokenCount
        } else if path.equals("conversations") {
            self = .conversations
        } else {
            return nil
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func equals(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount
            && elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    fileprivate func dropping(_ prefix: StaticString) -> UnsafeRawBufferPointer? {
        let length = prefix.utf8CodeUnitCount
        guard count >= length, UnsafeRawBufferPointer(rebasing: self[..<length]).equals(prefix) else { return nil }
        return UnsafeRawBufferPointer(rebasing: self[length...])
    }
}
