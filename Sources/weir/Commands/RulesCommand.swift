import ArgumentParser
import Core
import Foundation
import Policy
import Settings

/// `weir rules`: the rules of law and of providers' terms that come with Weir.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract:
            "List the rules that come with Weir: what each is of, whether it is in force, how sure it is, and whether it is on.")

    @Argument(help: "A rule to show in full: its parts, their days, the text of its policies.")
    var name: String?

    @Option(help: "A configuration file, to say which rules it has on.")
    var config: String?

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        let on = try config.map { file in
            switch loadConfiguration(file: file, environment: environment) {
            case .success(let configuration): Set(configuration.rules.map(\.name))
            case .failure(let errors): throw CommandFailure(errors.description)
            }
        }
        let rules: [Rule]
        switch loadRulePack(environment: environment) {
        case .success(let pack): rules = pack
        case .failure(let errors): throw CommandFailure(errors.description)
        }
        guard let name else { return print(ruleList(rules, on: on, at: .now())) }
        guard let rule = rules.first(where: { $0.name == name }) else {
            throw CommandFailure("The pack has no rule \(name). `weir rules` lists them all.")
        }
        print(ruleDetails(rule, isOn: on?.contains(name), at: .now()))
    }
}
