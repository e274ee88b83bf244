import Foundation

/// Random numbers that repeat from their seed (SplitMix64).
struct HTTPDice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func oneIn(_ bound: Int) -> Bool { below(bound) == 0 }
    mutating func pick<T>(_ items: [T]) -> T { items[below(items.count)] }
}

/// `WEIR_SEED` repeats a run, `WEIR_CASES` makes it longer.
func httpSeed() -> UInt64 { environmentNumber("WEIR_SEED") ?? UInt64.random(in: .min ... .max) }
func httpCases(_ usual: Int) -> Int { environmentNumber("WEIR_CASES").map { Int(clamping: $0) } ?? usual }

private func environmentNumber(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

/// Makes messages that are nearly right: grammars with rare odd choices, then bytes changed at random.
struct HTTPMutator {
    var dice: HTTPDice

    static let fragments: [[UInt8]] = [
        "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ":", ",", ";", "\u{0}", "\u{7F}", "\u{B}", "é", "\"", "0", "5",
        "f", "0\r\n", "0\r\n\r\n", "1\r\na\r\n", "00000001", "Host: b\r\n", "Content-Length: 3\r\n",
        "Content-Length: 0\r\n", "content-length:5\r\n", "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\tCHUNKED\r\n", "chunked", "Connection: close\r\n",
        "Connection: keep-alive\r\n", "Connection: upgrade\r\nUpgrade: h2c\r\n", "Connection: ,close ,x\r\n", "close",
        "keep-alive", "upgrade", "X: y\r\n", " folded\r\n", "Expect: 100-continue\r\n", "GET ", "POST ", "HEAD ",
        "OPTIONS * ", "HTTP/1.1", "HTTP/1.0", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "204", "304",
        "200", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", ";x=y", "%00", "?", "#", "//", "Trailer: x\r\n",
    ].map { Array($0.utf8) }

    static let fieldLines = [
        "X: 1", "X:2", "Accept:\t*/*", "Empty:", "Spaced:   a b  ", "Tab: a\tb", "UTF: åäö", "Connection: keep-alive",
        "Connection: close", "Connection: te, close", "connection:Keep-Alive , TE", "Connection: closed",
        "Connection: clos", "Connection: close,", "Connection: ,", "Connection: close x",
        "Connection: keep-alive, close", "Connection: keep-alive\r\nConnection: close",
        "Connection: upgrade\r\nUpgrade: h2c", "Upgrade: websocket", "Connection: content-length",
        "Expect: 100-continue", "Expect: x", "Content_Length: 7", "X-Content-Length: 7", "Content-Length2: 7",
        "Content-Lengt: 7", "Transfer-Encodin: chunked", "Transfer-Encodings: chunked",
        "X-Transfer-Encoding: chunked", "TE: trailers", "Trailer: X", "Connectio: close", "Authorization: Bearer a",
        "api-key: x", "Content-Type: application/json", "!#$%&'*+-.^_`|~09azAZ: odd", "Keep-Alive: timeout=5",
        "X: (),/:;<=>?@[\\]{}\"",
    ]

    mutating func next(isRequest: Bool, good: [[UInt8]], bad: [[UInt8]]) -> [UInt8] {
        var bytes = dice.oneIn(2) ? message(isRequest) : dice.pick(dice.oneIn(4) ? bad : good)
        if !dice.oneIn(4) { mutate(&bytes) }
        return bytes
    }

    /// Up to three messages, each `start` and a random head and body.
    mutating func message(_ isRequest: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<(dice.oneIn(3) ? 1 + dice.below(3) : 1) { bytes += one(isRequest) }
        return bytes
    }

    /// Mostly the usual; one time in twenty something odd.
    private mutating func odd(_ choices: [String], else usual: String) -> String { dice.oneIn(20) ? dice.pick(choices) : usual }

    private mutating func one(_ isRequest: Bool) -> [UInt8] {
        var text = isRequest ? requestLine() : statusLine()
        for _ in 0..<dice.below(5) { text += dice.pick(Self.fieldLines) + "\r\n" }
        var body = ""
        switch dice.below(6) {
        case 0 where isRequest: break
        case 0, 1, 2:
            let count = dice.below(20)
            text += dice.pick(["Content-Length: ", "content-length:", "CONTENT-LENGTH:  ", "Content-Length:\t"])
            text += dice.pick(["", "", "", "0", " 0"]) + odd(["+", "0x", "-"], else: "")
            text += "\(count)" + odd([" ", "\t", ",0", "."], else: "") + "\r\n"
            body = String(repeating: "x", count: dice.oneIn(8) ? dice.below(20) : count)
        default:
            text += dice.pick(["Transfer-Encoding: chunked", "transfer-encoding:Chunked", "Transfer-Encoding: \t chunked"])
            text += odd([" ", "\t", ", chunked", ",", ";a=b"], else: "") + "\r\n"
            for _ in 0..<dice.below(4) { body += chunk() }
            body += dice.pick(["0\r\n\r\n", "00\r\n\r\n", odd(["0\r\nX: 1\r\n\r\n", "0\n\n", "0\r\n", ""], else: "0\r\n\r\n")])
        }
        for _ in 0..<dice.below(2) { text += dice.pick(Self.fieldLines) + "\r\n" }
        return Array(text.utf8) + [13, 10] + Array(body.utf8)
    }

    private mutating func requestLine() -> String {
        var text = dice.oneIn(20) ? "\r\n" : ""
        text += dice.pick(["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
        text += odd(["x", "\0"], else: "") + odd(["  ", "\t", ""], else: " ")
        text += dice.pick(["/", "/v1/chat/completions", "/a?b=c", "/?", "/a%20b;c=d", "/~!$&'()*+,;=:@", "//"])
        text += odd(["*", "http://a/", "#", "é", "^", "\"|{}"], else: "")
        text += dice.pick([
            " HTTP/1.1", " HTTP/1.1", " HTTP/1.1", " HTTP/1.0", odd([" HTTP/1.2", " http/1.1"], else: " HTTP/1.1"),
        ])
        text += odd(["\r", "\n", " \r\n"], else: "\r\n")
        guard !dice.oneIn(12) else { return text }
        return text + dice.pick(["Host: a\r\n", "host:a.example:80\r\n", "Host: [::1]\r\n"])
    }

    private mutating func statusLine() -> String {
        var text = ""
        if dice.oneIn(6) {
            text += odd(["HTTP/1.0 "], else: "HTTP/1.1 ") + dice.pick(["100 Continue", "102 ", "103 Early", "199"]) + "\r\n"
            text += dice.pick(["", "Link: x\r\n", odd(["Content-Length: 2\r\n", "Connection: close\r\n"], else: "")]) + "\r\n"
        }
        text += odd(["HTTP/1.1", "http/1.1 ", "HTTP/2 "], else: dice.pick(["HTTP/1.1 ", "HTTP/1.1 ", "HTTP/1.1 ", "HTTP/1.0 "]))
        text += odd(
            ["101", "20", "2000", "600", "000"], else: dice.pick(["200", "200", "201", "204", "304", "404", "500", "599"]))
        return text + odd(["\n", "  X  \r\n", "\tX\r\n"], else: dice.pick([" OK\r\n", " \r\n", "\r\n", " å b\tc\r\n"]))
    }

    private mutating func chunk() -> String {
        let count = 1 + dice.below(20)
        return dice.pick(["", "", "0", "000"]) + String(count, radix: 16, uppercase: dice.oneIn(2))
            + odd([" \r\n", ";x\r\n", "\n", "\t\r\n", "\r"], else: "\r\n")
            + String(repeating: "c", count: count) + (dice.oneIn(30) ? "\n" : "\r\n")
    }

    /// Changes a few bytes.
    private mutating func mutate(_ bytes: inout [UInt8]) {
        for _ in 0...(dice.oneIn(3) ? 2 : 0) where !bytes.isEmpty {
            let at = dice.below(bytes.count)
            switch dice.below(7) {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
            case 1: bytes[at] ^= 1 << UInt8(dice.below(8))
            case 2: bytes.remove(at: at)
            case 3: bytes.insert(contentsOf: dice.pick(Self.fragments), at: at)
            case 4: bytes.removeSubrange(at..<min(bytes.count, at + 1 + dice.below(8)))
            case 5: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 1 + dice.below(24))], at: dice.below(bytes.count))
            default:
                // A fragment in the place of one line end or of the bytes there.
                let fragment = dice.pick(Self.fragments)
                bytes.replaceSubrange(at..<min(bytes.count, at + fragment.count), with: fragment)
            }
        }
    }

    mutating func cuts(_ count: Int) -> [Int] {
        guard count > 1 else { return [] }
        if dice.oneIn(8) { return Array(1..<count) }
        return (0..<(1 + dice.below(4))).map { _ in dice.below(count) }.sorted()
    }
}
