import ArgumentParser
import Console
import Core
import Foundation

/// `weir keys`: makes, lists, rotates and revokes callers' keys.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Create, list, limit, label, rotate and revoke callers' keys.",
        subcommands: [Create.self, List.self, Limit.self, Label.self, FallBack.self, Rotate.self, Revoke.self])
}

extension KeysCommand {
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a key. It is shown once: alone, as the last line of standard output.")

        @OptionGroup var server: ServerOptions
        @Option(help: "The tenant, as the configuration names it.") var tenant: String
        @Option(help: "One of the tenant's teams.") var team: String
        @Option(help: "What the key is for.") var name: String
        @OptionGroup var limits: KeyLimitOptions
        @OptionGroup var labels: KeyLabelOptions
        @Option(name: .customLong("model"), help: "A model that the key is for; repeat for more. (default: all of its tenant)")
        var models: [String] = []
        @OptionGroup var fallbacks: KeyFallbackOptions
        @Option(help: "When it expires: in 12h, 30d.") var expires: String?

        func run() throws {
            let wish = Wish(
                tenant: tenant, team: team, name: name, models: models.isEmpty ? nil : models, fallbacks: fallbacks.fallback,
                limits: limits.texts,
                requestsPerMinute: limits.requestsPerMinute, tokensPerMinute: limits.tokensPerMinute,
                concurrency: limits.concurrency, class: labels.class, categories: labels.categoryList,
                subjects: labels.subjectList, purposes: labels.purposeList, exportTags: labels.tagList,
                clients: labels.clients, lifetimeSeconds: try expires.map { try seconds($0, "--expires") })
            let created = try server.client().call(
                "POST", "/admin/v1/keys", body: Array(try JSONEncoder().encode(wish)), as: CreatedKey.self)
            show(created)
        }

        private struct Wish: Encodable {
            var tenant: String
            var team: String
            var name: String
            var models: [String]?
            var fallbacks: [String]
            var limits: [String]?
            var requestsPerMinute: Int64?
            var tokensPerMinute: Int64?
            var concurrency: Int?
            var `class`: String?
            var categories: [String]?
            var subjects: [String]?
            var purposes: [String]?
            var exportTags: [String]?
            var clients: String?
            var lifetimeSeconds: Int64?
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List all keys with this month's money.")

        @OptionGroup var server: ServerOptions

        func run() throws {
            let list = try server.client().call("GET", "/admin/v1/keys", as: KeyList.self)
            var table = TextTable([
                .init(name: "ID"), .init(name: "NAME"), .init(name: "TENANT"), .init(name: "TEAM"), .init(name: "STATE"),
                .init(name: "LIMITS $"), .init(name: "SETTLED $", isNumber: true),
                .init(name: "RESERVED $", isNumber: true), .init(name: "EXPIRES"), .init(name: "LABELS"),
                .init(name: "MODELS"),
            ])
            table.rows = list.keys.map { key in
                [
                    key.id, key.name, key.tenant, key.team, key.state.rawValue,
                    key.limits.isEmpty ? "none" : key.limits.joined(separator: ", "), key.settled,
                    key.reserved, key.expires ?? "never", key.labels.words,
                    key.models?.joined(separator: " ") ?? "all of the tenant",
                ]
            }
            print(table.text)
        }
    }

    struct Limit: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace all limits that are a key's own; without any, only its team's and tenant's hold.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The key's identifier, key_….") var id: String
        @OptionGroup var limits: KeyLimitOptions

        func run() throws {
            let wish = Wish(
                limits: limits.texts, requestsPerMinute: limits.requestsPerMinute, tokensPerMinute: limits.tokensPerMinute,
                concurrency: limits.concurrency)
            let view = try server.client().call(
                "PUT", "/admin/v1/keys/\(try identifier(id))/limits", body: Array(try JSONEncoder().encode(wish)),
                as: KeyView.self)
            print("\(view.id): \(view.limits.isEmpty ? "no limit of money of its own" : view.limits.joined(separator: ", "))")
        }

        private struct Wish: Encodable {
            var limits: [String]?
            var requestsPerMinute: Int64?
            var tokensPerMinute: Int64?
            var concurrency: Int?
        }
    }

    struct Label: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace all labels that are a key's own; without any, only its team's and tenant's hold.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The key's identifier, key_….") var id: String
        @OptionGroup var labels: KeyLabelOptions

        func run() throws {
            let wish = Wish(
                class: labels.class, categories: labels.categoryList, subjects: labels.subjectList, purposes: labels.purposeList,
                exportTags: labels.tagList, clients: labels.clients)
            let view = try server.client().call(
                "PUT", "/admin/v1/keys/\(try identifier(id))/labels", body: Array(try JSONEncoder().encode(wish)),
                as: KeyView.self)
            print("\(view.id): \(view.labels.words)")
        }

        private struct Wish: Encodable {
            var `class`: String?
            var categories: [String]?
            var subjects: [String]?
            var purposes: [String]?
            var exportTags: [String]?
            var clients: String?
        }
    }

    struct FallBack: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fall-back",
            abstract: "Replace which models may answer in the place of others for a key; without any, none may.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The key's identifier, key_….") var id: String
        @OptionGroup var fallbacks: KeyFallbackOptions

        func run() throws {
            let view = try server.client().call(
                "PUT", "/admin/v1/keys/\(try identifier(id))/fallbacks",
                body: Array(try JSONEncoder().encode(["fallbacks": fallbacks.fallback])), as: KeyView.self)
            print(
                "\(view.id): \(view.fallbacks.isEmpty ? "no model may stand in for another" : view.fallbacks.joined(separator: "; "))"
            )
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a key a new secret. It is shown once: alone, as the last line of standard output.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The key's identifier, key_….") var id: String
        @Option(help: "How long the old secret still opens it.") var overlap: String = "24h"

        func run() throws {
            let client = try server.client()
            let body = Array("{\"overlapSeconds\":\(try seconds(overlap, "--overlap"))}".utf8)
            let created = try client.call("POST", "/admin/v1/keys/\(try identifier(id))/rotate", body: body, as: CreatedKey.self)
            tell("The old secret opens the key for \(overlap) more.")
            show(created)
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a key. When the command returns, no call with it is let in any more.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The key's identifier, key_….") var id: String
        @Option(help: "Why; it is kept in the journal.") var why: String?

        func run() throws {
            let body = try why.map { Array(try JSONEncoder().encode(["why": $0])) }
            try server.client().call("DELETE", "/admin/v1/keys/\(try identifier(id))", body: body)
            print("\(id) is revoked.")
        }
    }
}

/// The limits of one key, as options.
struct KeyLimitOptions: ParsableArguments {
    @Option(
        help: """
            Hard limit in dollars: 25.00 is for each calendar month (UTC); others with their period in front, \
            "day 5.00", "week Asia/Shanghai 20.00", "rolling 3600s 1.00", "total 100.00"; repeat for more.
            """)
    var limit: [String] = []
    @Option(help: "Requests a minute.") var requestsPerMinute: Int64?
    @Option(help: "Tokens a minute, of input and output together.") var tokensPerMinute: Int64?
    @Option(help: "Calls under way at once.") var concurrency: Int?

    /// As the admin API takes them; nil for none.
    var texts: [String]? {
        limit.isEmpty ? nil : limit.map { $0.contains(" ") ? $0 : "month \($0)" }
    }
}

/// Models that may stand in for others, as options.
struct KeyFallbackOptions: ParsableArguments {
    @Option(
        help: """
            MODEL=OTHER,OTHER: when no endpoint of the model can answer, the first of the others that policy permits may; repeat for \
            more models.
            """)
    var fallback: [String] = []
}

/// What one key's calls are, as options. An empty list, `--categories ""`, says "none of them"; what is left out is unknown of the key.
struct KeyLabelOptions: ParsableArguments {
    @Option(name: .customLong("class"), help: "The least data class of its calls.") var `class`: String?
    @Option(help: "Kinds of data that laws name, with commas; \"\" for none of them.") var categories: String?
    @Option(help: "Countries where the people may be, with commas: SE,DE; or anywhere.") var subjects: String?
    @Option(help: "What its calls may be for, with commas.") var purposes: String?
    @Option(help: "Export tags of the content, with commas; \"\" for none.") var exportTags: String?
    @Option(help: "narrow: clients may say more of single calls; fixed: they may not.") var clients: String?

    var categoryList: [String]? { categories.map(list) }
    var subjectList: [String]? { subjects.map(list) }
    var purposeList: [String]? { purposes.map(list) }
    var tagList: [String]? { exportTags.map(list) }

    private func list(_ text: String) -> [String] {
        text.split(separator: ",").map { String($0.trimming(while: { $0 == " " })) }
    }
}

extension CallLabelsView {
    /// In one line, for tables.
    var words: String {
        let parts = [
            dataClass, categories.map { $0.isEmpty ? "no categories" : $0.joined(separator: " ") },
            subjects.map { "of " + $0.joined(separator: " ") }, purposes.map { "for " + $0.joined(separator: " ") },
            exportTags.map { $0.isEmpty ? "no export tags" : $0.joined(separator: " ") }, clientsNarrow ? "clients narrow" : nil,
        ].compactMap { $0 }
        return parts.isEmpty ? "none" : parts.joined(separator: "; ")
    }
}

extension Substring {
    fileprivate func trimming(while isSpace: (Character) -> Bool) -> Substring {
        var rest = drop(while: isSpace)
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        return rest
    }
}

/// Nothing but an identifier goes into a path; a whole key is not sent anywhere.
private func identifier(_ id: String) throws -> String {
    guard KeyMaker.isID(id) else {
        throw ValidationError("A key is named by its identifier, `key_` and 16 hexadecimal digits; see `weir keys list`.")
    }
    return id
}

/// The details for people, the key alone for programs.
private func show(_ created: CreatedKey) {
    let record = created.record
    tell(
        """
        \(record.id)  \(record.name)
          tenant   \(record.tenant)
          team     \(record.team)
          models   \(record.models?.joined(separator: ", ") ?? "all that the tenant's policy allows")
          instead  \(record.fallbacks.isEmpty ? "no model may stand in for another" : record.fallbacks.joined(separator: "; "))
          limits   \(record.limits.isEmpty ? "none of its own" : record.limits.joined(separator: ", "))
          expires  \(record.expires ?? "never")
        The key is shown only now:
        """)
    print(created.key.value)
}
