import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Serving")
    struct ServingTests {
        @Test(
            "SIGHUP, a change of the file and `weir reload` bring a new configuration; a bad file is refused and the old one stays"
        )
        func reload() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one", "two"]))
                let one = bench.endpoint("one", models: [("m", "m")])
                let two = bench.endpoint("two", models: [("later", "m")])
                try bench.configure(bench.configuration(endpoints: one))
                let weir = try bench.start()
                let key = try bench.key("patient")
                func models() throws -> Set<String> {
                    let answer = try Client.once(port: bench.callsPort, "GET", "/v1/models", headers: [key.header])
                    let listed = answer.value("data") as? [[String: Any]] ?? []
                    return Set(listed.compactMap { $0["id"] as? String })
                }
                #expect(try models() == ["m"])

                // By itself, when the file changes.
                try bench.configure(bench.configuration(endpoints: one + two))
                #expect(try eventually(within: 10) { try models() == ["later", "m"] })

                // By the signal, before the change is noticed or after: never wrongly.
                try bench.configure(bench.configuration(endpoints: two))
                weir.signal(SIGHUP)
                #expect(try eventually(within: 10) { try models() == ["later"] })

                // A bad file, by the command, which says why.
                try bench.configure(bench.configuration(endpoints: one + two + "  third: {provider: nobody}\n"))
                let refused = try bench.weir("reload", "--config", bench.file.path)
                #expect(refused.status != 0)
                #expect(eventually(within: 10) { bench.logged.contains("configuration refused; the running one stays") })
                #expect(bench.logged.contains(":\(bench.file.lastPathComponent)") || bench.logged.contains(bench.file.path))
                #expect(try models() == ["later"])
                #expect(weir.ending == nil)

                try bench.configure(bench.configuration(endpoints: one))
                let accepted = try bench.weir("reload", "--config", bench.file.path)
                #expect(accepted.status == 0, "\(accepted)")
                #expect(try models() == ["m"])
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
            }
        }

        @Test("A second Weir on the same data is refused, and the first goes on")
        func secondServer() async throws {
            try await Workbench.with { bench in
                try CommandTests.startSimple(bench)
                let key = try bench.key("first")
                let other = bench.folder.appending(path: "second.yaml")
                let ports = "calls: 127.0.0.1:\(try freePort()), admin: 127.0.0.1:\(try freePort())"
                let own = "calls: 127.0.0.1:\(bench.callsPort), admin: 127.0.0.1:\(bench.adminPort)"
                try text(bench.file).replacing(own, with: ports).write(to: other, atomically: true, encoding: .utf8)
                let second = try bench.weir("serve", other.path)
                #expect(second.status == 1)
                #expect(second.errors.contains("weir serve: "), "\(second)")
                #expect(try bench.chat(CommandTests.hello, key: key).status == 200)
            }
        }

        @Test("SIGTERM lets a stream in flight come to its end, takes no new call, and the process ends with 0")
        func drain() async throws {
            try await Workbench.with { bench in
                try bench.play("  - {name: slow, output: 30, pace: 20, models: [m]}\n")
                try bench.configure(bench.configuration(endpoints: bench.endpoint("slow", models: [("m", "m")])))
                let weir = try bench.start()
                let key = try bench.key("slow")
                let client = try Client(port: bench.callsPort)
                let body = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#
                try client.send("POST", "/v1/chat/completions", headers: [key.header], body: body)
                let stream = try client.answer { _ in
                    weir.signal(SIGTERM)
                    usleep(200_000)
                    let refused = eventually(within: 1) { ((try? bench.chat(body, key: key))?.status ?? 503) == 503 }
                    #expect(refused, "a call was taken during the drain")
                }
                #expect(stream.status == 200)
                #expect(stream.isWhole, "the stream was cut")
                #expect(stream.body.hasSuffix("data: [DONE]\n\n"))
                #expect(weir.ending(within: 20) == 0)
                #expect(bench.logged.contains("stopped"))
                #expect(try bench.received().map(\.outcome) == ["completed"])
            }
        }
    }
}
