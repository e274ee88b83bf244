import ArgumentParser
import Core
import Foundation
import Policy
import Settings

/// `weir policy`: what the policies of a configuration do, before they do it.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Ask what the policies of a configuration do to calls, without sending any.",
        subcommands: [PolicyReplayCommand.self])
}

/// Which configuration a question about policies is about.
struct PolicyOptions: ParsableArguments {
    @Option(help: "The configuration file. (default: $WEIR_CONFIG, else weir.yaml)") var config: String?

    func load() throws -> Configuration {
        let environment = ProcessInfo.processInfo.environment
        return try configuration(at: config ?? environment["WEIR_CONFIG"] ?? "weir.yaml")
    }

    func configuration(at file: String) throws -> Configuration {
        switch loadConfiguration(file: file, environment: ProcessInfo.processInfo.environment) {
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
