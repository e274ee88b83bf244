import Cedar
import Core
import Policy
import Testing

/// Whether the tables would notice if a rule said something else.
@Suite("Mutations of the rule pack")
struct RuleMutationTests {
    @Test(
        "Whatever condition, part of one, number, word or day of a rule is changed, a case of its table notices",
        arguments: Pack.rules.map(\.name))
    func noticed(name: String) throws {
        let rule = try #require(Pack.rules.first { $0.name == name })
        let cases = try Pack.cases(of: name)
        var count = 0
        for policy in rule.policies {
            let part = try #require(rule.parts.first { Text($0.id) == policy.id })
            func isNoticed(_ mutant: Policy?, _ effective: Timestamp, _ until: Timestamp?) -> Bool {
                cases.contains { entry in
                    let holds = effective <= entry.now && (until.map { entry.now < $0 } ?? true)
                    let answer = holds ? mutant.map(entry.answer(of:)) ?? .fails : .fails
                    return answer != entry.expected[policy.id] ?? .fails
                }
            }
            #expect(!isNoticed(policy, part.effective, part.until), "the rule itself is answered otherwise")
            #expect(isNoticed(nil, part.effective, part.until), "\(policy.id): nobody notices that it is gone")
            for shift: Int64 in [-1, 1] {
                #expect(
                    isNoticed(policy, part.effective.advanced(byMilliseconds: shift), part.until),
                    "\(policy.id): nobody notices that it begins \(shift) ms later")
                if let until = part.until {
                    #expect(
                        isNoticed(policy, part.effective, until.advanced(byMilliseconds: shift)),
                        "\(policy.id): nobody notices that it ends \(shift) ms later")
                }
            }
            for mutation in policy.mutations {
                let text = rule.source.text.utf8
                let head = text.prefix(mutation.range.start)
                let tail = text.dropFirst(mutation.range.end)
                let mutated = String(decoding: Array(head) + Array(mutation.text.utf8) + Array(tail), as: UTF8.self)
                let set = try PolicySet.parse(Source(name: "mutant", text: mutated))
                let mutant = try #require(set.policies.first { $0.id == policy.id })
                #expect(
                    isNoticed(mutant, part.effective, part.until),
                    "\(policy.id): nobody notices \(mutation.text) for \(rule.source.quote(mutation.range))")
                count += 1
            }
        }
        #expect(count > 0)
    }
}

/// Another text for a piece of a policy.
private struct Mutation {
    var range: SourceRange
    var text: String
}

extension Policy {
    /// Each condition that is dropped, and what is changed in one.
    fileprivate var mutations: [Mutation] {
        conditions.flatMap { condition in
            [Mutation(range: condition.body.range, text: condition.kind == .when ? "true" : "false")] + condition.body.mutations
        }
    }
}

extension Expression {
    fileprivate var mutations: [Mutation] {
        let below = kind.children.flatMap(\.mutations)
        switch kind {
        case .and(let all), .or(let all):
            return below + all.flatMap { [Mutation(range: $0.range, text: "true"), Mutation(range: $0.range, text: "false")] }
        case .not(let one): return below + [Mutation(range: one.range, text: "true"), Mutation(range: one.range, text: "false")]
        case .long(let number):
            return [Mutation(range: range, text: "\(number - 1)"), Mutation(range: range, text: "\(number + 1)")]
        case .set(let elements): return below + elements.map { Mutation(range: $0.range, text: #""~""#) }
        default: return below
        }
    }
}
