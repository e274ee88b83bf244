import ArgumentParser

/// `weir ledger`: what the journal says, proven, folded again and held against invoices.
struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "Verify the log, prove and hand out what it says.",
        subcommands: [VerifyLogCommand.self, ProveCommand.self, ReceiptCommand.self, LogKeyCommand.self])
}
