import ArgumentParser
import Cedar
import Core
import Foundation
import Policy
import Providers
import Settings

/// `weir policy test`: whether a table of cases is answered as it says.
struct PolicyTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Judge a table of cases: calls somebody might make, each with the endpoints that may have them.",
        discussion: """
            Each case is judged as the data path would judge the call, by the tenant's lists and the policies in force at the case's moment; \
            nothing is sent. Policies that decided no case are named. It ends with 1 unless every case holds.
            """)

    @Argument(help: "The file of cases.") var file: String
    @OptionGroup var policy: PolicyOptions

    func run() throws {
        let now = Timestamp.now()
        var configuration = try policy.load(at: now)
        let environment = ProcessInfo.processInfo.environment
        let text: String
        do {
            text = try readTextFile(file)
        } catch {
            throw CommandFailure("The cases in \(file) cannot be read: \(error.reason).")
        }
        let cases: [PolicyCase]
        switch loadPolicyCases(
            text: text, file: file, for: configuration, environment: environment, at: now, serves: { $0.serves($1) },
            readFile: readTextFile)
        {
        case .success(let rows): cases = rows
        case .failure(let errors): throw CommandFailure(errors.description)
        }
        // Policies whose time is over are needed again where a case lies in it.
        let first = cases.map(\.at).min() ?? now
        if first < now { configuration = try policy.load(at: first) }
        var judge = PolicyCaseJudge(configuration.catalogue, serves: { $0.serves($1) })
        var failed = 0
        for row in cases {
            let differences = judge.differences(row)
            if !differences.isEmpty {
                failed += 1
                print("\(row.place): \(row.name)")
                for difference in differences { print("    \(difference)") }
            }
        }
        let silent = (configuration.policies?.book.dated.map { "\($0.policy.id)" } ?? []).filter { !judge.deciding.contains($0) }
        if !silent.isEmpty { print("No case was decided by: \(silent.joined(separator: ", ")).") }
        print("\(cases.count - failed) of \(counted(cases.count, "case")) held.")
        if failed > 0 { throw ExitCode(1) }
    }
}
