import Core
import TestKit
import Testing

@Suite("Digests and identifiers")
struct NamesTests {
    static let hex = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"

    @Test("A digest is 32 bytes or 64 hexadecimal digits, and each gives the other")
    func digest() throws {
        let digest = try #require(KeyDigest(hex: Self.hex))
        #expect(digest.hex == Self.hex)
        #expect(KeyDigest(hex: Self.hex.uppercased()) == digest)
        #expect(digest.bytes.0 == 0x0011_2233_4455_6677)
        var raw: [UInt8] = []
        for word in [digest.bytes.0, digest.bytes.1, digest.bytes.2, digest.bytes.3] {
            raw += (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
        }
        #expect(KeyDigest(raw) == digest)
        #expect(Set([digest, try #require(KeyDigest(raw))]).count == 1)
        #expect(KeyDigest(0, 0, 0, 0).hex == String(repeating: "0", count: 64))
    }

    @Test("Digests that agree in their first word only are not equal")
    func digestEquality() {
        #expect(KeyDigest(1, 2, 3, 4) != KeyDigest(1, 2, 3, 5))
        #expect(Set([KeyDigest(1, 2, 3, 4), KeyDigest(1, 2, 3, 5), KeyDigest(1, 2, 4, 4), KeyDigest(1, 3, 3, 4)]).count == 4)
    }

    @Test("Any other number of bytes is no digest", arguments: [0, 1, 31, 33, 64])
    func digestLength(_ count: Int) {
        #expect(KeyDigest([UInt8](repeating: 7, count: count)) == nil)
    }

    static let zeros = String(repeating: "0", count: 64)
    static let notDigests: [String] = [
        "", String(hex.dropLast()), "\(hex)0", String(repeating: "g", count: 64), "+\(hex.dropFirst())", "-\(hex.dropFirst())",
        "-\(zeros.dropFirst())", "\(zeros.prefix(16))-\(zeros.dropFirst(17))", " \(hex.dropFirst())", "0x\(hex.dropFirst(2))",
        String(repeating: "é", count: 32), "\(hex.dropLast(2))\r\n",
    ]

    @Test("Anything but 64 digits is no digest", arguments: notDigests)
    func noDigest(_ text: String) {
        #expect(KeyDigest(hex: text) == nil)
    }

    @Test("An attempt's name is 32 lower-case digits and is read back")
    func attempts() throws {
        let seed = testSeed("Attempts")
        var random = SeededRandom(seed: seed)
        for _ in 0..<1_000 {
            let id = AttemptID(using: &random)
            let text = id.description
            if text.utf8.count != 32 || AttemptID(text) != id { Issue.record("seed \(seed): \(text)") }
        }
        #expect(AttemptID(high: 1, low: 0xABC).description == "00000000000000010000000000000abc")
        #expect(CallID(high: .max, low: 0).description == "ffffffffffffffff0000000000000000")
        #expect(hexadecimal(0x0123_4567_89AB_CDEF) == "0123456789abcdef")
        for text in [
            "", "0", String(repeating: "A", count: 32), String(repeating: "0", count: 33),
            "+" + String(repeating: "0", count: 31),
        ] {
            #expect(AttemptID(text) == nil, "\(text)")
        }
    }

    @Test("The quick generator does not start from nothing, does not repeat and fills all bits")
    func quickRandom() {
        struct Zeros: RandomNumberGenerator {
            mutating func next() -> UInt64 { 0 }
        }
        var zeros = Zeros()
        var random = QuickRandom(seededBy: &zeros)
        let numbers = (0..<10_000).map { _ in random.next() }
        #expect(Set(numbers).count == numbers.count || Set(numbers.dropFirst(20)).count == numbers.count - 20)
        for bit in 0..<64 {
            let set = numbers.count { $0 >> UInt64(bit) & 1 == 1 }
            #expect((4_500...5_500).contains(set), "bit \(bit): \(set)")
        }
    }

    @Test("Operations have their place in the table")
    func operations() {
        #expect(Operation.allCases.map(\.index) == Array(0..<Operation.allCases.count))
    }
}

@Suite("A secret is never printed")
struct SecretTests {
    static let canary = "sk-canary-7f3a"

    struct Holder {
        var name = "holder"
        var secret = Secret(canary)
        var list = [Secret(canary)]
        var table = ["key": Secret(canary)]
        var maybe: Secret? = Secret(canary)
    }

    @Test("Neither described, interpolated, dumped, mirrored nor inside something else")
    func printing() {
        let secret = Secret(Self.canary)
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Holder(), to: &dumped)
        let endpoint = Endpoint(
            name: "e", provider: .openai, origin: Origin(tls: true, host: "h", port: 443), basePath: "", credential: .key(secret),
            models: [:],
            labels: Labels(processedIn: [], storedIn: [], operator: "", operatorCountry: ""))
        dump(endpoint, to: &dumped)
        let outputs = [
            "\(secret)", secret.description, secret.debugDescription, String(describing: secret), String(reflecting: secret),
            "\([secret])", "\(Holder())", String(reflecting: Holder()), "\(endpoint)", "\(Optional(secret) as Any)", dumped,
        ]
        for output in outputs { #expect(!output.contains("canary")) }
        #expect(Mirror(reflecting: secret).children.isEmpty)
        #expect(secret.value == Self.canary)
        #expect(secret == Secret(Self.canary))
    }

    @Test("A failure tells what happened, what to do, and its code")
    func failure() {
        let failure = Failure(
            code: "weir_x", status: 400, fault: .caller, retry: .never, message: "It is wrong.", action: "Mend it.")
        #expect(failure.description == "It is wrong. Mend it. [weir_x]")
    }
}
