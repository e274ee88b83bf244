import Core
import NIOCore

/// The shape in which a caller expects errors.
enum ErrorShape: Sendable { case openAI, azure, anthropic, dashscope }

extension Failure {
    /// The word OpenAI's SDKs know for this kind of failure.
    private var openAIType: String {
        switch (fault, status) {
        case (_, 401): "authentication_error"
        case (_, 403): "permission_error"
        case (_, 429): if case .later = retry { "rate_limit_error" } else { "insufficient_quota" }
        case (.caller, _): "invalid_request_error"
        default: "api_error"
        }
    }

    /// The word Anthropic's SDKs know for this kind of failure.
    private var anthropicType: String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503: "overloaded_error"
        case 504: "timeout_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }

    /// What happened, and what to do where Weir knows it.
    var words: String { action.isEmpty ? message : "\(message) \(action)" }

    /// The error as a JSON body: OpenAI's four members, the two that Azure's gateway sends, or as Anthropic and DashScope write theirs.
    ///
    /// - Parameter requestID: those two have it in the body.
    func body(_ shape: ErrorShape, requestID: String?) -> ByteBuffer {
        var json = ByteBufferAllocator().buffer(capacity: 512)
        switch shape {
        case .openAI, .azure:
            json.writeStaticString("{\"error\":{\"message\":")
            json.writeJSON(words)
            if shape == .openAI {
                json.writeString(",\"type\":\"\(openAIType)\",\"param\":")
                if let parameter { json.writeJSON(parameter) } else { json.writeString("null") }
            }
            json.writeString(",\"code\":\"\(code)\"}}")
        case .anthropic:
            json.writeString("{\"type\":\"error\",\"error\":{\"type\":\"\(anthropicType)\",\"message\":")
            json.writeJSON(words)
            json.writeString(",\"code\":\"\(code)\"},\"request_id\":\"\(requestID ?? "")\"}")
        case .dashscope:
            json.writeString("{\"code\":\"\(code)\",\"message\":")
            json.writeJSON(words)
            json.writeString(",\"request_id\":\"\(requestID ?? "")\"}")
        }
        return json
    }

    /// Header lines that tell SDKs whether and when to try again.
    var retryHeaders: String {
        switch retry {
        case .never: return "x-should-retry: false\r\n"
        case .later(nil): return ""
        case .later(let milliseconds?):
            let wait = "retry-after: \((milliseconds + 999) / 1000)\r\nretry-after-ms: \(milliseconds)\r\n"
            return status == 429 ? "x-should-retry: true\r\n" + wait : wait
        }
    }
}

extension ByteBuffer {
    /// Writes text as a JSON string.
    mutating func writeJSON(_ text: String) {
        writeInteger(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                writeInteger(UInt8(ascii: "\\"))
                writeInteger(byte)
            case 0..<0x20:
                writeString("\\u00")
                writeInteger(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
                let low = byte & 0xF
                writeInteger(low < 10 ? 0x30 + low : 0x57 + low)
            default: writeInteger(byte)
            }
        }
        writeInteger(UInt8(ascii: "\""))
    }
}
