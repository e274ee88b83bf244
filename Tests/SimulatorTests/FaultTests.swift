import NIOCore
import Testing

@testable import Simulator

@Suite("Faults")
struct FaultTests {
    private let yaml = """
        endpoints:
          - name: e
            provider: openai
            output: 6
            models: [m]
        """

    /// The hidden answer, or the proper one, has come to its end.
    private let isAll: @Sendable (Reply) -> Bool = { isWhole($0) && $0.bytes.last == UInt8(ascii: "}") }

    private func play(
        _ fault: String, stream: Bool = true, leaves: Bool = false,
        enough: @escaping @Sendable (Reply) -> Bool = { _ in false }
    ) async throws -> (reply: Reply, request: ReceivedRequest) {
        var result: (Reply, ReceivedRequest)?
        try await playing(yaml) { simulator in
            let reply = await exchange(
                simulator.port, Ask.chat(stream: stream, fault: fault), enough: enough,
                leavingWhen: { leaves && !simulator.record().isEmpty })
            result = (reply, try #require(try await simulator.lastEnded()))
        }
        let found = try #require(result)
        #expect(found.1.fault == fault)
        return found
    }

    @Test("Every fault's text reads back as itself")
    func texts() {
        for name in Fault.names where name != "status" {
            let fault = Fault(name)
            #expect(fault != nil, "\(name)")
            #expect(fault.flatMap { Fault($0.text) } == fault, "\(name)")
        }
        #expect(Fault("status:503")?.text == "status:503")
        #expect(Fault("stall-stream:2:50") == .stallStream(event: 2, milliseconds: 50))
        for wrong in [
            "", "cut", "cut-stream:x", "cut-stream:-1", "refuse:1", "drip:1:2", "status", "status:99", "status:500:a:b",
        ] {
            #expect(Fault(wrong) == nil, "\(wrong)")
        }
    }

    @Test("An endpoint says where it is on answers and errors alike, and elsewhere from the request on that its script names")
    func region() async throws {
        let azure = """
            endpoints:
              - name: e
                provider: azure
                region: Norway East
                models: [m]
                faults:
                  - { fault: "region:East US 2", from: 3 }
            """
        try await playing(azure) { simulator in
            let path = "/openai/v1/chat/completions"
            var said: [String?] = []
            for _ in 0..<4 { said.append(await exchange(simulator.port, Ask.chat(path: path)).header("x-ms-region")) }
            #expect(said == ["Norway East", "Norway East", "East US 2", "East US 2"])
            try await simulator.setFault(Fault("status:500"), endpoint: "e", times: 1)
            #expect(await exchange(simulator.port, Ask.chat(path: path)).header("x-ms-region") == "Norway East")
        }
        try await playing(yaml) { simulator in
            #expect(await exchange(simulator.port, Ask.chat()).header("x-ms-region") == nil, "only Azure says it by itself")
            let told = await exchange(simulator.port, Ask.chat(fault: "region:West Europe"))
            #expect(told.status == 200 && told.header("x-ms-region") == "West Europe")
        }
        for wrong in ["region:", "region:a\r\nb: c", "region:Süd"] { #expect(Fault(wrong) == nil) }
    }

    @Test("A cut comes after whole events, or inside one, without an end of the body")
    func cuts() async throws {
        let cut = try await play("cut-stream:3")
        #expect(cut.reply.ended && !cut.reply.failed)
        #expect(cut.reply.data.count == 3 && cut.reply.events.count == 3)
        #expect(!cut.reply.rawBody.hasSuffix("0\r\n\r\n"))
        #expect(cut.request.outcome == .fault)
        #expect(cut.request.outputTokensPlayed == 2, "the first event says nothing")
        let inside = try await play("cut-inside:2")
        #expect(inside.reply.data.count == 2 && inside.reply.ended)
        #expect(!inside.reply.rawBody.hasSuffix("\r\n"))
        let reset = try await play("reset-stream:2")
        #expect(reset.reply.failed)
        let early = try await play("end-early:2", enough: isWhole)
        #expect(early.reply.rawBody.hasSuffix("0\r\n\r\n") && !early.reply.body.contains("[DONE]"))
    }

    @Test("Malformed events, bad chunks and errors inside a 200 are played where they are asked for")
    func broken() async throws {
        let malformed = try await play("malformed-event:2", enough: isWhole)
        #expect(malformed.reply.events.count == malformed.reply.data.count - 2)
        let chunk = try await play("bad-chunk:1")
        #expect(chunk.reply.rawBody.contains("zz\r\n"))
        for event in [0, 3] {
            let error = try await play("error-event:\(event)", enough: isWhole)
            #expect(error.reply.status == 200)
            #expect(error.reply.data.count == event + 1)
            #expect(error.reply.events.last?["error"]?["message"] != nil)
        }
    }

    @Test("Stalls say nothing for good, or go on after their time")
    func stalls() async throws {
        let silent = try await play("stall-head", leaves: true)
        #expect(silent.reply.bytes.isEmpty && silent.request.outcome == .clientLeft)
        let late = try await play("stall-head:30", enough: isWhole)
        #expect(late.reply.body.contains("[DONE]"))
        let half = try await play("stall-stream:2") { $0.data.count >= 2 }
        #expect(half.reply.data.count == 2 && half.request.outcome == .clientLeft)
        let slow = try await play("stall-stream:2:30", enough: isWhole)
        #expect(slow.reply.body.contains("[DONE]") && slow.request.outcome == .completed)
    }

    @Test("Lying lengths, early ends and missing framing break the answer as named")
    func lengths() async throws {
        let short = try await play("length-short", stream: false) { isWhole($0) && $0.rawBody.hasSuffix("}") }
        let said = try #require(short.reply.header("content-length").flatMap { Int($0) })
        #expect(short.reply.rawBody.utf8.count > said)
        let long = try await play("length-long", stream: false)
        #expect(long.reply.ended && long.reply.rawBody.utf8.count == (Int(long.reply.header("content-length") ?? "") ?? 0) - 64)
        let early = try await play("close-early", stream: false)
        #expect(early.reply.ended && early.reply.json == .null)
        let open = try await play("no-framing", stream: false)
        #expect(open.reply.ended && open.reply.headers("content-length") == 0 && open.reply.json != .null)
        let drip = try await play("drip:0", stream: false, enough: isWhole)
        #expect(drip.reply.json["choices"] != nil)
    }

    @Test("Smuggled answers have two framings or a second answer behind the first")
    func smuggling() async throws {
        let lengths = try await play("smuggle-lengths", stream: false, enough: isAll)
        #expect(lengths.reply.headers("content-length") == 2 && lengths.reply.text.contains("smuggled"))
        let encoding = try await play("smuggle-encoding", stream: false, enough: { $0.text.hasSuffix("\"fp_weirsim\"}") })
        #expect(encoding.reply.headers("content-length") == 1 && encoding.reply.headers("transfer-encoding") == 1)
        let extra = try await play("smuggle-extra", stream: false, enough: isAll)
        #expect(extra.reply.text.contains("smuggled") && extra.reply.headers("content-length") == 1)
    }

    @Test("Garbage, a huge head, interim answers and no answer at all")
    func heads() async throws {
        let garbage = try await play("garbage")
        #expect(garbage.reply.ended && !garbage.reply.text.hasPrefix("HTTP"))
        let huge = try await play("huge-head:200000", stream: false, enough: isWhole)
        #expect(huge.reply.bytes.count > 200_000)
        let none = try await play("no-answer")
        #expect(none.reply.ended && none.reply.bytes.isEmpty)
        let refused = try await play("refuse")
        #expect(refused.reply.failed && refused.reply.bytes.isEmpty)
        let interim = try await play("informational", stream: false) { $0.text.contains("usage") }
        #expect(interim.reply.text.hasPrefix("HTTP/1.1 100") && interim.reply.text.contains("HTTP/1.1 200"))
    }

    @Test("Usage can be missing or absurd, and a stream can have no end")
    func usage() async throws {
        let silent = try await play("no-usage", stream: false, enough: isWhole)
        #expect(silent.reply.json["choices"] != nil && silent.reply.json["usage"] == nil)
        #expect(silent.request.billedOutput == 6, "it is billed all the same")
        let absurd = try await play("absurd-usage", stream: false, enough: isWhole)
        #expect(absurd.reply.json["usage"]?["prompt_tokens"]?.int == -7)
        let endless = try await play("endless") { $0.bytes.count > 1_000_000 }
        #expect(endless.reply.bytes.count > 1_000_000)
    }

    @Test("429 tells the wait in both headers; other statuses come with the provider's words")
    func statuses() async throws {
        let limited = try await play("rate-limit:2500", enough: isWhole)
        #expect(limited.reply.status == 429)
        #expect(limited.reply.header("retry-after") == "3" && limited.reply.header("retry-after-ms") == "2500")
        let quota = try await play("status:429:insufficient_quota", enough: isWhole)
        #expect(quota.reply.json["error"]?["code"]?.string == "insufficient_quota")
        for provider in PlayedProvider.clouds {
            for status in [400, 401, 403, 404, 408, 429, 500, 502, 503, 504] {
                let answer = Trouble.status(status, code: nil).answer(provider)
                guard case .whole(let bytes) = answer.body, let json = JSONReader.read(bytes) else {
                    Issue.record("\(provider) \(status) is not JSON")
                    continue
                }
                #expect(answer.status == status)
                #expect((json["error"] ?? json)[provider == .huawei ? "error_msg" : "message"] != nil)
            }
        }
    }

    @Test("A fault can ride on the model's name, and the record has the name without it")
    func modelNames() async throws {
        try await playing(yaml) { simulator in
            let reply = await exchange(simulator.port, Ask.chat(model: "m!status:503"))
            #expect(reply.status == 503)
            #expect(simulator.record().first?.model == "m")
        }
    }

    @Test("A fault that is set plays for so many times; refused connections answer nothing; a listener that is down refuses")
    func set() async throws {
        try await playing(yaml) { simulator in
            try await simulator.setFault(.status(500, code: nil), endpoint: "e", times: 2)
            var statuses: [Int] = []
            for _ in 0..<3 { statuses.append(await exchange(simulator.port, Ask.chat()).status) }
            #expect(statuses == [500, 500, 200])
            try await simulator.setFault(.refuse, endpoint: "e", times: 1)
            let refused = await exchange(simulator.port, Ask.chat())
            #expect(refused.ended && refused.bytes.isEmpty)
            #expect(await exchange(simulator.port, Ask.chat()).status == 200)
            try await simulator.setFault(.down, endpoint: "e")
            #expect(await exchange(simulator.port, Ask.chat()).failed)
            try await simulator.setFault(nil, endpoint: "e")
            #expect(await exchange(simulator.port, Ask.chat()).status == 200)
            #expect(simulator.record().count == 5)
        }
    }

    @Test("Rules play by number, by every so many, and by a share that the seed fixes")
    func rules() async throws {
        let faults = """

                faults:
                  - { fault: "status:503", requests: [2] }
                  - { fault: "status:500", every: 4 }
            """
        try await playing(yaml + faults) { simulator in
            var statuses: [Int] = []
            for _ in 0..<8 { statuses.append(await exchange(simulator.port, Ask.chat()).status) }
            #expect(statuses == [200, 503, 200, 500, 200, 200, 200, 500])
        }
        var runs: [[Int]] = []
        for _ in 0..<2 {
            try await playing(yaml + "\n    faults: [{ fault: \"status:500\", share: 0.5 }]") { simulator in
                var statuses: [Int] = []
                for _ in 0..<20 { statuses.append(await exchange(simulator.port, Ask.chat()).status) }
                runs.append(statuses)
            }
        }
        #expect(runs[0] == runs[1])
        #expect((4...16).contains(runs[0].count { $0 == 500 }))
    }
}
