import Core
import Wire

/// Reads what an answer's headers say is left of the endpoint's quota, in one walk over them; nil where they say nothing.
///
/// OpenAI and most of its dialect write `x-ratelimit-remaining-requests` with reset times as durations (`6m0s`), Azure the same
/// names with plain numbers, Anthropic `anthropic-ratelimit-tokens-remaining` with moments.
public func quotaReport(in head: HTTPHead, provider: ProviderKind, now: Timestamp) -> QuotaReport? {
    var requests = Written()
    var tokens = Written()
    for field in head.fields where field.name.count >= shortestQuotaName {
        switch head.withBytes(of: field.name, quotaName) {
        case nil: continue
        case (let isRequests, let what)?:
            let text = head.string(field.value)
            if isRequests { requests.read(what, text, provider, now) } else { tokens.read(what, text, provider, now) }
        }
    }
    let report = QuotaReport(requests: requests.left, tokens: tokens.left)
    return report.requests == nil && report.tokens == nil ? nil : report
}

/// Of `x-ratelimit-limit-tokens`.
private let shortestQuotaName = 24

private enum What { case limit, remaining, reset }

/// The fields about one thing that is counted.
private struct Written {
    private var limit: Int64?
    private var remaining: Int64?
    private var reset: Int64?

    var left: QuotaReport.Left? {
        remaining.map { QuotaReport.Left(remaining: $0, limit: limit, resetMilliseconds: reset) }
    }

    mutating func read(_ what: What, _ text: String, _ provider: ProviderKind, _ now: Timestamp) {
        switch what {
        case .limit: limit = count(text) ?? limit
        case .remaining: remaining = count(text) ?? remaining
        case .reset: reset = resetMilliseconds(text, provider: provider, now: now) ?? reset
        }
    }
}

/// Which count a header is about, and what it says of it.
private func quotaName(_ name: UnsafeRawBufferPointer) -> (isRequests: Bool, What)? {
    func named(_ text: StaticString) -> Bool {
        guard name.count == text.utf8CodeUnitCount else { return false }
        let wanted = text.utf8Start
        for (at, byte) in name.enumerated() {
            let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
            if lower != wanted[at] { return false }
        }
        return true
    }
    switch name.count {
    case 24:
        return named("x-ratelimit-limit-tokens") ? (false, .limit) : named("x-ratelimit-reset-tokens") ? (false, .reset) : nil
    case 26:
        return named("x-ratelimit-limit-requests")
            ? (true, .limit) : named("x-ratelimit-reset-requests") ? (true, .reset) : nil
    case 28: return named("x-ratelimit-remaining-tokens") ? (false, .remaining) : nil
    case 30: return named("x-ratelimit-remaining-requests") ? (true, .remaining) : nil
    case 32:
        return named("anthropic-ratelimit-tokens-limit")
            ? (false, .limit) : named("anthropic-ratelimit-tokens-reset") ? (false, .reset) : nil
    case 34:
        return named("anthropic-ratelimit-requests-limit")
            ? (true, .limit) : named("anthropic-ratelimit-requests-reset") ? (true, .reset) : nil
    case 36: return named("anthropic-ratelimit-tokens-remaining") ? (false, .remaining) : nil
    case 38: return named("anthropic-ratelimit-requests-remaining") ? (true, .remaining) : nil
    default: return nil
    }
}

private func count(_ text: String) -> Int64? {
    guard !text.isEmpty, text.utf8.count <= 15, text.utf8.allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
    return Int64(text)
}

/// A reset in milliseconds from now: Go's durations (`12ms`, `1.5s`, `6m0s`), a moment of RFC 3339, or a plain number.
/// Azure's plain numbers are milliseconds (seen in recordings); anybody else's are taken as seconds, which errs to the longer.
func resetMilliseconds(_ text: String, provider: ProviderKind, now: Timestamp) -> Int64? {
    if let plain = count(text) { return min(plain, 1_000_000_000) * (provider == .azure ? 1 : 1_000) }
    if let moment = internetTime(text) { return max(0, moment.milliseconds(since: now)) }
    return duration(text)
}

/// Reads `1h2m3.5s` or `12ms`, rounded up to milliseconds.
private func duration(_ text: String) -> Int64? {
    var nanoseconds: Int64 = 0
    var rest = text.utf8[...]
    guard !rest.isEmpty, text.utf8.count <= 32 else { return nil }
    while !rest.isEmpty {
        let number = rest.prefix { $0 &- 0x30 < 10 || $0 == UInt8(ascii: ".") }
        rest = rest.dropFirst(number.count)
        let letters = rest.prefix { $0 &- 0x30 >= 10 && $0 != UInt8(ascii: ".") }
        rest = rest.dropFirst(letters.count)
        let unit: Int64
        switch String(letters) {
        case "h"?: unit = 3_600_000_000_000
        case "m"?: unit = 60_000_000_000
        case "s"?: unit = 1_000_000_000
        case "ms"?: unit = 1_000_000
        case "us"?, "µs"?: unit = 1_000
        case "ns"?: unit = 1
        default: return nil
        }
        guard let amount = scaled(Substring(number), by: unit) else { return nil }
        nanoseconds += amount
    }
    return (nanoseconds + 999_999) / 1_000_000
}

/// A decimal times a unit; nil for what is no number, or longer than a few years in any unit.
private func scaled(_ text: Substring, by unit: Int64) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, first.utf8.count <= 5, let whole = Int64(first) else { return nil }
    guard parts.count == 2 else { return whole * unit }
    let digits = parts[1].prefix(9)
    guard let fraction = Int64(digits) else { return nil }
    var scale: Int64 = 1
    for _ in 0..<digits.utf8.count { scale *= 10 }
    // In two steps, so that neither overflows.
    return whole * unit + unit / 1_000 * fraction / scale * 1_000 + (unit < 1_000 ? 1 : 0)
}

/// Reads `2025-03-15T09:38:27Z`, with or without a fraction of a second, which is dropped (RFC 3339, UTC only).
private func internetTime(_ text: String) -> Timestamp? {
    guard text.utf8.count >= 20, text.utf8.count <= 40, text.hasSuffix("Z") else { return nil }
    let halves = text.dropLast().split(separator: "T", omittingEmptySubsequences: false)
    guard halves.count == 2, let date = CivilDate(halves[0]) else { return nil }
    let clock = halves[1].prefix { $0 != "." }.split(separator: ":", omittingEmptySubsequences: false)
    let numbers = clock.compactMap { $0.utf8.count == 2 ? Int64($0) : nil }
    guard clock.count == 3, numbers.count == 3, (0..<24).contains(numbers[0]), (0..<60).contains(numbers[1]),
        (0...60).contains(numbers[2])
    else { return nil }
    return Timestamp(seconds: date.start.seconds + numbers[0] * 3_600 + numbers[1] * 60 + numbers[2])
}
