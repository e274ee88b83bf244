import ArgumentParser
import Console
import Foundation

/// `weir endpoints`: how endpoints stand, and which of them get calls.
struct EndpointsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endpoints", abstract: "List endpoints with their standing; suspend and resume them.",
        subcommands: [List.self, Suspend.self, Resume.self], defaultSubcommand: List.self)
}

extension EndpointsCommand {
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List endpoints: available, suspended since when and why, cooling, resting, down or off.")

        @OptionGroup var server: ServerOptions

        func run() throws {
            let list = try server.client().call("GET", "/admin/v1/endpoints", as: EndpointList.self)
            var table = TextTable([
                .init(name: "ENDPOINT"), .init(name: "STANDING"), .init(name: "PROVIDER"), .init(name: "PROCESSED IN"),
                .init(name: "CREDENTIAL"), .init(name: "SINCE"), .init(name: "REASON"),
            ])
            table.rows = list.endpoints.map { endpoint in
                [
                    endpoint.name, endpoint.standing.rawValue, endpoint.provider ?? "-",
                    endpoint.processedIn.isEmpty ? "unknown" : endpoint.processedIn.joined(separator: " "),
                    endpoint.credential?.summary ?? "-", endpoint.suspension?.since ?? "-",
                    endpoint.off ?? endpoint.suspension?.reason ?? endpoint.until.map { "until \($0)" } ?? endpoint.credential?
                        .reason ?? "-",
                ]
            }
            print(table.text)
        }
    }

    struct Suspend: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send nothing to an endpoint until it is resumed. Calls under way there end as ever.")

        @OptionGroup var server: ServerOptions
        @Argument(help: "The endpoint, as the configuration names it.") var name: String
        @Option(help: "Why; it is kept in the journal.") var why: String

        func run() throws {
            try server.client().post("suspend", name, why)
            print("\(name) is suspended.")
        }
    }

    struct Resume: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send calls to a suspended endpoint again. If it still reports another region, its next answer suspends it."
        )

        @OptionGroup var server: ServerOptions
        @Argument(help: "The endpoint, as the configuration names it.") var name: String
        @Option(help: "Why; it is kept in the journal.") var why: String

        func run() throws {
            try server.client().post("resume", name, why)
            print("\(name) is resumed.")
        }
    }
}

extension EndpointView.CredentialView {
    /// `entra, valid until 2026-11-23T14:49:49.125Z`.
    fileprivate var summary: String {
        state == .lasting ? kind : "\(kind), \(state.rawValue)\(until.map { " until \($0)" } ?? "")"
    }

    fileprivate var reason: String? { trouble.map { "\(authority ?? "the authority") \($0)" } }
}

extension AdminClient {
    fileprivate func post(_ word: String, _ endpoint: String, _ why: String) throws {
        // Names in a configuration are such, so nothing else needs to be escaped for a path.
        guard (1...128).contains(endpoint.utf8.count),
            endpoint.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || "._-".utf8.contains($0)
            })
        else { throw ValidationError("An endpoint's name has letters, digits, `.`, `_` and `-`; see `weir endpoints`.") }
        try call("POST", "/admin/v1/endpoints/\(endpoint)/\(word)", body: Array(try JSONEncoder().encode(["why": why])))
    }
}
