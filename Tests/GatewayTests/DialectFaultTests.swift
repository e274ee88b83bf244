import Core
import Ledger
import NIOCore
import Simulator
import Testing
import Wire

/// Every fault at every phase, in every dialect, at an endpoint of its own dialect and at one of another.
@Suite("Whatever an endpoint does, a caller hears it in its own dialect")
struct DialectFaultTests {
    /// An endpoint of its own for each fault, so that no rest that one asks for is in the way of the next.
    private static func scenario(_ provider: String, _ faults: [Fault]) -> String {
        "endpoints:\n"
            + faults.indices.map { index in
                """
                  - name: e\(index)
                    provider: \(provider)
                    output: 12
                    reasoning: \(provider == "anthropic" ? 3 : 0)
                    models: [up-m\(index)]
                    faults: ["\(faults[index].text)"]

                """
            }.joined()
    }

    static let callers: [Dialect] = [.chat, .responses, .messages, .generation]
    static let endpoints: [(name: String, provider: ProviderKind, basePath: String)] = [
        ("openai", .openai, "/v1"), ("anthropic", .anthropic, "/v1"), ("dashscope", .dashscope, "/compatible-mode/v1"),
    ]
    static let pairs = callers.flatMap { caller in endpoints.indices.map { (caller, $0) } }

    private static func ask(_ dialect: Dialect, _ model: Int, stream: Bool) -> (body: String, path: String, headers: [String]) {
        let flag = stream ? #","stream":true"# : ""
        let said = #""messages":[{"role":"user","content":"hello there"}]"#
        switch dialect {
        case .messages: return (#"{"model":"m\#(model)","max_tokens":40,\#(said)\#(flag)}"#, "/v1/messages", [])
        case .responses: return (#"{"model":"m\#(model)","input":"hello there"\#(flag)}"#, "/v1/responses", [])
        case .generation:
            return (
                #"{"model":"m\#(model)","input":{\#(said)},"parameters":{"result_format":"message","incremental_output":true}}"#,
                "/api/v1/services/aigc/text-generation/generation", stream ? ["X-DashScope-SSE: enable"] : []
            )
        default: return (#"{"model":"m\#(model)",\#(said)\#(flag)}"#, "/v1/chat/completions", [])
        }
    }

    /// Faults after which no answer is worth anything, before its first byte or instead of it.
    private static let early: [Fault] = [
        .status(500, code: nil), .status(429, code: nil), .status(401, code: nil), .status(404, code: nil),
        .status(400, code: nil),
        .noAnswer, .garbage, .refuse, .hugeHead(bytes: 300_000), .smuggleLengths,
    ]
    /// Faults in the middle of a stream.
    private static let late: [Fault] = [
        .cutStream(event: 5), .cutInside(event: 5), .endEarly(event: 5), .resetStream(event: 5), .malformedEvent(event: 5),
        .badChunk(event: 5), .errorEvent(event: 5),
    ]

    /// Faults that a caller does not notice.
    private static let unharmed: [Fault] = [.noUsage, .absurdUsage, .informational]

    @Test("plain and streamed, with one end in the ledger", arguments: pairs.indices)
    func faults(_ index: Int) async throws {
        let (caller, place) = Self.pairs[index]
        let (name, provider, basePath) = Self.endpoints[place]
        let faults = (Self.early + Self.early).sorted { $0.text < $1.text } + Self.late + Self.unharmed
        try await Harness.with(
            scenario: Self.scenario(name, faults),
            endpoints: { ports in
                faults.indices.map {
                    .test("e\($0)", port: ports["e\($0)"] ?? 0, provider: provider, basePath: basePath, models: ["m\($0)"])
                }
            }
        ) { weir async throws in
            for (index, fault) in faults.enumerated() {
                let isEarly = index < Self.early.count * 2
                let isLate = !isEarly && index < Self.early.count * 2 + Self.late.count
                // Of the early ones, every other call is a stream.
                for stream in isEarly ? [index % 2 == 1] : isLate ? [true] : [false, true] {
                    let (body, path, headers) = Self.ask(caller, index, stream: stream)
                    let answer = try weir.chat(body, path: path, headers: headers)
                    let what = "\(caller) at \(name), \(fault.text), stream \(stream): \(answer)"
                    if isEarly {
                        #expect(answer.status >= 400 && answer.isWhole && isError(answer.body, of: caller), "\(what)")
                    } else if isLate {
                        #expect(answer.status == 200, "\(what)")
                        var reader = StreamReader(dialect: caller, hideUsage: false)
                        let step = reader.read(ByteBuffer(string: answer.body))
                        if case .failed = step.progress {} else { Issue.record("no error in the caller's dialect: \(what)") }
                        #expect(!reader.ended, "\(what)")
                    } else {
                        #expect(answer.status == 200 && answer.isWhole, "\(what)")
                    }
                }
            }
            // Each hold has one end, or is in doubt: it may have arrived, and nobody knows what it cost.
            let entries = try weir.entries()
            let holds = Set(entries.compactMap { if case .hold(let hold) = $0 { hold.attempt } else { nil } })
            let ends = entries.compactMap { if case .end(let end) = $0 { end.attempt } else { nil } }
            let doubts = entries.count { if case .doubt = $0 { true } else { false } }
            #expect(Set(ends).count == ends.count && Set(ends).isSubset(of: holds))
            #expect(ends.count + doubts == holds.count && holds.count >= faults.count)
            #expect(weir.settles(holds: doubts))
        }
    }

    private func isError(_ body: String, of dialect: Dialect) -> Bool {
        guard let tree = try? JSON(ByteBuffer(string: body)) else { return false }
        switch dialect {
        case .messages: return tree["type"]?.string == "error" && tree["error"]?["type"]?.string != nil
        case .generation: return tree["code"]?.string != nil && tree["message"]?.string != nil
        default: return tree["error"]?["message"]?.string != nil
        }
    }
}
