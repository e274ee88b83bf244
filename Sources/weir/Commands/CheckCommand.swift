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
        let text = try readText(file)
        let report = Settings.check(
            text: text, file: file, environment: ProcessInfo.processInfo.environment, readFile: readText)
        print(report)
        if !report.hasPrefix("OK") { throw ExitCode(1) }
    }
}
