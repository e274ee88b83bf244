import Core
import NIOCore
import Wire

/// What a request asks for that its size does not bound, or that Weir does not price: refused by name.
public struct Unbounded: Sendable, Hashable {
    public var field: String
    public var reason: String
    /// Only a limit on money makes it a refusal.
    public var isPermittedWithoutLimit = false
}

/// Looks for what must be refused: state at the provider always, the rest where money is limited.
public func unbounded(_ scan: RequestScan, body: ByteBuffer, operation: Operation) -> Unbounded? {
    if operation == .responses {
        let state = "responses are served without state at the provider for now"
        if scan.previousResponseID { return Unbounded(field: "previous_response_id", reason: state) }
        if scan.conversation { return Unbounded(field: "conversation", reason: state) }
        if scan.background { return Unbounded(field: "background", reason: state) }
        if scan.storedPrompt { return Unbounded(field: "prompt", reason: state) }
        if scan.itemReferences > 0 { return Unbounded(field: "item_reference", reason: state) }
    }
    let hosted = "hosted tools run at the provider at a cost and a place that Weir does not govern for now"
    if let tool = scan.hostedTool { return Unbounded(field: "tools", reason: hosted + body.name(at: tool)) }
    if scan.webSearchOptions { return Unbounded(field: "web_search_options", reason: hosted) }
    if let retrieval = scan.retrieval { return Unbounded(field: body.word(at: retrieval), reason: hosted) }
    let unpriced = "its cost is not bounded by the size of the request, and the key has a limit"
    if scan.audioParts > 0 { return Unbounded(field: "input_audio", reason: unpriced, isPermittedWithoutLimit: true) }
    if scan.modalitiesAudio { return Unbounded(field: "modalities", reason: unpriced, isPermittedWithoutLimit: true) }
    if scan.files > 0 { return Unbounded(field: "file", reason: unpriced, isPermittedWithoutLimit: true) }
    if scan.prediction { return Unbounded(field: "prediction", reason: unpriced, isPermittedWithoutLimit: true) }
    if scan.unknownPart != nil {
        return Unbounded(
            field: "content", reason: "it has a part of a kind that Weir does not know, and the key has a limit",
            isPermittedWithoutLimit: true)
    }
    if let tier = scan.serviceTier {
        let name = body.word(at: tier)
        if name != "auto" && name != "default" && name != "standard" {
            return Unbounded(
                field: "service_tier", reason: "the price book has no price for this tier, and the key has a limit",
                isPermittedWithoutLimit: true)
        }
    }
    return nil
}

extension ByteBuffer {
    /// Text at a range, cut to what a field's name can be.
    fileprivate func word(at range: Range<Int>) -> String {
        let bytes = readableBytesView.dropFirst(range.lowerBound).prefix(min(range.count, 64))
        return String(
            decoding: bytes.filter { ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || $0 == 0x5F || (0x30...0x39).contains($0) },
            as: UTF8.self)
    }

    fileprivate func name(at range: Range<Int>) -> String {
        let word = word(at: range)
        return word.isEmpty ? "" : " (\(word))"
    }
}
