import Core
import Crypto
import TestKit
import Testing

@testable import Gateway

extension SymmetricKey {
    /// The key of a tenant of the tests.
    static func tenant(_ name: String) -> SymmetricKey {
        TenantSecrets(seed: Array(repeating: 7, count: 32)).key(for: name, .state)
    }
}

extension StateID {
    init?(_ text: [UInt8], _ kind: StateKind, key: SymmetricKey) {
        guard let id = text.withUnsafeBytes({ StateID($0, kind, key: key) }) else { return nil }
        self = id
    }

    /// An id as endpoints give them.
    static func random(_ random: inout SeededRandom, home: String = "azure-sweden") -> StateID {
        func digits(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in Array("0123456789abcdef".utf8).randomElement(using: &random) ?? 0 }
        }
        let kind = StateKind.allCases.randomElement(using: &random) ?? .response
        var labels = CallLabels(dataClass: ["public", "personal"].randomElement(using: &random))
        if Bool.random(using: &random) {
            labels.categories = Set(DataCategory.allCases.filter { _ in Bool.random(using: &random) })
        }
        labels.subjects = Set(["SE", "CN", "US", anywhere].filter { _ in Bool.random(using: &random) })
        if Bool.random(using: &random) {
            labels.exportTags = Set(["3A090", "4E091"].filter { _ in Bool.random(using: &random) })
        }
        return StateID(
            kind: kind, home: home, model: "gpt-4o", providerID: Array("resp_".utf8) + digits(48), labels: labels,
            tokens: Bool.random(using: &random) ? nil : Int64.random(in: 0...Int64.max - 1, using: &random))
    }
}

@Suite("Signed ids")
struct StateIDTests {
    private let key = SymmetricKey.tenant("acme")

    @Test("What was signed is read again, and the same state has the same id")
    func roundTrip() throws {
        var random = SeededRandom(seed: testSeed("signed ids"))
        for _ in 0..<2_000 {
            let id = StateID.random(&random)
            let text = try #require(id.signed(with: key))
            #expect(text.starts(with: id.kind.prefix.utf8))
            #expect(text.allSatisfy { Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8).contains($0) })
            #expect(StateID(text, id.kind, key: key) == id)
            #expect(id.signed(with: key) == text)
        }
    }

    @Test("Every id with one bit flipped is refused, and so is every shorter or longer one")
    func flips() throws {
        var random = SeededRandom(seed: testSeed("flipped ids"))
        for _ in 0..<20 {
            let id = StateID.random(&random)
            let text = try #require(id.signed(with: key))
            for bit in 0..<text.count * 8 {
                var flipped = text
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(StateID(flipped, id.kind, key: key) == nil, "bit \(bit)")
            }
            for count in 0..<text.count { #expect(StateID(Array(text[..<count]), id.kind, key: key) == nil) }
            for byte in UInt8.min...UInt8.max { #expect(StateID(text + [byte], id.kind, key: key) == nil) }
            for tail in ["AA", "AAAA", "==", "="] { #expect(StateID(text + Array(tail.utf8), id.kind, key: key) == nil) }
            #expect(StateID(text + text, id.kind, key: key) == nil)
        }
    }

    @Test("An id of another kind, of another tenant or made with another secret is refused")
    func others() throws {
        var random = SeededRandom(seed: testSeed("others' ids"))
        for _ in 0..<1_000 {
            let id = StateID.random(&random)
            let text = try #require(id.signed(with: key))
            let other: StateKind = id.kind == .response ? .conversation : .response
            #expect(StateID(text, other, key: key) == nil)
            #expect(StateID(Array(other.prefix.utf8) + text.dropFirst(5), other, key: key) == nil)
            #expect(StateID(text, id.kind, key: .tenant("acme2")) == nil)
            #expect(
                StateID(text, id.kind, key: TenantSecrets(seed: Array(repeating: 8, count: 32)).key(for: "acme", .state)) == nil)
            #expect(
                StateID(text, id.kind, key: TenantSecrets(seed: Array(repeating: 7, count: 32)).key(for: "acme", .person)) == nil)
        }
    }

    @Test("100,000 random ids are refused")
    func random() {
        var random = SeededRandom(seed: testSeed("random ids"))
        let digits = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        for attempt in 0..<100_000 {
            let kind: StateKind = attempt % 2 == 0 ? .response : .conversation
            var bytes = [UInt8](repeating: 0, count: Int.random(in: 0...200, using: &random))
            var text = Array(kind.prefix.utf8)
            if attempt % 3 == 0 {
                for index in bytes.indices { bytes[index] = UInt8.random(in: 0...255, using: &random) }
                // Begins as a real one does.
                if bytes.count > 2 { (bytes[0], bytes[1]) = (1, kind == .response ? 1 : 2) }
                Base64URL.append(bytes, to: &text)
            } else {
                for _ in bytes { text.append(digits[Int.random(in: 0..<64, using: &random)]) }
            }
            if StateID(text, kind, key: key) != nil { Issue.record("\(text) was taken") }
        }
    }

    @Test("A provider's id that cannot stand in a path and between quotes is not handed out")
    func providerIDs() {
        func signed(_ providerID: String) -> [UInt8]? {
            StateID(kind: .response, home: "h", model: "m", providerID: Array(providerID.utf8), labels: .unknown, tokens: nil)
                .signed(with: key)
        }
        for id in ["r", "bf5e7791-6c05-44ca-b7e0-56aa217150b1", "resp_0bb4", "a.b~c:d=e@f", String(repeating: "x", count: 255)] {
            #expect(signed(id) != nil, "\(id)")
        }
        for id in ["", "a b", "a\"", "a\\", "a/b", "a?b", "a#b", "a%2f", "é", "a\n", String(repeating: "x", count: 256)] {
            #expect(signed(id) == nil, "\(id)")
        }
    }

    @Test("Labels that are too many for an id are unknown in it, so that policy denies where it asks")
    func manyLabels() throws {
        var id = StateID(kind: .response, home: "h", model: "m", providerID: [0x61], labels: .unknown, tokens: 9)
        id.labels = CallLabels(dataClass: "public", categories: [], subjects: Set(countryCodes), exportTags: ["EAR99"])
        let fits = try #require(id.signed(with: key))
        #expect(StateID(fits, .response, key: key) == id)
        id.labels.exportTags = Set((0..<32).map { String(repeating: "T", count: 60) + "\($0)" })
        let cut = try #require(id.signed(with: key))
        let read = try #require(StateID(cut, .response, key: key))
        #expect(read.labels == .unknown && read.providerID == id.providerID && read.tokens == 9)
        #expect(cut.count <= StateID.textBytesMax)
    }

    @Test("Base64 for URLs reads what it writes, and every text but that one is refused")
    func base64() throws {
        var random = SeededRandom(seed: testSeed("base64"))
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            var text: [UInt8] = []
            Base64URL.append(bytes, to: &text)
            #expect(text.withUnsafeBytes { Base64URL.bytes($0) } == bytes)
            guard count % 3 != 0, let last = text.last else { continue }
            // The last digit has bits that mean nothing; with one of them set it is another text.
            for digit in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8 where digit != last {
                let other = Array(text.dropLast()) + [digit]
                #expect(other.withUnsafeBytes { Base64URL.bytes($0) } != bytes)
            }
        }
        for text in ["A", "AA=", "A A", "AB+/", "AAé"] {
            #expect(Array(text.utf8).withUnsafeBytes { Base64URL.bytes($0) } == nil)
        }
    }
}
