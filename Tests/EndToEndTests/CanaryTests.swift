import Foundation
import Testing

extension EndToEnd {
    @Suite("Canaries")
    struct CanaryTests {
        @Test("Prompts, answers, keys and credentials reach no log, journal, book, metric or report")
        func canaries() async throws {
            try await Workbench.with { bench in
                // Letters and digits only, so that no escaping hides it.
                let canary = "canary" + (0..<4).map { _ in String(UInt32.random(in: 0...UInt32.max), radix: 36) }.joined()
                try Self.play(bench, canary)
                try bench.configure(
                    bench.configuration(
                        top: "journal: {segment: 1MiB}",
                        endpoints: bench.endpoint(
                            "cloud", provider: "openai",
                            models: ["made", "whole", "stream", "refuses", "fails"].map { ($0, $0) },
                            credential: "{env: WEIR_SIM_KEY}")))
                try bench.start(environment: ["WEIR_SIM_KEY": "credential" + canary], logLevel: "trace")
                let key = try bench.key("quiet", limit: "10")
                let poor = try bench.key("poor", limit: "0.00001")

                try Self.sendEverywhere(bench, canary, key: key, poor: poor)
                #expect(try bench.received().count >= 10, "too little reached the clouds to prove anything")

                let said = bench.folder.appending(path: "said")
                let token = try text(bench.data.appending(path: "admin.token")).trimmingCharacters(in: .whitespacesAndNewlines)
                let metrics = try Client.once(
                    port: bench.adminPort, "GET", "/metrics", headers: ["Authorization: Bearer \(token)"])
                #expect(metrics.status == 200)
                let commands = [
                    ["usage", "--by", "key,model,endpoint"], ["keys", "list"], ["explain", "--key", key.id, "--model", "made"],
                ]
                let reports = try commands.map { words in
                    let said = try bench.run([Workbench.binary.path] + words + ["--config", bench.file.path])
                    return said.output + said.errors
                }
                try (metrics.body + reports.joined()).write(to: said, atomically: true, encoding: .utf8)
                bench.weir?.stop()

                let places = [bench.data, bench.log, bench.folder.appending(path: "weir.out"), said].map(\.path)
                for secret in [canary, key.secret, poor.secret] {
                    let found = try bench.run(["/usr/bin/grep", "-rlaF", "-e", secret] + places)
                    #expect(found.status == 1 && found.output.isEmpty, "found in \(found.output)\(found.errors)")
                }
                // The search finds what is there.
                let known = try bench.run(["/usr/bin/grep", "-rlaF", "-e", key.id] + places)
                #expect(known.output.contains("/journal/") && known.output.contains("books.sqlite"), "\(known)")
                let lines = try bench.run(["/usr/bin/grep", "-c", "call finished", bench.log.path])
                #expect((Int(lines.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) >= 7)
                #expect(try bench.run(["/usr/bin/grep", "-rlaF", "-e", token] + places.dropFirst()).status == 1)
            }
        }

        /// Clouds whose answers, good and bad, carry the canary.
        private static func play(_ bench: Workbench, _ canary: String) throws {
            let usage = #""usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#
            let message = #"{"role":"assistant","content":"\#(canary)"}"#
            let files = [
                "whole.json":
                    #"{"id":"a","object":"chat.completion","created":1,"model":"\#(canary)","choices":[{"index":0,"message":\#(message),"finish_reason":"stop"}],\#(usage)}"#,
                "stream.sse":
                    #"data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":\#(message),"finish_reason":"stop"}]}"#
                    + "\n\ndata: {\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"x\",\"choices\":[],\(usage)}\n\ndata: [DONE]\n\n",
                "error.json":
                    #"{"error":{"message":"cannot read \#(canary)","type":"invalid_request_error","param":null,"code":"bad"}}"#,
            ]
            for (name, content) in files {
                try content.write(to: bench.folder.appending(path: name), atomically: true, encoding: .utf8)
            }
            try bench.play(
                """
                  - name: cloud
                    credential: credential\(canary)
                    headers: {x-cloud: \(canary)}
                    output: 4..8
                    operations: [chat, completions, embeddings, responses]
                    models:
                      - made
                      - {name: whole, replay: [whole.json]}
                      - {name: stream, replay: [stream.sse]}
                      - {name: refuses, replay: [error.json], replayStatus: 400}
                      - {name: fails, replay: [error.json], replayStatus: 500}

                """)
        }

        private static func sendEverywhere(_ bench: Workbench, _ canary: String, key: Workbench.Key, poor: Workbench.Key) throws {
            func send(_ path: String, _ body: String, _ status: Int, key: Workbench.Key = key) throws {
                let answer = try bench.chat(body, key: key, path: path, headers: ["x-mine: \(canary)", "user-agent: \(canary)"])
                #expect(answer.status == status, "\(path): \(answer)")
                if status == 200, path.contains("whole") || body.contains("\"whole\"") || body.contains("\"stream\",") {
                    #expect(answer.body.contains(canary), "the answer was to carry the canary")
                }
            }
            let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"\(canary)\"}]"
            for model in ["made", "whole", "stream"] {
                let stream = model == "stream" ? ",\"stream\":true" : ""
                try send("/v1/chat/completions", "{\"model\":\"\(model)\",\(messages)\(stream)}", 200)
            }
            try send("/v1/chat/completions", "{\"model\":\"made\",\(messages),\"stream\":true,\"user\":\"\(canary)\"}", 200)
            try send("/v1/completions", "{\"model\":\"made\",\"prompt\":\"\(canary)\"}", 200)
            try send("/v1/embeddings", "{\"model\":\"made\",\"input\":\"\(canary)\"}", 200)
            try send("/v1/responses", "{\"model\":\"made\",\"input\":\"\(canary)\"}", 200)
            try send("/v1/responses", "{\"model\":\"made\",\"input\":\"\(canary)\",\"stream\":true}", 200)
            try send("/openai/v1/chat/completions", "{\"model\":\"made\",\(messages)}", 200)
            try send("/openai/deployments/made/chat/completions?api-version=2024-10-21&x=\(canary)", "{\(messages)}", 200)

            // What goes wrong is told about at greater length, so it is the more likely place.
            try send("/v1/chat/completions", "{\"model\":\"refuses\",\(messages)}", 400)
            try send("/v1/chat/completions", "{\"model\":\"made\",\(messages)}", 429, key: poor)
            try send("/v1/chat/completions", "{\"model\":\"\(canary)\",\(messages)}", 404)
            try send("/openai/deployments/\(canary)/chat/completions?api-version=2024-10-21", "{\(messages)}", 404)
            try send("/v1/chat/completions", "{\"model\":\"made\",\(messages),\"\(canary)", 400)
            try send("/v1/chat/completions", "{\"model\":\"made\",\"model\":\"\(canary)\",\(messages)}", 400)
            try send("/v1/responses", "{\"model\":\"made\",\"input\":\"a\",\"tools\":[{\"type\":\"\(canary)\"}]}", 400)
            try send("/v1/responses", "{\"model\":\"made\",\"input\":\"a\",\"previous_response_id\":\"\(canary)\"}", 400)
            try send("/v1/\(canary)", "{}", 404)
            try send(
                "/v1/chat/completions", "{\"model\":\"made\",\(messages)}", 401,
                key: Workbench.Key(id: "", secret: "weir_" + canary))
            for fault in ["garbage", "cut-stream:2", "error-event:1", "malformed-event:1", "close-early"] {
                try bench.fault(fault, at: "cloud", times: 1)
                _ = try bench.chat("{\"model\":\"whole\",\(messages)}", key: key)
                try bench.fault(fault, at: "cloud", times: 1)
                _ = try? bench.chat("{\"model\":\"made\",\"stream\":true,\(messages)}", key: key)
            }
            try bench.fault(nil, at: "cloud")
            _ = try bench.chat("{\"model\":\"fails\",\(messages)}", key: key)
            for head in ["GET /\(canary) HTTP/9", "\(canary)", "POST / HTTP/1.1\r\nhost: a\r\n\(canary) : x"] {
                let client = try Client(port: bench.callsPort)
                try client.send(raw: head + "\r\n\r\n")
                _ = try? client.answer()
            }
        }
    }
}
