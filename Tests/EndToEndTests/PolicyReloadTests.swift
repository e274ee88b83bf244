import Foundation
import Glibc
import Testing

/// Policies that `weir serve` must not take, each written over a set that is in force.
private struct BadPolicies: Sendable {
    var name: String
    /// Puts it in the place of the good file.
    var place: @Sendable (URL) throws -> Void
    /// What the refusal says, the place in the file of policies first.
    var says: [String]

    init(_ name: String, says: [String], place: @escaping @Sendable (URL) throws -> Void) {
        (self.name, self.place, self.says) = (name, place, says)
    }

    /// A file of this text.
    init(_ name: String, _ text: String, says: String...) {
        self.init(name, says: says) { try text.write(to: $0, atomically: true, encoding: .utf8) }
    }

    static let permit = "@id(\"lists\") permit (principal, action, resource);\n"

    /// A good policy on the first line and one with this condition on the second.
    static func when(_ name: String, _ condition: String, says: String...) -> BadPolicies {
        let text = permit + "@id(\"bad\") forbid (principal, action, resource) when { \(condition) };\n"
        return BadPolicies(name, says: says) { try text.write(to: $0, atomically: true, encoding: .utf8) }
    }

    static let unreadable: [BadPolicies] = [
        BadPolicies("no file", says: ["weir.yaml:", "No such file"]) { _ in },
        BadPolicies("a folder", says: ["weir.yaml:", "Is a directory"]) {
            try FileManager.default.createDirectory(at: $0, withIntermediateDirectories: false)
        },
        BadPolicies("a link to nothing", says: ["weir.yaml:", "No such file"]) {
            try FileManager.default.createSymbolicLink(at: $0, withDestinationURL: URL(filePath: "/nowhere/policies"))
        },
        BadPolicies("a link to itself", says: ["weir.yaml:", "symbolic links"]) {
            try FileManager.default.createSymbolicLink(at: $0, withDestinationURL: $0)
        },
        BadPolicies("a pipe that nobody writes to", says: ["weir.yaml:", "nothing came for 2000 ms"]) {
            _ = mkfifo($0.path, 0o600)
        },
        BadPolicies("a device without end", says: ["weir.yaml:", "larger than 1048576 bytes"]) {
            try FileManager.default.createSymbolicLink(at: $0, withDestinationURL: URL(filePath: "/dev/zero"))
        },
        BadPolicies("bytes that are no UTF-8", says: ["weir.yaml:", "not UTF-8"]) {
            try Data(Array(permit.utf8) + [0x2F, 0x2F, 0xC0, 0xAF, 0x0A]).write(to: $0)
        },
        BadPolicies("a surrogate in UTF-8", says: ["weir.yaml:", "not UTF-8"]) {
            try Data(Array(permit.utf8) + [0x2F, 0x2F, 0xED, 0xA0, 0x80, 0x0A]).write(to: $0)
        },
        BadPolicies("UTF-16", says: ["weir.yaml:", "not UTF-8"]) {
            try #require(permit.data(using: .utf16)).write(to: $0)
        },
        BadPolicies(
            "a byte more than a mebibyte", permit + String(repeating: " ", count: 1_048_577 - permit.utf8.count),
            says: "larger than 1048576 bytes"),
    ]

    static let hollow: [BadPolicies] = [
        BadPolicies("an empty file", "", says: "weir.yaml:", "empty"),
        BadPolicies("white space", "\n\t \r\n", says: "weir.yaml:", "empty"),
        BadPolicies("comments", "// permit (principal, action, resource);\n", says: "house.cedar:1:1: ", "no policy"),
        BadPolicies("no permit", "@id(\"no\") forbid (principal, action, resource);\n", says: "house.cedar:1:1: ", "permit"),
        BadPolicies(
            "a template alone", "@id(\"t\") permit (principal == ?principal, action, resource);\n", says: "house.cedar:1:",
            "template"),
    ]

    static let badText: [BadPolicies] = [
        BadPolicies("half a file", permit + "@id(\"half\") forbid (principal, action, resou", says: "house.cedar:2:"),
        BadPolicies("no semicolon", permit + "@id(\"a\") forbid (principal, action, resource)\n", says: "house.cedar:3:1: "),
        BadPolicies("an unknown effect", permit + "@id(\"a\") allow (principal, action, resource);", says: "house.cedar:2:10: "),
        BadPolicies("a string without end", permit + "@id(\"a) forbid (principal, action, resource);", says: "house.cedar:2:5: "),
        BadPolicies("a NUL", permit + "\0", says: "house.cedar:2:1: "),
        BadPolicies("another name's letters", permit.replacing("permit", with: "p\u{435}rmit"), says: "house.cedar:1:15: "),
        .when("a loop's parentheses", String(repeating: "(", count: 50_000), says: "house.cedar:2:", "nests deeper"),
        .when(
            "deep parentheses", String(repeating: "(", count: 50_000) + "true" + String(repeating: ")", count: 50_000),
            says: "house.cedar:2:", "nests deeper"),
        .when("deep negations", String(repeating: "!", count: 50_000) + "true", says: "house.cedar:2:56: "),
        .when(
            "deep sets", String(repeating: "[", count: 50_000) + String(repeating: "]", count: 50_000) + " == []",
            says: "house.cedar:2:", "nests deeper"),
        .when(
            "deep ifs", String(repeating: "if true then true else ", count: 20_000) + "true", says: "house.cedar:2:",
            "nests deeper"),
        .when("a long path", "context" + String(repeating: ".a", count: 100_000) + " == 1", says: "house.cedar:2:"),
    ]

    static let badWords: [BadPolicies] = [
        .when("an attribute of the endpoint", "resource.procesedIn.contains(\"CN\")", says: "house.cedar:2:", "processedIn"),
        .when("an attribute of the call", "context.dataclass == DataClass::\"personal\"", says: "house.cedar:2:", "dataClass"),
        .when("a number against a word", "resource.retentionDays == \"0\"", says: "house.cedar:2:"),
        .when("a word as a condition", "resource.operator", says: "house.cedar:2:"),
        .when("a set of two kinds", "resource.processedIn.containsAny([1, \"CN\"])", says: "house.cedar:2:"),
        .when("a tenant", "principal.tenant == Tenant::\"acmee\"", says: "house.cedar:2:", "acme"),
        .when("a team", "principal in Team::\"acme/two\"", says: "house.cedar:2:", "acme/one"),
        .when("a zone", "Zone::\"EUU\".countries.containsAll(resource.processedIn)", says: "house.cedar:2:", "EU"),
        .when("a model", "context.model == Model::\"mm\"", says: "house.cedar:2:", "Model::\"m\""),
        .when("a data class", "context.dataClass in DataClass::\"personel\"", says: "house.cedar:2:", "personal"),
        .when("an endpoint", "resource == Endpoint::\"onne\"", says: "house.cedar:2:", "one"),
        .when("an operation", "action == Action::\"chatt\"", says: "house.cedar:2:", "chat"),
        .when("a type", "principal is Tennant", says: "house.cedar:2:"),
        .when("a function", "ipp(\"10.0.0.1\").isIpv4()", says: "house.cedar:2:"),
        BadPolicies("no name", permit + "forbid (principal, action, resource);", says: "house.cedar:2:1: ", "no name"),
        BadPolicies("a name twice", permit + permit, says: "house.cedar:2:1: ", "lists"),
    ]

    static let badDates: [BadPolicies] =
        ["2026-02-30", "tomorrow", "", "2026-11-10T25:00:00Z", "10.11.2026", "2026-11-10 "].map {
            BadPolicies(
                "since \($0)", permit + "@id(\"a\") @effective(\"\($0)\") forbid (principal, action, resource);",
                says: "house.cedar:2:1: ", "@effective")
        } + [
            BadPolicies(
                "an end before its beginning",
                permit + "@id(\"a\") @effective(\"2026-11-10\") @until(\"2026-11-10\") forbid (principal, action, resource);",
                says: "house.cedar:2:1: ", "@until"),
            BadPolicies(
                "65 turns",
                permit
                    + (0..<65).map { "@id(\"t\($0)\") @until(\"\(2100 + $0)-01-01\") forbid (principal, action, resource);\n" }
                    .joined(),
                says: "house.cedar:1:1: ", "64 moments"),
            BadPolicies(
                "5,001 policies",
                permit + (1...5_000).map { "@id(\"p\($0)\")forbid(principal,action,resource);\n" }.joined(),
                says: "house.cedar:5001:1: ", "5000"),
        ]

    static let all = unreadable + hollow + badText + badWords + badDates
}

extension EndToEnd {
    @Suite("Policies of a running Weir")
    struct PolicyReloadTests {
        private static let good = """
            @id("lists") permit (principal, action, resource);
            @id("closed") forbid (principal, action, resource) when { context.model == Model::"n" };

            """

        /// Names of the kept sets, each checked against its content with another program.
        private func kept(_ bench: Workbench) throws -> Set<String> {
            let folder = bench.data.appending(path: "policies")
            var names: Set<String> = []
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                let sum = try bench.run(["/usr/bin/sha256sum", folder.appending(path: name).path]).output
                #expect(name == sum.prefix(32) + ".cedar", "\(name) is of another content: \(sum)")
                names.insert(name)
            }
            return names
        }

        @Test(
            "Whatever is written over the policies, the set in force stays until there is a good one, and the refusal says what is wrong and where"
        )
        func bad() async throws {
            try await Workbench.with { bench in
                try bench.play(CommandTests.clouds(["one"]))
                let file = bench.folder.appending(path: "house.cedar")
                try Self.good.write(to: file, atomically: true, encoding: .utf8)
                try bench.configure(
                    bench.configuration(
                        top: "policy: {files: [house.cedar]}", endpoints: bench.endpoint("one", models: [("m", "m"), ("n", "m")]))
                )
                let weir = try bench.start()
                let key = try bench.key("k")
                func ask(_ model: String) throws -> Answer {
                    try bench.chat(CommandTests.hello.replacing(#""model":"m""#, with: #""model":"\#(model)""#), key: key)
                }
                func holdsGood(_ after: String) throws {
                    let open = try ask("m")
                    #expect(open.status == 200, "after \(after): \(open)")
                    let closed = try ask("n")
                    #expect(closed.status == 403 && closed.code == "weir_policy_denied", "after \(after): \(closed)")
                    #expect(closed.body.contains("closed"), "after \(after): \(closed)")
                }
                try holdsGood("the start")
                let first = try kept(bench)
                #expect(first.count == 1)

                for bad in BadPolicies.all {
                    try? FileManager.default.removeItem(at: file)
                    try bad.place(file)
                    let logged = bench.logged.utf8.count
                    weir.signal(SIGHUP)
                    func news() -> String { String(decoding: bench.logged.utf8.dropFirst(logged), as: UTF8.self) }
                    let isRefused = eventually(within: 20) {
                        news().contains("configuration refused; the running one stays") && bad.says.allSatisfy(news().contains)
                    }
                    #expect(isRefused, "\(bad.name): \(news())")
                    let said = try bench.weir("reload", "--config", bench.file.path)
                    let told = said.output + said.errors
                    #expect(said.status != 0 && bad.says.allSatisfy(told.contains), "\(bad.name): \(said)")
                    try holdsGood(bad.name)
                }
                #expect(try kept(bench) == first, "a set that was refused is kept")

                // The good one again, and then another that turns both answers.
                try? FileManager.default.removeItem(at: file)
                try Self.good.write(to: file, atomically: true, encoding: .utf8)
                #expect(try bench.weir("reload", "--config", bench.file.path).status == 0)
                try holdsGood("the good one")
                #expect(try kept(bench) == first)
                try Self.good.replacing(#"Model::"n""#, with: #"Model::"m""#).write(to: file, atomically: true, encoding: .utf8)
                #expect(try eventually(within: 20) { try ask("n").status == 200 })
                #expect(try ask("m").code == "weir_policy_denied")
                let both = try kept(bench)
                #expect(both.count == 2 && both.isSuperset(of: first))

                // A start has no set to stay with.
                bench.stop()
                try BadPolicies.permit.dropLast(3).write(to: file, atomically: true, encoding: .utf8)
                let refused = try bench.weir("serve", bench.file.path)
                #expect(refused.status != 0 && refused.errors.contains("house.cedar:"), "\(refused)")
            }
        }
    }
}
