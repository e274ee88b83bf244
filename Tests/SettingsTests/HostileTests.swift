import Core
import Foundation
import Settings
import Testing

/// A small generator whose seed is printed, so that a failure can be played again.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

@Suite("A hostile configuration file")
struct HostileTests {
    static let pieces = [
        "&a ", "*a", "<<: *a", "? ", ": ", "- ", "[", "]", "{", "}", "!!str ", "!x ", "|\n  ", ">-\n", "\t", "\n", "\n---\n",
        "\n...\n", "\"", "'", "#", "%YAML 1.1\n", "\u{0}", "\u{7F}", "\u{FEFF}", "é", "🦢", "null", "~", "99999999999999999999",
        "-1", "1e9", "0x10", "any", ",", "\\u0000", "\r\n", "\r", "@", "`",
    ]

    @Test("never crashes the loader: 4,000 changed files")
    func fuzz() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("settings fuzz seed \(seed)")
        var dice = Dice(state: seed)
        let sources = [
            Array(smallest.unicodeScalars),
            Array(try read(repository.appendingPathComponent("examples/quickstart/weir.yaml").path).unicodeScalars.prefix(3000)),
        ]
        for round in 0..<4000 {
            var text = sources[round % 8 == 0 ? 1 : 0]
            for _ in 0..<Int.random(in: 1...4, using: &dice) {
                let at = Int.random(in: 0...text.count, using: &dice)
                let end = min(text.count, at + Int.random(in: 0...6, using: &dice))
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: text.removeSubrange(at..<end)
                case 1:
                    let from = Int.random(in: 0..<text.count, using: &dice)
                    text.insert(contentsOf: text[from..<min(text.count, from + 40)], at: at)
                default:
                    text.replaceSubrange(at..<end, with: Array(Self.pieces.randomElement(using: &dice)!.unicodeScalars))
                }
            }
            var string = ""
            string.unicodeScalars.append(contentsOf: text)
            if case .failure(let errors) = load(string) {
                #expect(!errors.errors.isEmpty, "seed \(seed) round \(round)")
            }
        }
    }

    @Test("is refused in no time when its aliases would grow without bound", arguments: ["- ", "? "])
    func bomb(sign: String) {
        var text = "a0: &a0 [x, x]\n"
        for level in 1...30 {
            text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1), *a\(level - 1)]\n"
        }
        text += "k:\n  \(sign)*a30\n"
        let start = ContinuousClock.now
        guard case .failure(let errors) = load(text) else {
            Issue.record("it loaded")
            return
        }
        #expect(errors.description.contains("Anchors, aliases and merges"))
        #expect(ContinuousClock.now - start < .seconds(5))
    }

    @Test("may nest to any depth and be of any size")
    func depth() {
        for text in [
            String(repeating: "[", count: 200_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "- ", count: 100_000), String(repeating: "x", count: configurationBytesMax + 1),
        ] {
            guard case .failure = load(text) else {
                Issue.record("it loaded")
                continue
            }
        }
    }
}

@Suite("A secret")
struct SecretTests {
    static let canaries = [
        "sk-canary-4f9c2b7e81d04c55", "CANARY+7Qd/93kfLmZ0aa1xPqRs", "canary4f9c2b7e81d04c55aa10", "hunter2 canary",
        "canary!pass",
    ]

    @Test("put anywhere by mistake never appears in an error or a note", arguments: canaries)
    func inline(canary: String) throws {
        let full = try read(repository.appendingPathComponent("examples/quickstart/weir.yaml").path)
        for source in [smallest, full] {
            let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            for (number, line) in lines.enumerated() {
                // In the place of each value of each line, as it is and quoted.
                for written in [canary, "\"\(canary)\""] {
                    var changed = lines
                    guard let colon = line.range(of: ": ") else { continue }
                    changed[number] = line[..<colon.upperBound] + written
                    expectSilent(changed, canary)
                    if let brace = line.range(of: ": ", options: .backwards), line.hasSuffix("}") {
                        changed[number] = line[..<brace.upperBound] + written + "}"
                        expectSilent(changed, canary)
                    }
                }
            }
        }
    }

    private func expectSilent(_ lines: [String], _ canary: String) {
        let text = lines.joined(separator: "\n")
        let said = check(text: text, file: "weir.yaml", environment: [:]) { _ in canary }
        // A name of the operator's own choice may be said; these are not such names.
        if !said.hasPrefix("OK") { #expect(!said.contains(canary), "\(said.prefix(300))") }
    }

    @Test("from the environment or a file never appears, whatever is wrong with it")
    func referenced() {
        let canary = "canary two words"
        for reference in ["{env: SECRET}", "{file: key.txt}"] {
            let text = smallest.replacing("credential: none", with: "credential: \(reference)")
            let said = check(text: text, file: "weir.yaml", environment: ["SECRET": canary]) { _ in canary }
            #expect(!said.contains("canary"))
            #expect(said.contains("visible ASCII"))
        }
        let text = smallest.replacing("https://models.example", with: "{env: SECRET}")
        let said = check(text: text, file: "weir.yaml", environment: ["SECRET": canary]) { _ in "" }
        #expect(!said.contains("canary") && said.contains("SECRET"))
    }
}
