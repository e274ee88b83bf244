import ArgumentParser
import Foundation
import Settings

/// `weir check FILE`: judges a configuration.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Judge a configuration file: OK with a summary, or every error with its place.")

    @Argument(help: "The configuration file.")
    var file: String

    func run() throws {
        let configuration = loadConfiguration(file: file, environment: ProcessInfo.processInfo.environment)
        let report = Settings.report(on: configuration, file: file)
        print(report)
        if !report.hasPrefix("OK") { throw ExitCode(1) }
    }
}
