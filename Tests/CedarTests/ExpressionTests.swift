import Cedar
import Foundation
import Testing

/// A line of `expressions.txt`.
struct ExpressionCase: CustomTestStringConvertible {
    let line: Int
    let text: String
    let expected: String

    var testDescription: String { "\(line): \(text)" }

    static func load() throws -> [ExpressionCase] {
        let lines = try String(contentsOf: cases.appending(path: "expressions.txt"), encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().compactMap { index, line in
            guard !line.hasPrefix("#"), let arrow = line.range(of: " => ", options: .backwards) else { return nil }
            return ExpressionCase(
                line: index + 1, text: String(line[..<arrow.lowerBound]), expected: String(line[arrow.upperBound...]))
        }
    }
}

func expression(_ text: String) throws(Diagnostics) -> Cedar.Expression {
    try Cedar.Expression.parse(Source(name: "case", text: text))
}

/// The name of an error's kind, as the cases write it.
private func name(_ error: EvaluationError) -> String { String("\(error.kind)".prefix { $0 != "(" }) }

private func outcome(_ text: String, _ evaluator: Evaluator) -> String {
    let parsed: Cedar.Expression
    do { parsed = try expression(text) } catch { return "error parse" }
    do throws(EvaluationError) { return try evaluator.value(parsed).description } catch { return "error \(name(error))" }
}

@Suite("Expressions")
struct ExpressionTests {
    @Test("Every line of expressions.txt comes to what it says")
    func cases() throws {
        let evaluator = try World.load().evaluator
        let all = try ExpressionCase.load()
        #expect(all.count > 300)
        for one in all {
            let expected = one.expected.hasPrefix("error") ? one.expected : outcome(one.expected, evaluator)
            #expect(outcome(one.text, evaluator) == expected, "line \(one.line): \(one.text)")
        }
    }

    @Test("What is printed reads back as an equal expression, for every line that parses")
    func printing() throws {
        for one in try ExpressionCase.load() {
            guard let parsed = try? expression(one.text) else { continue }
            #expect(try expression(parsed.description) == parsed, "line \(one.line): \(one.text) printed as \(parsed)")
        }
    }

    @Test("Every error says where in its source it arose")
    func errorPlace() throws {
        let evaluator = try World.load().evaluator
        let parsed = try expression("true && (1 + principal.nothing) == 2")
        let error = #expect(throws: EvaluationError.self) { try evaluator.value(parsed) }
        #expect(error?.range == SourceRange(13, 30))
        #expect(error?.description == "User::\"alice\" has no attribute \"nothing\"; guard the access with has")
    }
}
