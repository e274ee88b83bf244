import Foundation
import Testing

extension EndToEnd {
    @Suite("Azure operated by 21Vianet")
    struct AzureChinaTests {
        private static func endpoint(_ bench: Workbench, attest: String) -> String {
            """
              cn:
                provider: azure
                url: http://127.0.0.1:\(bench.clouds?.ports["cn"] ?? 0)
                credential: none
                models: {m: {price: round, maxOutput: 100}}
                deployment: {cloud: azure-china, region: chinaeast2, sku: Standard}
            \(attest)
            """
        }

        @Test("It is off, and every command says why, until an operator attests the deployment; then it serves")
        func attested() async throws {
            try await Workbench.with { bench in
                try bench.play("  - {name: cn, provider: azure, output: 4, region: China East 2, models: [m]}\n")
                try bench.configure(bench.configuration(endpoints: Self.endpoint(bench, attest: "")))
                let why = "`azure-china` is off until somebody attests where the deployment processes"
                let checked = try bench.weir("check", bench.file.path)
                #expect(checked.status == 0 && checked.output.contains("endpoint cn left out: \(why)"), "\(checked)")
                try bench.start()
                #expect(bench.logged.contains(why))
                let key = try bench.key("k")
                let refused = try bench.chat(CommandTests.hello, key: key)
                #expect(refused.status >= 400, "\(refused)")
                let listed = try bench.weir("endpoints", "--config", bench.file.path).output
                #expect(listed.contains("off") && listed.contains(why), "\(listed)")
                let explained = try bench.weir("explain", "--key", key.id, "--model", "m", "--config", bench.file.path).output
                #expect(explained.contains("Refused: each endpoint of this model is off."), "\(explained)")
                #expect(explained.contains("cn is off: \(why)"), "\(explained)")

                let hash = String(repeating: "0a", count: 32)
                let attest =
                    "    attest: {processedIn: [CN], storedIn: [CN], by: Ada Lovelace, on: 2026-05-01, document: \"sha256:\(hash)\"}\n"
                try bench.configure(bench.configuration(endpoints: Self.endpoint(bench, attest: attest)))
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                let served = try bench.chat(CommandTests.hello, key: key)
                #expect(served.status == 200 && served.headers["x-weir-endpoint"] == "cn", "\(served)")
                // And it is taken back with the attestation.
                try bench.configure(bench.configuration(endpoints: Self.endpoint(bench, attest: "")))
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                #expect(try bench.chat(CommandTests.hello, key: key).status >= 400)
            }
        }
    }
}
