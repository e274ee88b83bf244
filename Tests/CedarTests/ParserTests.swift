import Cedar
import Foundation
import Testing

private func parse(_ text: String) throws(Diagnostics) -> PolicySet {
    try PolicySet.parse(Source(name: "a.cedar", text: text))
}

@Suite("Parser")
struct ParserTests {
    @Test("A policy with every form of the grammar is read")
    func everything() throws {
        let set = try parse(
            """
            @id("x") @flag permit (principal is A::B in ?principal, action in [Action::"a", N::Action::"b",], resource == R::"é",) // c
            when { if 1 + 2 * -3 < 4 then !principal.x["y"] has a.b else context like "a*\\\\*" || [1,].contains(2,) && ip("::1").isIpv4() }
            unless { {a: 1, "b c": {}, } == {} };
            """)
        let policy = try #require(set.templates.first)
        #expect(policy.id == "x")
        #expect(policy.annotation("flag") == "")
        #expect(policy.slots == [.principal])
        #expect(policy.conditions.map(\.kind) == [.when, .unless])
    }

    @Test("A mistake is named with line, column and a hint; several policies' mistakes in one reading")
    func positions() throws {
        let error = #expect(throws: Diagnostics.self) {
            _ = try parse("permit (principal, action, resource)\nwhen { princpal == 1 };\nforbid (principal);\n")
        }
        #expect(
            error?.all.map(\.description) == [
                "a.cedar:2:8: princpal is nothing that has a value; did you mean principal?",
                "a.cedar:3:18: expected a comma and action, found ); a scope names principal, action and resource, in this order, and "
                    + "compares each with entities only",
            ])
    }

    @Test("Every text of mistakes.txt is refused with the places and sentences that stand there")
    func mistakes() throws {
        let text = try String(contentsOf: cases.appending(path: "mistakes.txt"), encoding: .utf8)
        let blocks = text.split(separator: "\n\n").filter { !$0.hasPrefix("#") }
        #expect(blocks.count > 40)
        for block in blocks {
            let lines = block.split(separator: "\n")
            let expected = lines.filter { $0.hasPrefix("=> ") }.map { $0.dropFirst(3) }
            let policies = lines.filter { !$0.hasPrefix("=> ") }.joined(separator: "\n") + "\n"
            let error = #expect(throws: Diagnostics.self, "\(policies)") { try parse(policies) }
            let found = (error?.all ?? []).map { "\($0.position.line):\($0.position.column) \($0.message); \($0.hint)" }
            #expect(found.count == expected.count, "\(policies)\(found)")
            for (one, part) in zip(found, expected) { #expect(one.hasPrefix(part), "\(policies)") }
        }
    }
}
