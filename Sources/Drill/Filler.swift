import Core

/// A call of a shape with nothing in it: as many bytes, probably as many tokens, the same output limit, and the number of tokens that
/// the answer had, which a simulator that listens says again.
public struct FilledCall: Sendable, Hashable {
    public var path: String
    public var body: [UInt8]

    /// nil: calls of this operation have no body of their own to fill.
    public init?(_ shape: Shape) {
        // Tokens that the simulator counts beside the text.
        let overhead: Int64
        switch shape.operation {
        case .chat: (path, overhead) = ("/v1/chat/completions", 6)
        case .completions: (path, overhead) = ("/v1/completions", 0)
        case .embeddings: (path, overhead) = ("/v1/embeddings", 0)
        case .responses: (path, overhead) = ("/v1/responses", 6)
        case .conversations: return nil
        }
        let usage = shape.answer?.usage
        let choices = shape.choices
        var before = "{\"model\":\(quoted(shape.model))"
        if shape.operation.generates {
            if let asked = shape.askedOutput {
                before += ",\"\(shape.operation == .responses ? "max_output_tokens" : "max_tokens")\":\(max(1, asked))"
            } else if choices > 1, shape.operation != .responses {
                before += ",\"n\":\(min(choices, 128))"
            }
            if shape.stream { before += ",\"stream\":true" }
        }
        let after: String
        switch shape.operation {
        case .chat: (before, after) = (before + ",\"messages\":[{\"role\":\"user\",\"content\":\"", "\"}]}")
        case .completions: (before, after) = (before + ",\"prompt\":\"", "\"}")
        case .embeddings, .responses, .conversations: (before, after) = (before + ",\"input\":\"", "\"}")
        }
        before += "say \(max(1, (usage?.outputTokens ?? 1) / choices))"
        // `say` and its number are two tokens; a point is one of a byte, and a space is none.
        let tokens = max(0, (usage?.inputTokens ?? shape.bytes / probableBytesPerToken) - overhead - 2)
        let room = max(0, Int(clamping: shape.bytes) - before.utf8.count - after.utf8.count)
        let points = min(room, Int(clamping: tokens))
        body =
            Array(before.utf8) + Array(repeating: UInt8(ascii: "."), count: points)
            + Array(repeating: UInt8(ascii: " "), count: room - points) + Array(after.utf8)
    }
}

/// A JSON string of a name that a configuration gave.
private func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case _ where scalar.value < 0x20: out += "\\u00" + (scalar.value < 0x10 ? "0" : "") + String(scalar.value, radix: 16)
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
