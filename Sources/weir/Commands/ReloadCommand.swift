import ArgumentParser
import Console

/// `weir reload`: has the running Weir read its configuration again.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the running Weir read its configuration again; a file with errors is refused and changes nothing.")

    @OptionGroup var server: ServerOptions

    func run() throws {
        let report = try server.client().call("POST", "/admin/v1/reload", as: ReloadReport.self)
        print("Configuration \(report.generation) is in force.")
        for note in report.notes { print("note: \(note)") }
    }
}
