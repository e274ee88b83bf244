import Core
import Foundation
import Ledger
import Simulator
import Testing

@Suite("Routes: what is not governed is refused")
struct RouteTests {
    @Test("Chat, completions, embeddings and responses are served in OpenAI's and both of Azure's forms")
    func governed() async throws {
        try await Harness.with { weir async throws in
            let dated = "?api-version=2024-10-21"
            let served = [
                (Ask.chat, "/v1/chat/completions"), (Ask.stream, "/v1/chat/completions"), (Ask.completion, "/v1/completions"),
                (Ask.embedding, "/v1/embeddings"), (Ask.response, "/v1/responses"), (Ask.responseStream, "/v1/responses"),
                (Ask.chat, "/openai/v1/chat/completions"), (Ask.completion, "/openai/v1/completions"),
                (Ask.embedding, "/openai/v1/embeddings"),
                (Ask.response, "/openai/v1/responses"), (Ask.chat, "/openai/v1/chat/completions?api-version=preview"),
                (#"{"messages":[]}"#, "/openai/deployments/m/chat/completions" + dated),
                (Ask.completion, "/openai/deployments/m/completions" + dated),
                (Ask.embedding, "/openai/deployments/m/embeddings" + dated),
            ]
            for (body, path) in served {
                let answer = try weir.chat(body, path: path, headers: ["api-key: \(Harness.key)"], key: nil)
                #expect(answer.status == 200 && answer.isWhole, "\(path): \(answer)")
            }
            #expect(weir.simulator.record().count == served.count)
            #expect(weir.simulator.record().allSatisfy { $0.model == "up-m" })
            #expect(weir.settles() && weir.held == .zero)
        }
    }

    @Test("A route that is not governed is refused, also in disguise, and nothing of it reaches an endpoint")
    func refused() async throws {
        try await Harness.with { weir async throws in
            let paths = [
                "/", "/v1", "/v1/", "/v1/files", "/v1/batches", "/v1/images/generations", "/v1/audio/speech", "/v1/moderations",
                "/v1/assistants", "/v1/threads", "/v1/fine_tuning/jobs", "/v1/responses/resp_1", "/v1/responses/resp_1/cancel",
                "/v1/chat/completions/", "/v1//chat/completions", "//v1/chat/completions", "/v1/./chat/completions",
                "/v1/x/../chat/completions", "/v1/chat%2Fcompletions", "/v1/%63hat/completions", "/V1/chat/completions",
                "/v1/Chat/Completions", "/v1/chat/completions;x=1", "/v1/chat/completions/../../files", "/v1/chat/completions%00",
                "/v1/chat/completions%20", "/openai/deployments/m/responses?api-version=1",
                "/openai/deployments//chat/completions",
                "/openai/deployments/m/x/chat/completions", "/openai/deployments/m/../n/chat/completions",
                "/openai/deployments/m/extensions/chat/completions",
                "/openai/files", "/openai/v1/files", "/openai/assistants", "/anthropic/v1/messages", "/v1/Messages",
                "/v1/chat/messages", "/openai/deployments/m/messages", "/metrics",
                "/livez",
                "/__admin", "/v1/realtime", "/v1/engines/m/completions", "/v2/chat/completions", "/v1/embeddings/x",
            ]
            for path in paths {
                let answer = try weir.chat(Ask.chat, path: path)
                #expect(answer.status == 404 && answer.code == "weir_route_not_governed", "\(path): \(answer)")
                #expect(answer.isWhole && answer.header("x-request-id") != nil)
            }
            #expect(weir.simulator.record().isEmpty && weir.openHolds == 0)
        }
    }

    @Test("Each route takes its own method; answers to HEAD have no body and the connection goes on")
    func methods() async throws {
        try await Harness.with { weir async throws in
            let client = try RawClient(port: weir.port)
            for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                try client.send(Harness.request("{}", method: method))
                let answer = try client.answer()
                #expect(answer.status == 405 && answer.code == "weir_method_not_allowed", "\(method): \(answer)")
            }
            try client.send(Harness.request(Ask.chat, path: "/v1/models"))
            #expect(try client.answer().status == 405)
            for path in ["/v1/models", "/v1/chat/completions", "/nothing"] {
                try client.send("HEAD \(path) HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(Harness.key)\r\n\r\n")
                let answer = try client.answer(toHead: true)
                #expect([404, 405].contains(answer.status), "\(answer)")
                try client.send(Harness.request(Ask.chat))
                #expect(try client.answer().status == 200, "a body after HEAD would be read as the next answer")
            }
            for method in ["TRACE", "CONNECT", "BREW", "post"] {
                let other = try RawClient(port: weir.port)
                try other.send("\(method) /v1/chat/completions HTTP/1.1\r\nHost: w\r\n\r\n")
                let answer = try other.answer()
                #expect(answer.status == 501 && answer.code == "weir_malformed_http", "\(method): \(answer)")
                #expect(other.isClosedByPeer())
            }
            let star = try weir.exchange("OPTIONS * HTTP/1.1\r\nHost: w\r\nAuthorization: Bearer \(Harness.key)\r\n\r\n")
            #expect(star.status == 404)
        }
    }

    @Test("Models are listed, and one is shown by name")
    func models() async throws {
        try await Harness.with { weir async throws in
            for path in ["/v1/models", "/openai/v1/models", "/v1/models?limit=1"] {
                #expect(
                    try weir.get(path).body
                        == #"{"object":"list","data":[{"id":"m","object":"model","created":0,"owned_by":"weir"}]}"#)
            }
            #expect(try weir.get("/v1/models/m").body == #"{"id":"m","object":"model","created":0,"owned_by":"weir"}"#)
            #expect(try weir.get("/v1/models/nothing").code == "weir_unknown_model")
            #expect(try weir.get("/v1/models/").code == "weir_route_not_governed")
        }
    }

    @Test("Errors on Azure paths have Azure's shape, all others OpenAI's")
    func shapes() async throws {
        try await Harness.with { weir async throws in
            for path in [
                "/openai/deployments/m/chat/completions?api-version=2024-10-21", "/openai/v1/chat/completions", "/openai/files",
            ] {
                for (body, headers) in [
                    ("{", []), (Ask.chat, ["Content-Encoding: gzip"]), (#"{"model":"zz","messages":[]}"#, []),
                ] {
                    let answer = try weir.chat(body, path: path, headers: headers)
                    guard answer.status != 200 else { continue }
                    let error = try #require(answer.error)
                    #expect(Set(error.keys) == ["code", "message"], "\(path): \(answer)")
                }
            }
            let error = try #require(try weir.chat("{").error)
            #expect(Set(error.keys) == ["code", "message", "type", "param"])
            // Also when the fault is found within the body.
            let chunked =
                "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: w\r\napi-key: \(Harness.key)\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            let bad = try weir.exchange(chunked)
            #expect(bad.status == 400 && Set(bad.error?.keys ?? [:].keys) == ["code", "message"], "\(bad)")
        }
    }
}
