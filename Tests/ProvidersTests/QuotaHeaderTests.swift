import Core
import NIOCore
import Testing
import Wire

@testable import Providers

@Suite("What an answer's headers say is left of a quota")
struct QuotaHeaderTests {
    /// 2025-03-15T09:38:20Z.
    static let now = Timestamp(seconds: 1_742_031_500)

    private func report(_ fields: [String], _ provider: ProviderKind = .openai) throws -> QuotaReport? {
        var parser = ResponseParser()
        parser.begin(headRequest: false)
        let lines = (["HTTP/1.1 200 OK"] + fields + ["content-length: 0", "", ""]).joined(separator: "\r\n")
        var buffer = ByteBuffer(string: lines)
        guard case .head(let answer) = try parser.next(&buffer) else {
            Issue.record("a head")
            return nil
        }
        return quotaReport(in: answer.head, provider: provider, now: Self.now)
    }

    @Test("OpenAI: six headers, in any case, with durations")
    func openAI() throws {
        let found = try report([
            "X-RateLimit-Limit-Requests: 5000", "x-ratelimit-remaining-requests: 4999", "x-ratelimit-reset-requests: 12ms",
            "x-ratelimit-limit-tokens: 800000", "X-Ratelimit-Remaining-Tokens: 799980", "x-ratelimit-reset-tokens: 6m0s",
        ])
        #expect(
            found
                == QuotaReport(
                    requests: .init(remaining: 4_999, limit: 5_000, resetMilliseconds: 12),
                    tokens: .init(remaining: 799_980, limit: 800_000, resetMilliseconds: 360_000)))
    }

    @Test("Azure: plain numbers are milliseconds")
    func azure() throws {
        let found = try report(
            [
                "x-ratelimit-limit-requests: 120", "x-ratelimit-remaining-requests: 119", "x-ratelimit-reset-requests: 500",
                "x-ratelimit-renewalperiod-requests: 60", "x-ratelimit-remaining-tokens: 119986",
            ], .azure)
        #expect(found?.requests == .init(remaining: 119, limit: 120, resetMilliseconds: 500))
        #expect(found?.tokens == .init(remaining: 119_986))
    }

    @Test("Anthropic: moments of RFC 3339")
    func anthropic() throws {
        let found = try report(
            [
                "anthropic-ratelimit-requests-limit: 4000", "anthropic-ratelimit-requests-remaining: 3999",
                "anthropic-ratelimit-requests-reset: 2025-03-15T09:38:27Z", "anthropic-ratelimit-tokens-remaining: 479000",
                "anthropic-ratelimit-tokens-limit: 480000", "anthropic-ratelimit-tokens-reset: 2025-03-15T09:38:00Z",
            ], .compatible)
        #expect(found?.requests == .init(remaining: 3_999, limit: 4_000, resetMilliseconds: 7_000))
        #expect(found?.tokens == .init(remaining: 479_000, limit: 480_000, resetMilliseconds: 0))
    }

    @Test("Without a remaining count there is no report, and garbage is none")
    func none() throws {
        #expect(try report([]) == nil)
        #expect(try report(["x-ratelimit-limit-requests: 5000", "x-ratelimit-reset-requests: 1s"]) == nil)
        for text in ["-1", "", "many", "1.5", "9999999999999999999"] {
            #expect(try report(["x-ratelimit-remaining-tokens: \(text)"]) == nil, "\(text)")
        }
        #expect(try report(["x-ratelimit-remaining-cookies: 5", "x-ratelimit-remaining-tokenz: 5"]) == nil)
    }

    static let resets: [(text: String, milliseconds: Int64?)] = [
        ("12ms", 12), ("1s", 1_000), ("6m0s", 360_000), ("1h2m3s", 3_723_000), ("7.66s", 7_660), ("1.5ms", 2), ("250us", 1),
        ("0s", 0), ("59.999999999s", 60_000), ("3", 3_000), ("", nil), ("s", nil), ("1x", nil), ("-1s", nil), ("1..5s", nil),
        (".5s", nil), ("99999999h", nil), ("2025-03-15T09:38:21.5Z", 1_000), ("2025-03-15T09:38:21+01:00", nil),
        ("2025-13-15T09:38:21Z", nil), ("2025-03-15T25:38:21Z", nil), ("soon", nil),
    ]

    @Test("Durations, moments and numbers; anything else is as if it were not there", arguments: resets.indices)
    func reset(_ index: Int) {
        let (text, milliseconds) = Self.resets[index]
        #expect(resetMilliseconds(text, provider: .openai, now: Self.now) == milliseconds, "\(text)")
    }
}
