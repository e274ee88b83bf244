import Core
import Foundation
import Ledger
import Testing

@Suite("The main path: one call from head to end")
struct MainPathTests {
    static let scenario = """
        endpoints:
          - name: one
            provider: openai
            output: 8
            models: [{name: up-m}]
        """

    @Test("A plain call is answered, settled at its usage and leaves no hold open")
    func plain() async throws {
        try await Harness.with(scenario: Self.scenario) { weir async throws in
            let answer = try weir.chat(#"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#)
            #expect(answer.status == 200, "\(answer)")
            #expect(answer.header("x-weir-endpoint") == "one")
            #expect(answer.body.contains("\"usage\""))
            #expect(weir.openHolds == 0)
        }
    }
}
