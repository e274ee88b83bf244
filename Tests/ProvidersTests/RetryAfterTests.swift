import Core
import NIOCore
import Providers
import Testing
import Wire

@Suite("The pause that an answer asks for")
struct RetryAfterTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    static let now = Timestamp(seconds: 784_111_777)

    private func pause(_ fields: String, now: Timestamp = now) throws -> Int64? {
        var parser = ResponseParser()
        parser.begin(headRequest: false)
        var buffer = ByteBuffer(string: "HTTP/1.1 429 Slow\r\n\(fields)content-length: 0\r\n\r\n")
        guard case .head(let answer) = try parser.next(&buffer) else {
            Issue.record("a head")
            return nil
        }
        return retryAfterMilliseconds(in: answer.head, now: now)
    }

    static let seconds: [(text: String, milliseconds: Int64?)] = [
        ("0", 0), ("1", 1_000), ("007", 7_000), ("120", 120_000), ("1.0", 1_000), ("1.5", 2_000), ("0.001", 1_000),
        ("999999999", 999_999_999_000), ("9999999999", 999_999_999_000), ("99999999999999999999999999", 999_999_999_000),
        ("-1", nil), ("+1", nil), ("1s", nil), ("1.x", nil), ("1.5.2", nil), (".5", nil), ("1,5", nil), ("1e3", nil),
        ("0x10", nil),
        ("soon", nil), ("1 2", nil), ("NaN", nil), ("", nil),
    ]

    @Test("Seconds, rounded up; a huge number is a long pause, garbage is none", arguments: seconds.indices)
    func retryAfter(_ index: Int) throws {
        let (text, milliseconds) = Self.seconds[index]
        #expect(try pause("Retry-After: \(text)\r\n") == milliseconds, "\(text)")
    }

    static let milliseconds: [(text: String, milliseconds: Int64?)] = [
        ("0", 0), ("1", 1), ("1500", 1_500), ("12.5", 13), ("99999999999999999999", 999_999_999), ("-5", nil), ("x", nil),
        ("", nil),
    ]

    @Test("Milliseconds", arguments: milliseconds.indices)
    func retryAfterMS(_ index: Int) throws {
        let (text, milliseconds) = Self.milliseconds[index]
        #expect(try pause("Retry-After-Ms: \(text)\r\n") == milliseconds, "\(text)")
        // It wins where it can be read; where it cannot, the seconds count.
        #expect(try pause("Retry-After: 9\r\nretry-after-ms: \(text)\r\n") == milliseconds ?? 9_000, "\(text)")
    }

    static let dates: [(text: String, milliseconds: Int64?)] = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("Sun, 06 Nov 1994 08:49:39 GMT", 2_000), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Mon, 07 Nov 1994 08:49:37 GMT", 86_400_000),
        ("Sun, 06 Nov 1994 08:49:60 GMT", 23_000), ("Sun, 06 Nov 1994 24:00:00 GMT", nil), ("Sun, 06 Nov 1994 08:60:00 GMT", nil),
        ("Sun, 06 Nov 1994 08:49:61 GMT", nil), ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Nov 1994 08:49:37 CET", nil),
        ("Sun, 06 Nov 1994 08:xx:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:37: GMT", nil), ("Sun, 06 Nov 1994 08::37 GMT", nil),
        ("Wed, 31 Feb 2027 08:49:37 GMT", nil), ("Sun, 00 Nov 2027 08:49:37 GMT", nil), ("Sun, 06 Nux 2027 08:49:37 GMT", nil),
        ("Sunday, 06-Nov-94 08:49:37 GMT", nil), ("Sun Nov  6 08:49:37 1994", nil), ("1994-11-06T08:49:37Z", nil),
        ("Sun, 06 Nov 0000 08:49:37 GMT", nil), ("Sun, 06 Nov 99999 08:49:37 GMT", nil),
    ]

    @Test("An HTTP date is the time until then; a date that is none is no pause", arguments: dates.indices)
    func date(_ index: Int) throws {
        let (text, milliseconds) = Self.dates[index]
        #expect(try pause("Retry-After: \(text)\r\n") == milliseconds, "\(text)")
    }

    @Test("A date beyond the range of the clock is a long pause, not a crash")
    func farDate() throws {
        let far = try #require(
            try pause("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", now: Timestamp(seconds: 1_800_000_000)))
        #expect(far > 7_000_000_000_000)
    }

    @Test("No header, no pause")
    func none() throws {
        #expect(try pause("") == nil)
        #expect(try pause("x-retry-after: 5\r\n") == nil)
    }
}
