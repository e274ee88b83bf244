import NIOCore
import Testing

@testable import Simulator

@Suite("What an endpoint keeps")
struct ShelfTests {
    private let yaml = """
        endpoints:
          - {name: one, provider: openai, output: 5, models: [m]}
          - {name: two, provider: vllm, output: 5, models: [m]}
        """

    private static func request(_ method: String, _ path: String) -> String {
        "\(method) \(path) HTTP/1.1\r\nhost: s\r\n\r\n"
    }

    @Test("A response is found where it was kept, adds its tokens to the next call, and is gone when it is deleted")
    func responses() async throws {
        try await playing(yaml) { simulator in
            let (one, two) = (simulator.ports["one"] ?? 0, simulator.ports["two"] ?? 0)
            func call(_ port: Int, _ more: String) async -> Reply {
                await exchange(port, Ask.post("/v1/responses", #"{"model":"m","input":"Hello, weir"\#(more)}"#))
            }
            let first = await call(one, "")
            let id = try #require(first.json["id"]?.string)
            let input = try #require(first.json["usage"]?["input_tokens"]?.int)
            let second = await call(one, #","previous_response_id":"\#(id)""#)
            #expect(second.json["previous_response_id"]?.string == id)
            #expect(second.json["usage"]?["input_tokens"]?.int == 2 * input + 5)

            let elsewhere = await call(two, #","previous_response_id":"\#(id)""#)
            #expect(elsewhere.status == 404)
            let unknown = await call(one, #","previous_response_id":"resp_none""#)
            #expect(unknown.status == 400)
            #expect(unknown.json["error"]?["code"]?.string == "previous_response_not_found")

            let unkept = await call(one, #","store":false"#)
            let unkeptID = try #require(unkept.json["id"]?.string)
            #expect(await call(one, #","previous_response_id":"\#(unkeptID)""#).status == 400)

            let read = await exchange(one, Self.request("GET", "/v1/responses/\(id)"))
            #expect(read.json["id"]?.string == id && read.json["status"]?.string == "completed")
            let deleted = await exchange(one, Self.request("DELETE", "/v1/responses/\(id)"))
            #expect(deleted.status == 200 && deleted.json["deleted"]?.bool == true)
            #expect(await exchange(one, Self.request("GET", "/v1/responses/\(id)")).status == 404)
            #expect(await exchange(one, Self.request("DELETE", "/v1/responses/\(id)")).status == 404)
            #expect(simulator.record().last?.state == id && simulator.record().last?.method == "DELETE")
        }
    }

    @Test("A conversation grows with each call that names it")
    func conversations() async throws {
        try await playing(yaml) { simulator in
            let port = simulator.ports["one"] ?? 0
            let made = await exchange(
                port, Ask.post("/v1/conversations", #"{"items":[{"role":"user","content":"Hello"}],"metadata":{"a":"b"}}"#))
            let id = try #require(made.json["id"]?.string)
            #expect(id.hasPrefix("conv_") && made.json["metadata"]?["a"]?.string == "b")
            var inputs: [Int] = []
            for named in [#""\#(id)""#, #"{"id":"\#(id)"}"#, #""\#(id)""#] {
                let reply = await exchange(
                    port, Ask.post("/v1/responses", #"{"model":"m","input":"Hello, weir","conversation":\#(named)}"#))
                #expect(reply.json["conversation"]?["id"]?.string == id)
                inputs.append(try #require(reply.json["usage"]?["input_tokens"]?.int))
            }
            let alone = await exchange(port, Ask.post("/v1/responses", #"{"model":"m","input":"Hello, weir"}"#))
            let input = try #require(alone.json["usage"]?["input_tokens"]?.int)
            #expect(inputs[0] > input)
            #expect(inputs[1] - inputs[0] == input + 5 && inputs[2] - inputs[1] == input + 5)
            #expect(await exchange(port, Self.request("DELETE", "/v1/conversations/\(id)")).json["deleted"]?.bool == true)
            let gone = await exchange(
                port, Ask.post("/v1/responses", #"{"model":"m","input":"x","conversation":"\#(id)"}"#))
            #expect(gone.status == 404)
        }
    }
}
