import Foundation
import Testing

extension EndToEnd {
    /// `weir policy test`, `prove` and `diff` on the example that docs/compliance.md follows. None of its secrets is set.
    @Suite("Questions about policies")
    struct PolicyProofTests {
        private static let example = Workbench.repository.appending(path: "examples/residency")
        private static var file: String { example.appending(path: "weir.yaml").path }

        /// The example's files in the bench's folder, with one text of its policies replaced.
        private static func copy(_ bench: Workbench, replacing old: String, with new: String) throws -> String {
            let folder = bench.folder.appending(path: "changed")
            try? FileManager.default.removeItem(at: folder)
            try FileManager.default.copyItem(at: example, to: folder)
            let policies = folder.appending(path: "residency.cedar")
            let before = try text(policies)
            #expect(before.contains(old))
            try before.replacing(old, with: new).write(to: policies, atomically: true, encoding: .utf8)
            return folder.appending(path: "weir.yaml").path
        }

        private static let europe = #"when { context.subjects.containsAny(Zone::"EEA".countries) }"#
        private static let swedes = #"when { context.subjects.contains("SE") }"#

        @Test("`weir policy test` says how many cases hold, and of each that does not, where and why")
        func cases() async throws {
            try await Workbench.with { bench in
                let table = Self.example.appending(path: "cases.yaml").path
                let held = try bench.weir("policy", "test", table, "--config", Self.file)
                #expect(held.status == 0 && held.output == "8 of 8 cases held.\n", "\(held)")

                let changed = try Self.copy(bench, replacing: #""china-stays""#, with: #""china-remains""#)
                let unknown = try bench.weir("policy", "test", table, "--config", changed)
                #expect(unknown.status != 0 && unknown.output.isEmpty)
                #expect(unknown.errors.contains("cases.yaml:8:29: The configuration has no policy of this name."), "\(unknown)")

                let own = bench.folder.appending(path: "cases.yaml")
                try """
                defaults: {tenant: acme, team: support, model: assistant}
                cases:
                  - {name: in China, client: {subject: CN}, allowed: [qwen-beijing]}
                  - {name: anywhere, client: {subject: SE}, allowed: [azure-sweden, azure-global]}
                """.write(to: own, atomically: true, encoding: .utf8)
                let said = try bench.weir("policy", "test", own.path, "--config", Self.file)
                #expect(said.status == 1)
                #expect(
                    said.output == """
                        \(own.path):4:5: anywhere
                            azure-global is denied: forbidden by policy europe-stays
                        1 of 2 cases held.

                        """, "\(said)")
                let silent = bench.folder.appending(path: "one.yaml").path
                try
                    "cases: [{name: a, tenant: acme, team: engineering, model: assistant, allowed: [azure-global, azure-sweden, qwen-beijing]}]"
                    .write(toFile: silent, atomically: true, encoding: .utf8)
                let one = try bench.weir("policy", "test", silent, "--config", Self.file)
                #expect(one.status == 0)
                #expect(one.output == "No case was decided by: china-stays, europe-stays.\n1 of 1 case held.\n", "\(one)")
                #expect(try bench.weir("policy", "test", "none.yaml", "--config", Self.file).status != 0)
            }
        }

        @Test("`weir policy prove` proves the example's claims; with one country forgotten it shows a call that breaks one")
        func claims() async throws {
            try await Workbench.with { bench in
                let claims = Self.example.appending(path: "claims.cedar").path
                let proved = try bench.weir("policy", "prove", claims, "--config", Self.file)
                #expect(proved.status == 0 && proved.lastLine == "2 of 2 claims proved.", "\(proved)")
                #expect(proved.output.contains("  proved: 90 calls at 3 endpoints, "))

                let changed = try Self.copy(bench, replacing: Self.europe, with: Self.swedes)
                let broken = try bench.weir("policy", "prove", claims, "--config", changed)
                #expect(broken.status == 1 && broken.lastLine == "1 of 2 claims proved.", "\(broken)")
                #expect(broken.output.contains("class personal, subjects [AT]"), "\(broken)")
                #expect(broken.output.contains("    permitted by lists\n"))

                // A promise about no call is true and says so.
                let vain = bench.folder.appending(path: "vain.cedar")
                try """
                @id("none") @claim("Nothing is sent to Beijing that is processed in Japan") forbid (principal, action, resource)
                when { resource == Endpoint::"qwen-beijing" && resource.processedIn.contains("JP") };
                """.write(to: vain, atomically: true, encoding: .utf8)
                let nothing = try bench.weir("policy", "prove", vain.path, "--config", Self.file)
                #expect(nothing.status == 0, "\(nothing)")
                #expect(nothing.lastLine == "1 of 1 claim proved, 1 of them about no call at all.", "\(nothing)")

                try "permit (principal, action, resource".write(to: vain, atomically: true, encoding: .utf8)
                let unread = try bench.weir("policy", "prove", vain.path, "--config", Self.file)
                #expect(unread.status != 0 && unread.errors.contains("vain.cedar:1:"), "\(unread)")
                #expect(try bench.weir("policy", "prove", claims, "--config", Self.file, "--tenant", "no").status != 0)
            }
        }

        @Test("`weir policy diff` lists exactly what a change lets go, and nothing when nothing changes")
        func differences() async throws {
            try await Workbench.with { bench in
                let same = try bench.weir("policy", "diff", Self.file, Self.file)
                #expect(same.status == 0 && same.output.hasPrefix("Nothing flips: 3 endpoints, "), "\(same)")

                let changed = try Self.copy(bench, replacing: Self.europe, with: Self.swedes)
                let wider = try bench.weir("policy", "diff", Self.file, changed)
                #expect(wider.status == 1 && wider.lastLine.contains(", 0 newly denied; 3 endpoints, "), "\(wider)")
                #expect(
                    wider.output.contains(
                        "    old       denied: forbidden by policy europe-stays\n    new       permitted by lists\n"))
                let narrower = try bench.weir("policy", "diff", changed, Self.file)
                #expect(narrower.status == 1 && narrower.lastLine.contains(": 0 newly permitted, "), "\(narrower)")
                #expect(try bench.weir("policy", "diff", Self.file, changed, "--tenant", "no").status != 0)
                #expect(try bench.weir("policy", "diff", Self.file, "none.yaml").status != 0)
            }
        }
    }
}
