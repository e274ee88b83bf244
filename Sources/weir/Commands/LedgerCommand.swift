import ArgumentParser

/// `weir ledger`: what the journal says, proven, folded again and held against invoices.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Verify the log, prove what it says, fold it again, hold it against invoices, correct and restore it.",
        subcommands: [
            VerifyLogCommand.self, ProveCommand.self, ReceiptCommand.self, LogKeyCommand.self, RebuildCommand.self,
            RerateCommand.self, ReconcileCommand.self, CorrectCommand.self, DoubtsCommand.self,
            RestoreCommand.self,
        ])
}
