import Cedar
import Foundation
import TestKit
import Testing

@Suite("Any text, any tree")
struct FuzzTests {
    @Test("A random policy prints as text that reads back as the same policy")
    func printed() throws {
        var generator = ExpressionGenerator(seed: testSeed("printed policies"))
        for round in 0..<5000 {
            let policy = generator.policy(Text("p\(round)"))
            let text = policy.description
            let set = try PolicySet.parse(Source(name: "printed", text: text))
            #expect((set.policies + set.templates) == [policy], "\(text)")
        }
    }

    @Test("A random expression has a value or an error, and the value's text comes to the same value")
    func evaluated() throws {
        var generator = ExpressionGenerator(seed: testSeed("evaluated expressions"))
        let evaluator = try World.load().evaluator
        var values = 0
        for _ in 0..<20_000 {
            guard let value = try? evaluator.value(generator.expression(5)) else { continue }
            values += 1
            #expect(try evaluator.value(expression(value.description)) == value)
        }
        #expect(values > 5000)
    }

    /// Every policy and every expression that the cases hold.
    private func seeds() throws -> [[UInt8]] {
        let corpus = FileManager.default.enumerator(at: cases, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
        let policies = try corpus.filter { $0.pathExtension == "cedar" }.map { try Array(Data(contentsOf: $0)) }
        let bodies = try ExpressionCase.load().map { Array("permit(principal,action,resource)when{\($0.text)};".utf8) }
        #expect(policies.count >= 20)
        return policies + bodies
    }

    private func mutated(_ seeds: [[UInt8]], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = seeds[Int.random(in: 0..<seeds.count, using: &random)]
        let pieces = [
            "\"", "\\", "(", ")", "{", "}", "[", "]", "::", "?principal", "if ", " has ", "//", "\u{0}", "é", "-", "!", "9",
            "\\u{",
        ]
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: Array(pieces[Int.random(in: 0..<pieces.count, using: &random)].utf8), at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
            default:
                let other = seeds[Int.random(in: 0..<seeds.count, using: &random)]
                bytes.insert(contentsOf: other.shuffledSlice(&random), at: place)
            }
        }
        return bytes
    }

    @Test("A mutated policy text is read or refused with places inside of it; what is read prints, reads back and is judged")
    func mutations() throws {
        var random = SeededRandom(seed: testSeed("mutated policies"))
        let seeds = try seeds()
        let world = try World.load()
        var read = 0
        for _ in 0..<20_000 {
            let text = String(decoding: mutated(seeds, &random), as: UTF8.self)
            do throws(Diagnostics) {
                let set = try PolicySet.parse(Source(name: "m", text: text), naming: .position)
                read += 1
                _ = set.authorize(world.request, world.entities)
                let again = try PolicySet.parse(Source(name: "m", text: set.description), naming: .position)
                #expect(again.policies.map(\.conditions) == set.policies.map(\.conditions), "\(text)")
            } catch {
                let lines = text.utf8.count(where: { $0 == 0x0A }) + 1
                #expect(error.all.allSatisfy { (1...lines).contains($0.position.line) && !$0.hint.isEmpty }, "\(text)")
            }
        }
        #expect(read > 300)
    }

    @Test("Mutated JSON is read or refused")
    func json() throws {
        var random = SeededRandom(seed: testSeed("mutated JSON"))
        let seeds = try [
            "world.json", "corpus/sample-data/sandbox_b/entities.json", "corpus/sample-data/sandbox_a/entities.json",
        ].map { try Array(Data(contentsOf: cases.appending(path: $0))) }
        var read = 0
        for _ in 0..<2000 {
            let source = Source(name: "m", text: String(decoding: mutated(seeds, &random), as: UTF8.self))
            if (try? JSON.parse(source)) != nil { read += 1 }
            _ = try? Entities.parseJSON(source)
        }
        #expect(read > 20)
    }
}

extension [UInt8] {
    /// A random stretch of up to forty bytes.
    fileprivate func shuffledSlice(_ random: inout SeededRandom) -> ArraySlice<UInt8> {
        guard !isEmpty else { return [] }
        let start = Int.random(in: 0..<count, using: &random)
        return self[start..<Swift.min(count, start + Int.random(in: 1...40, using: &random))]
    }
}
