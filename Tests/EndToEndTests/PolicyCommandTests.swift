import Foundation
import Testing

extension EndToEnd {
    @Suite("Commands about policies")
    struct PolicyCommandTests {
        @Test(
            "`weir policy replay` says of the calls that were made which would be denied, go elsewhere or stay, beside a Weir that runs"
        )
        func replay() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one", "two"]))
                let endpoints =
                    bench.endpoint("one", models: [("m", "m"), ("n", "m")])
                    + bench.endpoint("two", models: [("m", "m")], more: "    priority: 2")
                let file = bench.configuration(endpoints: endpoints)
                try bench.configure(file)
                try bench.start()
                let key = try bench.key("k", more: ["--class", "personal"])
                for _ in 0..<3 { #expect(try bench.chat(CommandTests.hello, key: key).headers["x-weir-endpoint"] == "one") }
                let other = CommandTests.hello.replacing("\"m\"", with: "\"n\"")
                #expect(try bench.chat(other, key: key).status == 200)

                let new = bench.folder.appending(path: "new.yaml")
                func replay(_ policies: String) throws -> Workbench.Said {
                    try policies.write(
                        to: bench.folder.appending(path: "new.cedar"), atomically: true, encoding: .utf8)
                    try (file + "\npolicy: {files: [new.cedar]}\n").write(to: new, atomically: true, encoding: .utf8)
                    return try bench.weir("policy", "replay", "--config", new.path, "--since", "1h")
                }
                let lists = "@id(\"lists\") permit (principal, action, resource);\n"
                #expect(
                    try eventually(within: 5) {
                        let same = try replay(lists)
                        return same.status == 0
                            && same.output.hasPrefix("4 attempts since ")
                            && same.output.contains("4 would go where they went, 0 ")
                    })
                let moved = try replay(
                    lists + "@id(\"not-one\") forbid (principal, action, resource == Endpoint::\"one\")\n"
                        + "when { context.dataClass in DataClass::\"personal\" };\n")
                #expect(moved.status == 1, "\(moved)")
                #expect(moved.output.contains("0 would go where they went, 3 elsewhere, 1 nowhere, 0 undecided."), "\(moved)")
                #expect(moved.output.contains("elsewhere: two") && moved.output.contains("forbidden by policy not-one"))
                #expect(try bench.weir("policy", "replay", "--config", new.path, "--since", "soon").status != 0)
                let nowhere = try bench.weir(
                    "policy", "replay", "--config", new.path, "--data", bench.folder.appending(path: "none").path)
                #expect(nowhere.status != 0 && !nowhere.output.contains("attempts since"), "\(nowhere)")
            }
        }
    }
}
