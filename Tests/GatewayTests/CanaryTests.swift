import Core
import Foundation
import Gateway
import Ledger
import Logging
import Simulator
import Synchronization
import Testing

/// Keeps everything that is logged, at every level.
final class LogCapture: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    var logger: Logger {
        var log = Logger(label: "test") { _ in Handler(capture: self) }
        log.logLevel = .trace
        return log
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata = Logger.Metadata()
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
            capture.lines.withLock { $0.append(line) }
        }
    }
}

@Suite("Prompts, answers and keys are found nowhere")
struct CanaryTests {
    private static let canaries = (1...9).map { "CANARY\($0)zq" }

    @Test("Canaries sent through every route, as prompt, model, header, key, path and answer, reach no journal, log or metric")
    func canaries() async throws {
        let capture = LogCapture()
        let script: @Sendable (Int, ReceivedBytes) -> [ScriptedUpstream.Act] = { number, _ in
            switch number % 6 {
            case 0: [.send(Say.whole.replacingOccurrences(of: "\"ok\"", with: "\"CA\""))]
            case 1:
                [.send(Say.error("500 Oops", code: "CANARY1zq", message: "you said CANARY1zq", headers: ["x-echo: CANARY2zq"]))]
            case 2: [.send(Say.error("400 Bad Request", code: "CANARY1zq", message: "CANARY1zq is bad"))]
            case 3: [.send(Say.stream([Say.delta("CANARY3zq"), "data: {\"error\":{\"message\":\"CANARY1zq\"}}\n\n"]))]
            case 4: [.send("HTTP/1.1 200 OK\r\nCANARY2zq CANARY3zq\r\n\r\n"), .close]
            default: [.send(Say.streamHead + Say.chunk(Say.delta("CANARY3zq"))), .close]
            }
        }
        try await ScriptedUpstream.with(script) { upstream async throws in
            let port = upstream.port
            try await Harness.with(
                log: capture.logger,
                endpoints: { ports in
                    // A breaker that opened would hide the routes behind it.
                    (0..<40).map { .test("raw\($0)", port: port, provider: .openai, credential: "CANARY9zq") }
                        + [.test("one", port: ports["one"] ?? 0, priority: 2)]
                }
            ) { weir async throws in
                let prompts = [
                    (
                        #"{"model":"m","messages":[{"role":"user","content":"CANARY1zq"}],"user":"CANARY1zq","CANARY1zq":1}"#,
                        "/v1/chat/completions"
                    ),
                    (#"{"model":"m","stream":true,"messages":[{"role":"user","content":"CANARY1zq"}]}"#, "/v1/chat/completions"),
                    (#"{"model":"m","prompt":"CANARY1zq"}"#, "/v1/completions"),
                    (#"{"model":"m","input":"CANARY1zq"}"#, "/v1/embeddings"),
                    (#"{"model":"m","input":"CANARY1zq","stream":true}"#, "/v1/responses"),
                    (#"{"model":"CANARY4zq","messages":[]}"#, "/v1/chat/completions"),
                    (#"{"messages":[]}"#, "/openai/deployments/CANARY4zq/chat/completions?api-version=CANARY5zq"),
                    (Ask.chat, "/v1/CANARY5zq"),
                    (#"{"model":"m","CANARY1zq":CANARY1zq}"#, "/v1/chat/completions"),
                    (#"{"model":"m","tools":[{"type":"CANARY1zq"}],"messages":[]}"#, "/v1/chat/completions"),
                    (#"{"model":"m","input":"x","previous_response_id":"CANARY1zq"}"#, "/v1/responses"),
                    ("CANARY1zq", "/v1/chat/completions"),
                    (#"{"model":"m","service_tier":"CANARY1zq","messages":[]}"#, "/v1/chat/completions"),
                ]
                let headers = [
                    "x-custom: CANARY6zq", "Cookie: CANARY6zq", "traceparent: CANARY6zq", "x-request-id: CANARY6zq CANARY6zq",
                    "User-Agent: CANARY6zq",
                ]
                for _ in 0..<6 {
                    for (body, path) in prompts { _ = try weir.chat(body, path: path, headers: headers) }
                }
                for key in ["CANARY7zq", "weir_CANARY7zq"] { _ = try weir.chat(Ask.chat, key: key) }
                for raw in [
                    "GET /v1/models/CANARY5zq HTTP/1.1\r\nHost: CANARY8zq\r\napi-key: \(Harness.key)\r\n\r\n",
                    "CANARY8zq\r\n\r\n", "GET /CANARY8zq HTTP/1.1\r\nCANARY8zq\r\n\r\n",
                ] {
                    _ = try weir.exchange(raw)
                }
                #expect(weir.settles(holds: weir.ledger.doubtfulHolds.count))
                weir.ledger.flushRefusals(at: .now())
                let entries = try weir.entries().map { "\($0)" }.joined(separator: "\n")
                var files = ""
                for name in try FileManager.default.contentsOfDirectory(atPath: weir.folder) {
                    let bytes = FileManager.default.contents(atPath: weir.folder + "/" + name) ?? Data()
                    files += String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
                }
                let metrics = "\(try await weir.gateway.metrics())"
                #expect(files.contains("key_test") && !capture.all.isEmpty && metrics.contains("weir_route_not_governed"))
                let log = capture.all.joined(separator: "\n")
                for (place, text) in [("journal", entries), ("files", files), ("log", log), ("metrics", metrics)] {
                    #expect(!text.contains(Harness.key), "the key is in the \(place)")
                    for canary in Self.canaries { #expect(!text.contains(canary), "\(canary) is in the \(place)") }
                }
            }
        }
    }
}
