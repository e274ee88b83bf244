import ArgumentParser
import Core
import Foundation
import Policy
import Providers
import Settings

/// `weir policy diff`: which calls two configurations answer differently.
struct PolicyDiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "List exactly the attempts that one configuration permits and another denies.",
        discussion: """
            Both are judged whole: policies, tenants' lists, labels. Each row stands for every combination of what it names, and has one example \
            that both judged. The rows are those of now and of every later moment at which either turns. It ends with 1 when any row flips \
            or it cannot decide.
            """)

    @Argument(help: "The configuration file that is in force.") var old: String
    @Argument(help: "The configuration file that is to be.") var new: String
    @Option(help: "The only tenant whose calls are looked at.") var tenant: String?

    func run() throws {
        let now = Timestamp.now()
        let configurations = try [old, new].map { try PolicyOptions.load($0, at: now) }
        let tenants = configurations.flatMap(\.tenants).map(\.tenant)
        if let tenant, !tenants.contains(tenant) { throw CommandFailure("Neither configuration has a tenant \(tenant).") }
        let timelines = try configurations.map { try $0.judged(at: now) }
        let stages = PolicyDiff(timelines[0], timelines[1], tenant: tenant, at: now, serves: { $0.serves($1) }).stages()
        var flips = false
        for (index, stage) in stages.enumerated() {
            if stages.count > 1 { print(index == 0 ? "Now:" : "From \(stage.from):") }
            for line in stage.outcome.lines { print(line) }
            if !stage.outcome.isSame { flips = true }
        }
        if flips { throw ExitCode(1) }
    }
}

extension Configuration {
    /// Its policies; where it has none, what the tenants' lists permit is permitted.
    fileprivate func judged(at now: Timestamp) throws -> PolicyTimeline {
        if let policies { return policies }
        let world = PolicyWorld(endpoints: endpoints, tenants: tenants, classes: classes, zones: zones, countries: countries)
        guard let timeline = PolicyTimeline.listsAlone(in: world, at: now) else {
            throw CommandFailure("The configuration without policies cannot be judged: report this as a defect of Weir.")
        }
        return timeline
    }
}

extension PolicyDiff.Outcome {
    fileprivate var isSame: Bool {
        if case .rows(let rows, _) = self { return rows.isEmpty }
        return false
    }

    fileprivate var lines: [String] {
        switch self {
        case .rows(let rows, let coverage):
            let calls = "\(counted(coverage.endpoints, "endpoint")), \(counted(coverage.cases, "case")) judged"
            if rows.isEmpty { return ["Nothing flips: \(calls)."] }
            let gained = rows.count { $0.isGained }
            return rows.flatMap(\.lines) + [
                "\(counted(rows.count, "row")) flip: \(gained) newly permitted, \(rows.count - gained) newly denied; \(calls)."
            ]
        case .undecided(let undecided, let found):
            return found.flatMap(\.lines)
                + ["Cannot decide whether that is all: \(undecided.reason)", "  \(undecided.hint)"]
        }
    }
}

extension PolicyDiff.Row {
    fileprivate var lines: [String] {
        var lines = [isGained ? "+ newly permitted" : "- newly denied"]
        lines.append("    who       \(list(callers.map(\.words)))")
        lines.append("    what      \(list(operations.map(\.rawValue))) with \(list(models))")
        lines.append("    where     \(list(endpoints))")
        lines.append("    labels    \(labels.isEmpty ? "any" : labels.joined(separator: "; "))")
        lines.append("    example   \(example.words)")
        lines.append("    old       \(old.words)")
        lines.append("    new       \(new.words)")
        return lines
    }

    private func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}

extension PolicyDiff.Verdict {
    fileprivate var words: String {
        if !isPossible { return "no such call" }
        if let denial { return "denied: \(denial)" }
        return reasons.words(isPermitted: isPermitted)
    }
}

extension CallSpace.Caller {
    var words: String { "\(tenant)/\(team)" + (key.map { " with key \($0)" } ?? "") }
}

extension ExampleAttempt {
    var words: String {
        "\(operation.rawValue) with \(model) by \(key.map { "key \($0)" } ?? "any key") of \(tenant)/\(team) at \(endpoint), \(description)"
    }
}

extension Reasons {
    func words(isPermitted: Bool) -> String {
        let names = deciding.map { "\($0)" }.joined(separator: ", ")
        if isPermitted { return "permitted by \(names)" }
        return "denied: \(denial.map { "\($0)" } ?? names)"
    }
}
