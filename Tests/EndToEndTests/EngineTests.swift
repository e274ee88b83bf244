import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("A real model as Weir's child")
    struct EngineTests {
        static let call = #"{"model":"smollm2","max_tokens":2,"messages":[{"role":"user","content":"hello"}]}"#

        @Test("SmolLM2 answers through the SDK: plain, streamed, JSON bound by a grammar, and a forced tool")
        func answers() async throws {
            try await Workbench.with { bench in
                let key = try Self.startModel(bench)
                try bench.python("local_model", environment: ["WEIR_KEY": key.secret], seconds: 180)
            }
        }

        @Test("A killed engine comes back after a wait that doubles, with a clear 503 meanwhile; a killed Weir leaves no engine")
        func kills() async throws {
            try await Workbench.with { bench in
                let key = try Self.startModel(bench)
                let weir = try #require(bench.weir)
                for wait in [250, 500] {
                    let engine = try #require(children(of: weir.id).first)
                    kill(engine, SIGKILL)
                    let noticed = "restarting(afterMilliseconds: \(wait)"
                    try #require(eventually(within: 10) { bench.logged.contains(noticed) })
                    let refused = try bench.chat(Self.call, key: key)
                    #expect(refused.status == 503, "\(refused)")
                    #expect(refused.code == "weir_no_endpoint_available")
                    try Self.awaitAnswer(bench, key)
                    #expect(isGone(engine))
                }
                let engine = try #require(children(of: weir.id).first)
                weir.signal(SIGKILL)
                #expect(eventually(within: 2) { isGone(engine) }, "the engine outlived Weir by 2 s")
            }
        }

        /// Starts Weir with the quickstart's engine and waits for its first answer.
        private static func startModel(_ bench: Workbench) throws -> Workbench.Key {
            let script = Workbench.repository.appending(path: "examples/quickstart/engine.py").path
            let port = try freePort()
            try bench.configure(
                bench.configuration(
                    top: """
                        engines:
                          smollm2: {command: [\(Workbench.python().path), \(script), --port, "\(port)", --threads, "1"], port: \(port)}
                        """,
                    endpoints: """
                          local:
                            provider: llama.cpp
                            engine: smollm2
                            models: {smollm2: {price: free, maxOutput: 4096}}
                            processedIn: [site:here]
                            storedIn: [site:here]
                            operator: self
                        """))
            try bench.start()
            let key = try bench.key("local")
            try awaitAnswer(bench, key)
            return key
        }

        /// Until the engine answers, every refusal is a clear one.
        private static func awaitAnswer(_ bench: Workbench, _ key: Workbench.Key) throws {
            let answered = try eventually(within: 60) {
                let answer = try bench.chat(call, key: key)
                if answer.status == 200 { return true }
                guard answer.status == 503, answer.code == "weir_no_endpoint_available" else { throw Obstacle("\(answer)") }
                usleep(50_000)
                return false
            }
            guard answered else { throw Obstacle("the engine did not get ready: \(bench.logged)") }
        }
    }
}

/// What the kernel says of a process: its state and its parent.
private func standing(of process: Int32) -> (state: Character, parent: Int32)? {
    guard let stat = try? text(URL(filePath: "/proc/\(process)/stat")), let name = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: name)...].split(separator: " ")
    guard fields.count > 1, let state = fields[0].first, let parent = Int32(fields[1]) else { return nil }
    return (state, parent)
}

private func children(of parent: Int32) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { standing(of: $0)?.parent == parent && !isGone($0) }.sorted()
}

/// Ended, though nobody may have asked for its status yet.
private func isGone(_ process: Int32) -> Bool { standing(of: process).map { $0.state == "Z" } ?? true }
