import Core
import Foundation
import NIOCore
import Providers
import TestKit
import Testing
import Wire

/// Bodies in each.
private let cases = 10_000

@Suite("Random requests after their rewrites")
struct RandomRewriteTests {
    @Test("are JSON, equal to the original but for the named members, and every other member is there byte for byte")
    func random() throws {
        let seed = testSeed("Random rewrites")
        var random = SeededRandom(seed: seed)
        var seen: Set<Rewrite> = []
        for number in 0..<cases {
            let body = RandomBody(using: &random)
            let operation = Operation.allCases.randomElement(using: &random)?.dialect ?? .chat
            let target = endpoint(ProviderKind.allCases.filter { $0 != .anthropic }.randomElement(using: &random) ?? .openai)
            let limit: Int64? = Bool.random(using: &random) ? Int64.random(in: 1...50, using: &random) : nil
            let keepsState = operation == .responses && Bool.random(using: &random)
            let result = try Rewritten(
                body.text, operation, at: target, outputLimit: limit, keepsState: keepsState, stateID: "theirs")
            seen.formUnion(result.plan.rewrites)

            let before = try members(body.text)
            let after = try members(result.text)
            let expected = expectation(before, operation, at: target, limit, keepsState: keepsState)
            var isRight = after == expected.members && result.plan.rewrites == expected.rewrites
            var from = result.text.startIndex
            for member in body.members where expected.members[member.key] == before[member.key] {
                guard let place = result.text.range(of: member.text, range: from..<result.text.endIndex) else {
                    isRight = false
                    break
                }
                from = place.upperBound
            }
            if !isRight {
                Issue.record("seed \(seed), case \(number), \(operation) at \(target.provider): \(body.text) → \(result.text)")
            }
        }
        #expect(seen == Set(Rewrite.allCases).subtracting([.dialect, .fallback, .stream, .thinking]))
    }

    /// What members about thinking ask, worked out from the parsed object alone.
    private static let values: [(key: String, values: [String], on: [Bool?])] = [
        ("reasoning_effort", [#""low""#, #""none""#, "null"], [true, false, nil]), ("enable_thinking", ["true", "false"], [true, false]),
        ("thinking_budget", ["5"], [nil]), ("thinking", [#"{"type":"enabled"}"#, #"{"type" : "disabled"}"#], [true, false]),
        ("chat_template_kwargs", [#"{"thinking":true}"#, #"{"enable_thinking":false}"#], [true, false]),
    ]

    @Test("Members about thinking become one that the endpoint reads, in any order, and the rest stays as it was")
    func thinking() throws {
        let seed = testSeed("Random thinking")
        var random = SeededRandom(seed: seed)
        let read: [ProviderKind: Set<String>] = [
            .openai: ["reasoning_effort"], .dashscope: ["enable_thinking", "thinking_budget"], .ark: ["thinking", "reasoning_effort"],
            .modelarts: ["chat_template_kwargs", "enable_thinking"],
        ]
        func space() -> String { ["", "", " ", "\n"].randomElement(using: &random) ?? "" }
        for number in 0..<cases / 4 {
            guard let (provider, own) = read.randomElement(using: &random) else { continue }
            var stated: [(key: String, value: String, on: Bool?)] = []
            for (key, values, on) in Self.values where Bool.random(using: &random) {
                let place = Int.random(in: 0..<values.count, using: &random)
                stated.append((key, values[place], on[place]))
            }
            let others: [(key: String, value: String, on: Bool?)] = [("model", #""up/stream-1""#, nil), ("user", #""a,b\"{""#, nil)]
            let members = (stated + others).shuffled(using: &random)
            let body =
                "{" + members.map { space() + "\"\($0.key)\"" + space() + ":" + space() + $0.value + space() }.joined(separator: ",") + "}"
            // Asked as a stream already, so that nothing else is changed.
            let scan = try scanRequest(ByteBuffer(string: body), dialect: .chat, maxDepth: 64)
            let served = ServedModel(upstreamName: "up/stream-1", price: "p", maxOutputTokens: 9, quirks: ModelQuirks(answers: .any))
            let plan = rewritePlan(
                scan, body: ByteBuffer(string: body), dialect: .chat, endpoint: endpoint(provider), served: served, outputLimit: nil)
            let after = try ProvidersTests.members(String(buffer: spliced(ByteBuffer(string: body), plan.splices)))
            let said = stated.filter { $0.value != "null" }
            let isForeign = said.contains { !own.contains($0.key) }
            let what = "seed \(seed), case \(number) at \(provider): \(body) → \(after)"
            #expect((plan.rewrites == [.thinking]) == isForeign, "\(what)")
            #expect(after["user"] == #""a,b\"{""# && after["model"] != nil, "\(what)")
            let left = Set(after.keys).subtracting(["model", "user"]).filter { after[$0] != "null" }
            #expect(left.isSubset(of: own) && left.isEmpty == said.isEmpty, "\(what)")
            // What the endpoint reads is the caller's word.
            for one in said where own.contains(one.key) { #expect(after[one.key] == (try ProvidersTests.members("{\"x\":\(one.value)}"))["x"], "\(what)") }
        }
    }

    /// What the members should be, worked out from the parsed object alone.
    private func expectation(
        _ before: [String: String], _ operation: Dialect, at target: Endpoint, _ limit: Int64?,
        keepsState: Bool
    ) -> (members: [String: String], rewrites: [Rewrite]) {
        if operation == .conversations { return (before, [.responseID]) }
        var members = before
        var rewrites: [Rewrite] = []
        func set(_ rewrite: Rewrite, _ key: String, _ value: String) {
            guard members[key] != value else { return }
            members[key] = value
            if !rewrites.contains(rewrite) { rewrites.append(rewrite) }
        }
        set(.model, "model", #""up\/stream-1""#)
        if before["stream"] == "true", operation == .chat || operation == .completions {
            let others = (before["stream_options"] ?? "null").contains("\"other\":1")
            set(.usage, "stream_options", others ? #"{"include_usage":true,"other":1}"# : #"{"include_usage":true}"#)
        }
        var given = ["max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict"].filter {
            before[$0].flatMap { Int64($0) } != nil
        }
        let ignoring: Set<ProviderKind> = [.ollama, .dashscope, .modelarts, .pangu, .deepseek]
        if operation == .chat, ignoring.contains(target.provider), target.provider != .dashscope, given.contains("max_completion_tokens"), before["max_tokens"] == nil {
            members["max_tokens"] = members["max_completion_tokens"]
            members["max_completion_tokens"] = nil
            given = given.map { $0 == "max_completion_tokens" ? "max_tokens" : $0 }
            rewrites.append(.limitName)
        }
        if let limit, let own = target.outputLimitName(for: operation) {
            for name in given where Int64(members[name] ?? "") ?? 0 > limit { set(.outputLimit, name, "\(limit)") }
            var read: Set<String> = [own]
            if operation == .chat { read.insert("max_tokens") }
            if operation == .chat && !ignoring.contains(target.provider) { read.insert("max_completion_tokens") }
            if target.provider == .llamaCpp && operation != .responses { read.insert("n_predict") }
            if read.isDisjoint(with: given) { set(.outputLimit, own, "\(limit)") }
        }
        if operation == .responses, !keepsState { set(.store, "store", "false") }
        if operation == .chat, before["store"] == "true" { set(.store, "store", "false") }
        if keepsState {
            let names: [(Rewrite, String, String, String)] = [
                (.previousResponse, "previous_response_id", #""mine""#, #""theirs""#),
                (.conversation, "conversation", #""mine""#, #""theirs""#),
                (.conversation, "conversation", #"{"id":"mine"}"#, #"{"id":"theirs"}"#),
            ]
            let named = names.first { before[$0.1] == $0.2 }
            if let named { set(named.0, named.1, named.3) }
            if named != nil || before["store"] != "false" { rewrites.append(.responseID) }
        }
        return (members, rewrites)
    }
}

/// A body with the members that Weir acts on, and others, in any order and with any space between.
private struct RandomBody {
    var members: [(key: String, text: String)] = []
    var text = ""

    private static let values: [(key: String, values: [String])] = [
        ("model", [#""public""#, #""up/stream-1""#, #""up""#]),
        ("stream", ["true", "true", "false", "null"]),
        (
            "stream_options",
            [
                "null", "{}", "{ }", #"{"include_usage":true}"#, #"{ "include_usage" : false }"#, #"{"include_usage":null}"#,
                #"{"other":1}"#, #"{"other":1,"include_usage":true}"#, #"{"include_usage":false,"other":1}"#,
            ]
        ),
        ("max_tokens", ["null", "0", "7", "60"]), ("max_completion_tokens", ["null", "1", "40", "1000000000"]),
        ("max_output_tokens", ["null", "3", "51"]), ("n_predict", ["null", "5", "99"]), ("store", ["true", "false", "null"]),
        (
            "messages",
            ["[]", #"[{"role":"user","content":"{\"model\":\"public\"}"}]"#, #"[ {"content" : "\u00e9 \ud83d\ude00 é 😀 \\"} ]"#]
        ),
        ("previous_response_id", [#""mine""#, "null"]), ("conversation", [#""mine""#, #"{ "id" : "mine" }"#, "null"]),
        ("temperature", ["0.5", "1e-3", "-0"]), ("metadata", [#"{"model":"public","stream":true,"store":true}"#, "{}", "null"]),
        ("user", [#""max_tokens""#, #""\"store\":true""#, #""\/""#]), ("ключ", ["[[[]]]", "[1,\n2]", "true"]),
    ]

    init(using random: inout SeededRandom) {
        func space() -> String { ["", "", "", " ", "\n", "\t ", "\r\n"].randomElement(using: &random) ?? "" }
        let share = Int.random(in: 0...4, using: &random)
        for (key, values) in Self.values.shuffled(using: &random) where Int.random(in: 0..<4, using: &random) < share {
            members.append((key, "\"\(key)\"\(space()):\(space())\(values.randomElement(using: &random) ?? "null")"))
        }
        text = space() + "{" + space() + members.map(\.text).joined(separator: space() + "," + space()) + space() + "}" + space()
    }
}
