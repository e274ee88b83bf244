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

/// Looks for what must be refused: state at the provider without a signed id always, the rest where money is limited. Images and
/// audio are not among it: whether they are bounded depends on the endpoint (`inputBound`).
public func unbounded(_ scan: RequestScan, body: ByteBuffer, dialect: Dialect) -> Unbounded? {
    if dialect == .responses || dialect == .conversations {
        let state = "it lies at the provider under an id that Weir has not signed"
        if scan.background {
            return Unbounded(field: "background", reason: "its answer would be fetched later, outside of any hold")
        }
        if scan.requestID {
            return Unbounded(field: "request_id", reason: "a provider may keep the response under it, in the place of another")
        }
        if scan.storedPrompt { return Unbounded(field: "prompt", reason: state) }
        if scan.itemReferences > 0 { return Unbounded(field: "item_reference", reason: state) }
    }
    let hosted = "hosted tools run at the provider at a cost and a place that Weir does not govern for now"
    if let tool = scan.hostedTool { return Unbounded(field: "tools", reason: hosted + body.name(at: tool)) }
    if let uplift = scan.uplift {
        return Unbounded(
            field: body.word(at: uplift), reason: "it changes the price by a factor that the price book does not have")
    }
    if let caching = scan.caching {
        return Unbounded(
            field: body.word(at: caching), reason: "the provider keeps the call for it, and bills that by the hour, which no price book has")
    }
    if scan.webSearchOptions { return Unbounded(field: "web_search_options", reason: hosted) }
    if let retrieval = scan.retrieval { return Unbounded(field: body.word(at: retrieval), reason: hosted) }
    let unpriced = "its cost is not bounded by the size of the request, and the key has a limit"
    func ifLimited(_ field: String, _ reason: String) -> Unbounded {
        Unbounded(field: field, reason: reason, isPermittedWithoutLimit: true)
    }
    if scan.files > 0 { return ifLimited("file", unpriced) }
    if scan.prediction { return ifLimited("prediction", unpriced) }
    if scan.contextManagement { return ifLimited("context_management", unpriced) }
    if scan.moderation { return ifLimited("moderation", unpriced) }
    if scan.unknownPart != nil {
        return ifLimited("content", "it has a part of a kind that Weir does not know, and the key has a limit")
    }
    if askedTier(scan, body: body) == .unknown {
        return ifLimited("service_tier", "the price book has no price for this tier, and the key has a limit")
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

/// Tokens of the instructions that Anthropic puts before a request that has tools, and of its definitions of a tool that names a type: more
/// than any that its price page lists (346 for tools, 700 for the text editor, 735 for the computer; platform.claude.com/docs, tool use).
public let messagesToolTokens: Int64 = 1_000

/// What a provider adds to the input of a call that has tools.
public func toolTokenBound(_ scan: RequestScan, dialect: Dialect) -> Int64 {
    scan.tools > 0 && dialect.isMessages ? messagesToolTokens * Int64(scan.tools + 1) : 0
}

/// Items for which an endpoint may take what it keeps under their ids, whoever's that is. vLLM reads no ids of items.
public func storedItems(_ scan: RequestScan, at endpoint: Endpoint) -> Unbounded? {
    guard scan.itemsByID > 0, endpoint.provider != .vllm else { return nil }
    return Unbounded(
        field: "input",
        reason: "an item of it has an `id` that Weir has not signed and no `encrypted_content`, so the provider may look it up")
}

/// The most input tokens that a call can have at one endpoint, or the part of it that nobody has bounded there.
public enum InputBound: Sendable, Hashable {
    case tokens(Int64)
    /// `tokens`: the bound of everything else.
    case unbounded(Unbounded, tokens: Int64)
}

/// Adds each image and each audio part at the configured bound to what the bytes bound already.
public func inputBound(_ scan: RequestScan, bytesBound: Int64, served: ServedModel) -> InputBound {
    var tokens = bytesBound
    var missing: String?
    for (name, count, bound) in [
        ("image", scan.images, served.maxTokensPerImage), ("input_audio", scan.audioParts, served.maxTokensPerAudio),
    ] where count > 0 {
        guard let bound else {
            missing = missing ?? name
            continue
        }
        let (product, overflow) = Int64(count).multipliedReportingOverflow(by: max(0, bound))
        let (sum, overflowed) = tokens.addingReportingOverflow(overflow ? .max : product)
        tokens = overflowed ? .max : sum
    }
    guard let missing else { return .tokens(tokens) }
    let reason = "no bound of its tokens is configured for this model, and the key has a limit"
    return .unbounded(Unbounded(field: missing, reason: reason, isPermittedWithoutLimit: true), tokens: tokens)
}
