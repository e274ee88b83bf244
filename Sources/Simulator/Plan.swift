/// What one answer will say and cost, decided before its first byte.
struct Plan: Sendable {
    var speech: Speech
    /// Tokens of thinking and of text, for each choice.
    var reasoning: Int
    var visible: Int
    /// `stop`, `length` or `tool_calls`.
    var finish: String
    var usage: PlayedUsage
    /// What the thinking says where the provider shows it.
    var thoughts: Speech
    var firstTokenMilliseconds: Int

    init(_ asked: Asked, scenarioSeed: UInt64) {
        let seed = Randomness.mixed(asked.fingerprint ^ scenarioSeed)
        var random = Randomness(seed)
        firstTokenMilliseconds = asked.model.firstToken.draw(&random)
        var wanted = asked.model.output.draw(&random)
        var thinking = asked.model.reasoning.draw(&random)
        if let told = asked.told { (wanted, thinking) = (told, 0) }
        switch asked.form {
        case .text: speech = asked.model.chinese ? .chinese(seed: seed) : .english(seed: seed)
        case .json(let schema):
            let pieces = Tokens.pieces(Specimen.json(schema, seed: seed).text)
            speech = .listed(pieces)
            wanted = pieces.count
        case .tool(_, let parameters):
            let pieces = Tokens.pieces(Specimen.json(parameters ?? .object([]), seed: seed).text)
            speech = .listed(pieces)
            wanted = pieces.count
        }
        thoughts = .english(seed: seed &+ 1)
        let most = asked.limit ?? Int.max
        reasoning = min(thinking, most)
        visible = min(wanted, most - reasoning)
        if reasoning + visible < thinking + wanted {
            finish = "length"
        } else if case .tool = asked.form {
            finish = "tool_calls"
        } else {
            finish = "stop"
        }
        usage = PlayedUsage(
            input: asked.inputTokens, cached: asked.inputTokens * asked.model.cachedPercent / 100,
            output: asked.choices * (reasoning + visible), reasoning: asked.choices * reasoning)
    }
}

extension Plan {
    /// Says no more than so many tokens of text, for this reason.
    mutating func cut(to tokens: Int, finish: String, choices: Int) {
        visible = min(visible, tokens)
        self.finish = finish
        usage.output = choices * (reasoning + visible)
    }
}

/// JSON that fits a schema, for tools and `response_format`.
enum Specimen {
    /// Deeper schemas get null.
    static let depthMax = 12

    static func json(_ schema: JSON?, seed: UInt64) -> JSON {
        guard let schema else {
            return .object([
                JSON.Member(key: "answer", value: .string(Speech.english(seed: seed).text(3))),
                JSON.Member(key: "sure", value: .bool(true)),
            ])
        }
        var random = Randomness(seed)
        return value(schema, root: schema, depth: 0, &random)
    }

    private static func value(_ schema: JSON, root: JSON, depth: Int, _ random: inout Randomness) -> JSON {
        guard depth < depthMax else { return .null }
        if let fixed = schema["const"] { return fixed }
        if let choices = schema["enum"]?.array, !choices.isEmpty { return choices[Int(random.next() % UInt64(choices.count))] }
        if let path = schema["$ref"]?.string {
            let found = path.split(separator: "/").dropFirst().reduce(Optional(root)) { $0?[String($1)] }
            return found.map { value($0, root: root, depth: depth + 1, &random) } ?? .null
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let first = schema[key]?.array?.first { return value(first, root: root, depth: depth + 1, &random) }
        }
        switch schema["type"]?.string ?? schema["type"]?.array?.first?.string {
        case "string": return .string(Speech.english(seed: random.next()).text(2))
        case "integer", "number": return .number(String((schema["minimum"]?.int ?? 0) + Int(random.next() % 10)))
        case "boolean": return .bool(random.next() % 2 == 0)
        case "null": return .null
        case "array":
            let count = max(1, min(schema["minItems"]?.int ?? 1, 16))
            return .array((0..<count).map { _ in value(schema["items"] ?? .null, root: root, depth: depth + 1, &random) })
        default:
            let members = (schema["properties"]?.members ?? []).map {
                JSON.Member(key: $0.key, value: value($0.value, root: root, depth: depth + 1, &random))
            }
            return .object(members)
        }
    }
}
