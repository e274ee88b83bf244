import NIOCore
import Testing

@testable import Simulator

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("Record, limits, replay and pace")
struct RecordTests {
    private let yaml = """
        endpoints:
          - name: e
            provider: openai
            credential: sim-secret
            output: 6
            models: [m]
        """

    /// A folder of its own, removed afterwards.
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array((parent + "/simulator-XXXXXX").utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        try await body(folder)
        for name in ["record.jsonl", "a.sse", "b.json", "index.json"] { unlink(folder + "/" + name) }
        rmdir(folder)
    }

    private func writeFile(_ path: String, _ text: String) throws {
        let file = try #require(LineFile(path: path))
        file.append(text)
        file.finish()
    }

    @Test("The record has ids, sizes and ends, no content and no credential, and its file is written before the answer")
    func record() async throws {
        try await inFolder { folder in
            try await playing("record: record.jsonl\n" + yaml, file: folder + "/s.yaml") { simulator in
                let headers = ["authorization": "Bearer sim-secret", "x-request-id": "r-1", "x-weir-attempt": "a-1"]
                let silent = await exchange(
                    simulator.port, Ask.chat(fault: "stall-head", headers), leavingWhen: { !simulator.record().isEmpty })
                #expect(silent.bytes.isEmpty)
                let first = String(decoding: try #require(readFile(folder + "/record.jsonl")), as: UTF8.self)
                #expect(first.contains(#""event":"received","number":1,"#) && first.contains(#""attempt":"a-1""#))
                let reply = await exchange(simulator.port, Ask.chat(stream: true, headers))
                #expect(reply.body.contains("[DONE]"))
                let request = try #require(try await simulator.lastEnded())
                #expect(request.requestID == "r-1" && request.credentialAccepted && request.stream)
                #expect(request.path == "/v1/chat/completions" && request.inputBytes > 60 && request.status == 200)
                let all = String(decoding: try #require(readFile(folder + "/record.jsonl")), as: UTF8.self)
                #expect(all.split(separator: "\n").count == 4)
                #expect(all.split(separator: "\n").allSatisfy { JSONReader.read(Array($0.utf8)) != nil })
                #expect(!all.contains("Hello") && !all.contains("sim-secret"))
            }
        }
    }

    @Test("When the client leaves, what was played is billed; or the whole answer where the provider goes on")
    func leaving() async throws {
        for (policy, isAll) in [("billPlayed", false), ("billAll", true)] {
            try await playing(
                yaml.replacing("output: 6", with: "output: 100") + "\n    pace: 20\n    onLeave: \(policy)"
            ) { simulator in
                let ask = Ask.chat(stream: true, ["authorization": "Bearer sim-secret"])
                _ = await exchange(simulator.port, ask) { $0.data.count >= 4 }
                let request = try #require(try await simulator.lastEnded())
                #expect(request.outcome == .clientLeft)
                #expect((3..<100).contains(request.outputTokensPlayed))
                #expect(request.billedOutput == (isAll ? 100 : request.outputTokensPlayed))
            }
        }
    }

    @Test("Latency and pace take their time")
    func pace() async throws {
        try await playing(yaml + "\n    firstToken: 100ms\n    pace: 50") { simulator in
            let headers = ["authorization": "Bearer sim-secret"]
            for stream in [true, false] {
                let start = NIODeadline.now()
                _ = await exchange(simulator.port, Ask.chat(stream: stream, headers))
                let took = NIODeadline.now() - start
                #expect(took >= .milliseconds(195) && took < .seconds(20), "\(took)")
            }
        }
    }

    @Test("Many streams keep their pace side by side, and each says all its tokens")
    func manyStreams() async throws {
        try await playing(yaml.replacing("output: 6", with: "output: 20") + "\n    pace: 20") { simulator in
            let ask = Ask.chat(stream: true, ["authorization": "Bearer sim-secret"])
            let start = NIODeadline.now()
            let port = simulator.port
            let said = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        let reply = await exchange(port, ask) { $0.bytes.suffix(5).elementsEqual("0\r\n\r\n".utf8) }
                        return reply.events.count
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 }
            }
            // A first event, twenty tokens, a finish.
            #expect(said == 200 * 22)
            #expect(NIODeadline.now() - start >= .milliseconds(950))
            #expect(simulator.record().allSatisfy { $0.outcome == .completed && $0.billedOutput == 20 })
        }
    }

    @Test("Requests and tokens beyond the window get the provider's 429 and pass again in the next window")
    func limits() async throws {
        let more = "\n    limits: { requests: 2, tokens: 100, window: 4s }"
        let headers = ["authorization": "Bearer sim-secret"]
        try await playing(yaml + more) { simulator in
            let first = await exchange(simulator.port, Ask.chat("", headers))
            #expect(first.status == 200 && first.header("x-ratelimit-remaining-requests") == "1")
            let big = await exchange(simulator.port, Ask.chat(",\"max_tokens\":95", headers))
            #expect(big.status == 429 && big.json["error"]?["type"]?.string == "tokens")
            _ = await exchange(simulator.port, Ask.chat("", headers))
            let refused = await exchange(simulator.port, Ask.chat("", headers))
            #expect(refused.status == 429 && refused.json["error"]?["type"]?.string == "requests")
            let wait = try #require(refused.header("retry-after-ms").flatMap { Int($0) })
            try await Task.sleep(for: .milliseconds(wait + 5))
            #expect(await exchange(simulator.port, Ask.chat("", headers)).status == 200)
        }
        for (provider, path) in [
            ("azure", "/openai/v1"), ("huawei", "/v1"), ("ark", "/api/v3"), ("dashscope", "/compatible-mode/v1"),
        ] {
            try await playing(yaml.replacing("openai", with: provider) + "\n    limits: { requests: 1 }") { simulator in
                let ask = Ask.chat(path: path + "/chat/completions", headers)
                _ = await exchange(simulator.port, ask)
                let refused = await exchange(simulator.port, ask)
                #expect(refused.status == 429)
                #expect((refused.header("retry-after") != nil) == (provider == "azure"))
            }
        }
    }

    @Test("A replay is the file, byte for byte, with the status and headers of its index")
    func replay() async throws {
        try await inFolder { folder in
            let stream =
                "data: {\"a\":1}\r\n\r\n: c\n\ndata: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n"
            try writeFile(folder + "/a.sse", stream)
            try writeFile(folder + "/b.json", #"{"error":{"code":"x"}}"#)
            try writeFile(
                folder + "/index.json",
                #"{"files":[{"file":"b.json","status":404,"responseHeaders":{"X-Own":"1","content-length":"9"}}]}"#)
            let replay = "endpoints:\n  - name: e\n    models: [{ name: m, replay: [a.sse, b.json], pace: 1000 }]"
            try await playing(replay, file: folder + "/s.yaml") { simulator in
                let streamed = await exchange(simulator.port, Ask.chat(stream: true))
                #expect(Array(streamed.body.utf8) == readFile(folder + "/a.sse"))
                let billed = try await simulator.lastEnded()?.billedOutput
                #expect(billed == 2)
                let whole = await exchange(simulator.port, Ask.chat())
                #expect(whole.status == 404 && whole.header("x-own") == "1")
                #expect(Array(whole.body.utf8) == readFile(folder + "/b.json"))
            }
        }
    }

    @Test("The admin door shows the record, sets faults and forgets")
    func admin() async throws {
        try await playing("admin: 0\n" + yaml.replacing("    credential: sim-secret\n", with: "")) { simulator in
            let admin = try #require(simulator.adminPort)
            let set = await exchange(admin, Ask.post("/fault", #"{"endpoint":"e","fault":"status:500","times":1}"#))
            #expect(set.status == 200)
            #expect(await exchange(simulator.port, Ask.chat()).status == 500)
            #expect(await exchange(simulator.port, Ask.chat()).status == 200)
            let record = await exchange(admin, "GET /record HTTP/1.1\r\nhost: t\r\n\r\n")
            #expect(record.json.array?.compactMap { $0["status"]?.int } == [500, 200])
            #expect(await exchange(admin, Ask.post("/fault", #"{"endpoint":"e","fault":"nonsense"}"#)).status == 400)
            #expect(await exchange(admin, Ask.post("/reset", "")).status == 200)
            #expect(simulator.record().isEmpty)
        }
    }
}
