import Core
import NIOCore
import Wire

/// What a dialect says in headers.
extension CallRelay {
    /// Takes the headers that belong to the call's dialect: Anthropic's version and betas go on as they came, and DashScope's own dialect
    /// asks for a stream by one.
    func takeDialectHeaders(_ head: HTTPHead) {
        switch dialect {
        case .messages, .tokenCount:
            pass("anthropic-version", of: head)
            if passedHeaders.readableBytes == 0 { passedHeaders.writeStaticString("anthropic-version: 2023-06-01\r\n") }
            pass("anthropic-beta", of: head)
        case .generation, .multimodalGeneration:
            let asks = head.value(of: "x-dashscope-sse").map { head.matches($0, "enable") } ?? false
            let accepts = head.value(of: "accept").map { head.matches($0, "text/event-stream") } ?? false
            streamsByHeader = asks || accepts
            if streamsByHeader { passedHeaders.writeStaticString("x-dashscope-sse: enable\r\n") }
        case .chat, .completions, .embeddings, .responses, .conversations: break
        }
    }

    /// Ark's clients can seal the texts of a request for an endpoint's certificate, and say so in a header. What cannot be read cannot be
    /// scanned, and without the header the endpoint would take the seal for the text.
    func sealedBody(_ head: HTTPHead) -> Failure? {
        guard dialect == .chat || dialect == .responses, let sealed = head.value(of: "x-is-encrypted") else { return nil }
        return head.matches(sealed, "false") ? nil : .sealedBody
    }

    private func pass(_ name: StaticString, of head: HTTPHead) {
        for field in head.fields where head.matches(field.name, name) {
            passedHeaders.writeStaticString(name)
            passedHeaders.writeStaticString(": ")
            passedHeaders.writeImmutableBuffer(head.slice(field.value))
            passedHeaders.writeStaticString("\r\n")
        }
    }
}
