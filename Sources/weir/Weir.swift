import ArgumentParser

/// The `weir` command.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A governed gateway between a company and the large language models it buys or runs.",
        version: Node.version,
        subcommands: [
            ServeCommand.self, CheckCommand.self, ExplainCommand.self, RulesCommand.self, PolicyCommand.self, KeysCommand.self,
            EndpointsCommand.self, ModelsCommand.self, UsageCommand.self, DrillCommand.self, ExportsCommand.self,
            ReloadCommand.self, LedgerCommand.self,
            WitnessCommand.self, SimulateCommand.self,
        ])
}
