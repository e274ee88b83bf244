import Cedar
import Testing

@Suite("Bounded work")
struct LimitTests {
    private func nested(_ open: String, _ inside: String, _ close: String, _ count: Int) -> String {
        String(repeating: open, count: count) + inside + String(repeating: close, count: count)
    }

    @Test(
        "Whatever nests is refused with a place when it nests too deep, and never overflows the stack",
        arguments: [
            ("(", ")"), ("[", "]"), ("{a: ", "}"), ("if true then ", " else 1"), ("!(", ")"), ("-(", ")"), ("ip(", ")"),
            ("[1].contains(", ")"), ("1 + (", ")"), ("true && (", ")"), ("principal in [", "]"), ("1 == (", ")"),
            ("if ", " then 1 else 2"),
        ])
    func nesting(_ open: String, _ close: String) throws {
        _ = try expression(nested(open, "1", close, 90)).description
        for count in [Limits.expressionDepth + 1, 100_000] {
            let error = #expect(throws: Diagnostics.self) { try expression(nested(open, "1", close, count)) }
            #expect(error?.all.first?.message.contains("nests deeper than 200 levels") == true, "\(error?.description ?? "")")
        }
    }

    @Test(
        "Chains that grow to the left are refused when they get too high",
        arguments: [" + 1", " * 1", ".a", "[\"a\"]", ".isEmpty()"])
    func chains(_ link: String) throws {
        _ = try expression("1" + String(repeating: link, count: Limits.expressionDepth - 1))
        #expect(throws: Diagnostics.self) { try expression("1" + String(repeating: link, count: Limits.expressionDepth)) }
        #expect(throws: Diagnostics.self) { try expression("1" + String(repeating: link, count: 100_000)) }
    }

    @Test("A chain of ten thousand && or || is flat and has a value", arguments: [" && ", " || "])
    func flat(_ operation: String) throws {
        let operand = operation == " && " ? "true" : "false"
        let parsed = try expression(Array(repeating: operand, count: 10_000).joined(separator: operation))
        #expect(parsed.height == 2)
        #expect(try World.load().evaluator.bool(parsed) == (operand == "true"))
    }

    @Test("The deepest expression that is read is evaluated, printed and read back")
    func deepest() throws {
        let evaluator = try World.load().evaluator
        let depth = Limits.expressionDepth
        #expect(try evaluator.value(expression(nested("(", "7", ")", depth))) == .long(7))
        let conditional = try expression(nested("if true then ", "7", " else 1", depth - 1))
        #expect(conditional.height == depth)
        #expect(try evaluator.value(conditional) == .long(7))
        #expect(try expression(conditional.description) == conditional)
        let set = try expression(nested("[", "7", "]", depth - 1))
        #expect(try evaluator.value(set).hashValue == evaluator.value(set).hashValue)
    }

    @Test("A tree that a program made too high is refused by the evaluator")
    func madeTooHigh() throws {
        var made = Cedar.Expression(.bool(true))
        for _ in 0..<Limits.expressionDepth { made = Cedar.Expression(.not(made)) }
        let evaluator = try World.load().evaluator
        let error = #expect(throws: EvaluationError.self) { try evaluator.value(made) }
        #expect(error?.kind == .tooDeep)
    }

    @Test("A pattern and a text that would take a hundred million comparisons are given up")
    func pattern() throws {
        let text = String(repeating: "a", count: 20_000)
        let pattern = "*" + String(repeating: "a", count: 10_000) + "b"
        let evaluator = try World.load().evaluator
        let slow = try expression("\"\(text)\" like \"\(pattern)\"")
        let error = #expect(throws: EvaluationError.self) { try evaluator.value(slow) }
        #expect(error?.kind == .tooManySteps)
    }

    @Test("JSON that nests too deep is refused with its place")
    func json() throws {
        _ = try JSON.parse(Source(name: "j", text: nested("[", "1", "]", Limits.jsonDepth)))
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let error = #expect(throws: Diagnostics.self) {
                try JSON.parse(Source(name: "j", text: nested(open, "1", close, 100_000)))
            }
            #expect(error?.all.first?.message.contains("deeper than 640") == true)
        }
    }

    @Test("A text over the limit is refused before it is read")
    func size() {
        let large = Source(name: "l", text: String(repeating: " ", count: Limits.sourceBytes + 1))
        #expect(throws: Diagnostics.self) { try PolicySet.parse(large) }
        #expect(throws: Diagnostics.self) { try JSON.parse(large) }
    }

    @Test("A text of mistakes names the first twenty and stops")
    func manyMistakes() {
        let text = String(repeating: "permit;\n", count: 100_000)
        let error = #expect(throws: Diagnostics.self) { try PolicySet.parse(Source(name: "m", text: text)) }
        #expect(error?.all.count == Limits.diagnostics)
    }
}
