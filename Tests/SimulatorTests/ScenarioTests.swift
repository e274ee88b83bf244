import Testing

@testable import Simulator

@Suite("Scenarios")
struct ScenarioTests {
    static let wrong: [(yaml: String, says: String)] = [
        ("", "s.yaml:1: the scenario is empty"),
        ("seed: x\nendpoints: []", "s.yaml:1: seed must be a whole number from 0, not x"),
        ("seed: 1", "s.yaml:1: endpoints names no endpoint"),
        ("endpoints:\n  - port: 1\n    models: [m]", "s.yaml:2: an endpoint needs name"),
        ("endpoints:\n  - name: e\n    prot: 1\n    models: [m]", "s.yaml:3: an endpoint has no key prot. Did you mean port?"),
        ("endpoints:\n  - name: e\n    firstToken: 20\n    models: [m]", "s.yaml:3: firstToken must be one value"),
        ("endpoints:\n  - name: e\n    firstToken: 9ms..2ms\n    models: [m]", "s.yaml:3: firstToken must be one value"),
        ("endpoints:\n  - name: e\n    provider: azur\n    models: [m]", "Did you mean azure?"),
        ("endpoints:\n  - name: e\n    models: [m]\n    faults: [{ fault: cut-steam }]", "Did you mean cut-stream?"),
        ("endpoints:\n  - name: e\n    models: [{ name: m, replay: gone.sse }]", "s.yaml:3: gone.sse cannot be read"),
        ("endpoints:\n  - name: e\n    name: f\n    models: [m]", "written twice: name"),
        ("endpoints:\n  - name: e\n    models: [m]\n  - name: e\n    models: [m]", "has two endpoints named e"),
        ("endpoints: [", "s.yaml:"),
    ]

    @Test("A scenario that cannot be played says where and why", arguments: wrong)
    func refusals(yaml: String, says: String) {
        do {
            _ = try Scenario.load(yaml: yaml, file: "s.yaml")
            Issue.record("accepted: \(yaml)")
        } catch {
            let text = "\(error)"
            #expect(text.hasPrefix("s.yaml"))
            #expect(text.contains(says), "\(text)")
        }
    }

    @Test("Models take what stands at their endpoint, and change it")
    func inheritance() throws {
        let yaml = "endpoints:\n  - name: e\n    output: 3..9\n    pace: 10\n    models: [a, { name: b, pace: 20.5 }]"
        let models = try Scenario.load(yaml: yaml, file: "s.yaml").endpoints[0].models
        #expect(models.map(\.output) == [Span(3, 9), Span(3, 9)])
        #expect(models.map(\.pace) == [10, 20.5])
    }

    @Test("Tokens never exceed the bytes of a text, and its pieces are its tokens")
    func tokens() {
        #expect(Tokens.count("Hello, internationalisation!") == 6)
        #expect(Tokens.count("水 a\n") == 2)
        #expect(Tokens.count("") == 0)
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = Randomness(seed)
        let letters = Array("abcXYZ019 .,{}\"\\\n\t水é🙂".unicodeScalars)
        for _ in 0..<2_000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int(random.next() % 40) { text.append(letters[Int(random.next() % UInt64(letters.count))]) }
            let string = String(text)
            let count = Tokens.count(string)
            #expect(count <= string.utf8.count, "seed \(seed)")
            #expect(Tokens.pieces(string).count == count, "seed \(seed)")
            if count > 0 { #expect(Tokens.pieces(string).joined() == string, "seed \(seed)") }
        }
        for place in 0..<200 {
            #expect(Tokens.count(Speech.english(seed: seed).token(place)) == 1)
            #expect(Tokens.count(Speech.chinese(seed: seed).token(place)) == 1)
        }
    }

    @Test("JSON is read strictly")
    func json() {
        for good in [#"{"a":[1,-0.5e3,true,null,"\u00e9\ud83d\ude00\n"]}"#, " [] ", "0"] {
            #expect(JSONReader.read(Array(good.utf8)) != nil, "\(good)")
        }
        for bad in ["", "{", "[1,]", "01", "1.", "+1", "{\"a\"}", "\"\u{1}\"", "\"\\ud83d\"", "\"\\u+123\"", "nul", "[1] 2"] {
            #expect(JSONReader.read(Array(bad.utf8)) == nil, "\(bad)")
        }
        #expect(JSONReader.read([0x22, 0xFF, 0x22]) == nil)
        let deep = Array(String(repeating: "[", count: 5_000).utf8)
        #expect(JSONReader.read(deep) == nil)
        let text = #"{"a":"x\"\\\u0001","b":[1.50,{}]}"#
        #expect(JSONReader.read(Array(text.utf8))?.text == text)
    }
}
