import Testing
import Wire

@Suite("Which bytes may stand where")
struct HTTPByteClassTests {
    private static let alphanumeric = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)

    /// Whether a request is read whole with `byte` at the place of `•`.
    private func isRead(_ text: String, _ byte: UInt8) -> Bool {
        let halves = text.split(separator: "•", omittingEmptySubsequences: false)
        let bytes = wire(String(halves[0])) + [byte] + wire(String(halves[1]))
        return requestTranscript([bytes[...]]).messages.first?.isComplete == true
    }

    @Test("A field's name is a token")
    func names() {
        let token = Self.alphanumeric.union("!#$%&'*+-.^_`|~".utf8)
        // A colon ends the name early, which is as good a field.
        for byte in UInt8.min...UInt8.max {
            #expect(isRead("GET / HTTP/1.1\nHost: a\nX•Y: z\n\n", byte) == (token.contains(byte) || byte == 0x3A), "\(byte)")
            #expect(isRead("GET / HTTP/1.1\nHost: a\n•: z\n\n", byte) == token.contains(byte), "\(byte)")
        }
    }

    @Test("A field's value holds no control but the tab, wherever in it")
    func values() {
        for length in 0..<20 {
            let before = String(repeating: "v", count: length)
            for byte in UInt8.min...UInt8.max {
                let expected = byte == 0x09 || (byte >= 0x20 && byte != 0x7F)
                #expect(
                    isRead("GET / HTTP/1.1\nHost: a\nX:\(before)•vvvvvvvvvvvv\n\n", byte) == expected, "\(byte) after \(length)")
            }
        }
    }

    @Test("A target is what RFC 3986 lets a path and a query be")
    func targets() {
        let target = Self.alphanumeric.union("-._~!$&'()*+,;=:@/?%".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(isRead("GET /a•b HTTP/1.1\nHost: a\n\n", byte) == target.contains(byte), "\(byte)")
            #expect(isRead("GET • HTTP/1.1\nHost: a\n\n", byte) == (byte == 0x2F), "\(byte)")
        }
    }

    @Test("A host has letters, digits and what joins them")
    func hosts() {
        let host = Self.alphanumeric.union("-._:[]%".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(isRead("GET / HTTP/1.1\nHost: a•b\n\n", byte) == host.contains(byte), "\(byte)")
        }
    }

    @Test("A chunk's size is hexadecimal, a content length decimal")
    func sizes() {
        let decimal = Set("0123456789".utf8)
        let hexadecimal = decimal.union("abcdefABCDEF".utf8)
        for byte in UInt8.min...UInt8.max {
            let body = String(repeating: "x", count: Int(String(decoding: [byte], as: UTF8.self), radix: 16) ?? 0)
            let chunk = body.isEmpty ? "" : body + "\n0\n"
            let chunked = "PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n•\n\(chunk)\n"
            #expect(isRead(chunked, byte) == hexadecimal.contains(byte), "\(byte)")
            #expect(isRead("PUT / HTTP/1.1\nHost: a\nContent-Length: •\n\n\(body)", byte) == decimal.contains(byte), "\(byte)")
        }
    }
}
