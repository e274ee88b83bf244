import Core

/// What a request's path asks for.
enum Route: Sendable, Equatable {
    case call(Operation, ErrorShape, deployment: String?)
    case models(ErrorShape)
    case model(String, ErrorShape)

    var shape: ErrorShape {
        switch self {
        case .call(_, let shape, _), .models(let shape), .model(_, let shape): shape
        }
    }

    /// Reads a path without its query. Percent-encoding is not decoded: no governed path needs it, so an encoded one is not governed.
    init?(path: Substring) {
        if let rest = path.dropping("/v1/") {
            self.init(rest: rest, shape: .openAI)
        } else if let rest = path.dropping("/openai/v1/") {
            self.init(rest: rest, shape: .azure)
        } else if let rest = path.dropping("/openai/deployments/") {
            guard let slash = rest.firstIndex(of: "/"), slash > rest.startIndex,
                let operation = Operation(path: rest[rest.index(after: slash)...]), operation != .responses
            else { return nil }
            self = .call(operation, .azure, deployment: String(rest[..<slash]))
        } else {
            return nil
        }
    }

    private init?(rest: Substring, shape: ErrorShape) {
        if let operation = Operation(path: rest) {
            self = .call(operation, shape, deployment: nil)
        } else if rest == "models" {
            self = .models(shape)
        } else if let name = rest.dropping("models/"), !name.isEmpty {
            self = .model(String(name), shape)
        } else {
            return nil
        }
    }

    /// Errors on any path below `/openai/` are shaped as Azure's.
    static func shape(ofPath path: Substring) -> ErrorShape { path.hasPrefix("/openai/") ? .azure : .openAI }
}

extension Operation {
    fileprivate init?(path: Substring) {
        switch path {
        case "chat/completions": self = .chat
        case "completions": self = .completions
        case "embeddings": self = .embeddings
        case "responses": self = .responses
        default: return nil
        }
    }
}

extension Substring {
    fileprivate func dropping(_ prefix: String) -> Substring? {
        hasPrefix(prefix) ? dropFirst(prefix.count) : nil
    }
}
