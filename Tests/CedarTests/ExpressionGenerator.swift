import Cedar
import TestKit

/// Makes expressions of every form, sensible or not, for tests that hold for all of them.
struct ExpressionGenerator {
    var random: SeededRandom

    private let names: [Text] = [
        "name", "age", "address", "a b", "if", "in", "nothing", "é", "e\u{301}", "", "isEmpty", "*", "\"\\\n",
    ]
    private let texts: [Text] = [
        "", "text", "Alice", "10.0.0.1/8", "1.5", "2024-10-15T11:38:02Z", "-1d2h", "a*\\*b", "\u{202E}\0\r",
    ]
    private let numbers: [Int64] = [0, 1, -1, 7, Int64.max, Int64.min, -9]
    private let uids: [EntityUID]
    private let types: [EntityType]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        types = ["User", "Group", "Ns::Root", "Action"].compactMap(EntityType.init)
        uids = zip(types, ["alice", "staff", "r", "view"] as [Text]).map { EntityUID($0, $1) } + [EntityUID(types[0], "gh\"ost")]
    }

    private mutating func pick<Element>(_ all: [Element]) -> Element {
        all[Int.random(in: 0..<all.count, using: &random)]
    }

    mutating func expression(_ depth: Int) -> Cedar.Expression {
        Cedar.Expression(depth <= 0 ? leaf() : Bool.random(using: &random) ? leaf() : branch(depth - 1))
    }

    private mutating func some(_ counts: ClosedRange<Int>, _ depth: Int) -> [Cedar.Expression] {
        (0..<Int.random(in: counts, using: &random)).map { _ in expression(depth) }
    }

    private mutating func leaf() -> Cedar.Expression.Kind {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: .bool(Bool.random(using: &random))
        case 1: .long(pick(numbers))
        case 2: .string(pick(texts))
        case 3: .entity(pick(uids))
        default: .variable(pick(Variable.allCases))
        }
    }

    private mutating func branch(_ depth: Int) -> Cedar.Expression.Kind {
        switch Int.random(in: 0..<15, using: &random) {
        case 0: return .conditional(expression(depth), then: expression(depth), otherwise: expression(depth))
        case 1: return .and(some(2...4, depth))
        case 2: return .or(some(2...4, depth))
        case 3: return .not(expression(depth))
        case 4: return .negate(expression(depth))
        case 5...7: return .binary(pick(BinaryOperator.allCases), expression(depth), expression(depth))
        case 8: return .isEmpty(expression(depth))
        case 9: return .attribute(expression(depth), pick(names))
        case 10: return .has(expression(depth), Bool.random(using: &random) ? [pick(names)] : ["address", "geo", "zone"])
        case 11: return .like(expression(depth), Pattern([.wildcard, .scalar("a"), .scalar("*"), .scalar("\\"), .wildcard]))
        case 12: return .isType(expression(depth), pick(types), in: Bool.random(using: &random) ? nil : expression(depth))
        case 13: return .set(some(0...4, depth))
        default:
            if Bool.random(using: &random) {
                let fields = names.shuffled(using: &random).prefix(3)
                return .record(fields.map { RecordField(name: $0, value: expression(depth)) })
            }
            let function = pick(ExtensionFunction.allCases)
            return .call(function, some((function.isConstructor ? 0 : 1)...2, depth))
        }
    }

    mutating func policy(_ id: Text) -> Policy {
        let references: [EntityReference] = [.entity(pick(uids)), .slot(.principal)]
        let action = EntityUID(types[3], pick(texts))
        let conditions = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            Condition(pick([.when, .unless]), expression(4))
        }
        return Policy(
            id: id, effect: pick([.permit, .forbid]),
            annotations: [Annotation(name: "id", value: id), Annotation(name: "if", value: nil)],
            principal: pick([
                .any, .equal(pick(references)), .within(pick(references)), .isType(types[0]),
                .isTypeWithin(types[2], pick(references)),
            ]),
            action: pick([.any, .equal(action), .within([]), .within([action, action])]),
            resource: pick([.any, .isType(types[1]), .within(.slot(.resource))]), conditions: conditions)
    }
}
