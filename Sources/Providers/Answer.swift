import Core
import Wire

/// What an unsuccessful answer means for the call and its endpoint: the same number says different things at different providers.
public enum AnswerMeaning: Sendable, Hashable {
    /// The caller's request is at fault; every endpoint would say so. `billsInput`: the provider charges the prompt all the same.
    case callerFault(billsInput: Bool)
    /// The endpoint asks for a pause.
    case throttled(milliseconds: Int64)
    /// The account at the provider has no money left; waiting does not help soon.
    case providerMoney
    /// Our credential was refused.
    case credential
    /// The deployment or model is not there.
    case missing
    /// The provider failed.
    case failed

    /// Pauses in milliseconds where the provider names none.
    static let throttledPause: Int64 = 1_000
    public static let moneyPause: Int64 = 300_000
    /// Azure: DeploymentNotFound can clear within 5 minutes of a deployment's creation.
    public static let missingPause: Int64 = 30_000
}

/// Reads the meaning of a status of 400 or more: first in the provider's own words, then by what the status means everywhere.
public func meaning(status: Int, error: ErrorFacts, retryAfterMilliseconds: Int64?, provider: ProviderKind) -> AnswerMeaning {
    if (400..<500).contains(status), let own = provider.wire.meaning(error, status: status) { return own }
    switch status {
    case 429:
        // One request above the whole limit never succeeds, at no pace.
        if error.saysTooLarge { return .callerFault(billsInput: false) }
        return .throttled(milliseconds: retryAfterMilliseconds ?? AnswerMeaning.throttledPause)
    case 402: return .providerMoney
    case 401, 403: return .credential
    case 404: return .missing
    case 408, 409: return .failed
    case 503, 529:
        if let retryAfterMilliseconds { return .throttled(milliseconds: retryAfterMilliseconds) }
        return .failed
    case 500...: return .failed
    default:
        // Azure bills the prompt that its content filter blocked (providers.md, section 3), whatever it is configured as.
        return .callerFault(billsInput: error.code == "content_filter")
    }
}

extension ErrorFacts {
    /// The endpoint does not take so long a prompt. Another one of the model may: a provisioned deployment at Azure takes less than a
    /// standard one (MicrosoftDocs/azure-ai-docs, provisioned throughput), and an engine as much as its memory holds.
    public var saysPromptTooLong: Bool {
        says(oneOf: ["context_length_exceeded", "exceed_context_size_error", "OutofContextError"])
    }
}

/// The pause that an answer asks for: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
public func retryAfterMilliseconds(in head: HTTPHead, now: Timestamp) -> Int64? {
    if let span = head.value(of: "retry-after-ms"), let value = wholeMilliseconds(head.string(span), unit: 1) { return value }
    guard let text = head[.retryAfter].map(head.string) else { return nil }
    if let value = wholeMilliseconds(text, unit: 1000) { return value }
    return httpDate(text).map { max(0, $0.milliseconds(since: now)) }
}

/// Reads a non-negative decimal and scales it by `unit`, rounding up; more than nine digits are as good as nine nines.
private func wholeMilliseconds(_ text: String, unit: Int64) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard !parts[0].isEmpty, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }) else { return nil }
    guard parts[0].utf8.count <= 9, let whole = Int64(parts[0]) else { return 999_999_999 * unit }
    let hasFraction = parts.count == 2 && parts[1].utf8.contains { $0 != 0x30 }
    return whole * unit + (hasFraction ? unit : 0)
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, IMF-fixdate).
func httpDate(_ text: String) -> Timestamp? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), let year = Int(words[3]), (1970...9999).contains(year),
        let month = months.firstIndex(of: String(words[2])), (1...31).contains(day)
    else { return nil }
    let date = CivilDate(year: year, month: month + 1, day: day)
    let clock = words[4].split(separator: ":", omittingEmptySubsequences: false).map { Int64($0) ?? -1 }
    guard CivilDate(daysSince1970: date.daysSince1970) == date, clock.count == 3, (0..<24).contains(clock[0]),
        (0..<60).contains(clock[1]), (0...60).contains(clock[2])
    else { return nil }
    return Timestamp(seconds: Int64(date.daysSince1970) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2])
}
