import ArgumentParser
import Core
import Foundation
import Policy
import Settings

/// `weir policy`: what the policies of a configuration do, before they do it.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Ask what the policies of a configuration do to calls, without sending any.",
        subcommands: [PolicyTestCommand.self, PolicyProveCommand.self, PolicyDiffCommand.self, PolicyReplayCommand.self])
}

/// Which configuration a question about policies is about.
struct PolicyOptions: ParsableArguments {
    @Option(help: "The configuration file. (default: $WEIR_CONFIG, else weir.yaml)") var config: String?

    /// With every endpoint that the file names, whatever the environment; no secret is read.
    /// - Parameter now: policies whose time is over then are left out.
    func load(at now: Timestamp = .now()) throws -> Configuration {
        try Self.load(config ?? ProcessInfo.processInfo.environment["WEIR_CONFIG"] ?? "weir.yaml", at: now)
    }

    static func load(_ file: String, at now: Timestamp) throws -> Configuration {
        switch loadConfiguration(file: file, environment: ProcessInfo.processInfo.environment, secrets: .standIns, at: now) {
        case .success(let configuration): return configuration
        case .failure(let errors): throw CommandFailure(errors.description)
        }
    }
}

extension Configuration {
    /// The endpoints, tenants and policies, as the data path would judge by them.
    var catalogue: Catalogue {
        Catalogue(generation: 0, endpoints: endpoints, tenants: tenants, classes: classes, policies: policies)
    }
}

func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
}
