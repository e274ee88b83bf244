import ArgumentParser
import Cedar
import Core
import Foundation
import Policy
import Providers
import Settings

/// `weir policy prove`: whether claims are true of every call that a configuration lets anybody make.
struct PolicyProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract:
            "Decide claims about every call that a configuration lets anybody make: proved, a counterexample, or undecided.",
        discussion: """
            A claim is written as a policy is, with @id and @claim("the sentence"): a forbid claims that no permitted attempt is like it, a \
            permit that every attempt like it is permitted. Each is decided for now and for every later moment at which dated policies turn. \
            It ends with 1 unless every claim is proved.
            """)

    @Argument(help: "The file of claims.") var file: String
    @OptionGroup var policy: PolicyOptions
    @Option(help: "The only tenant whose calls are looked at.") var tenant: String?

    func run() throws {
        let configuration = try policy.load()
        guard let timeline = configuration.policies else {
            throw CommandFailure("The configuration has no policies to prove anything of. Give it `policy: {files: […]}`.")
        }
        if let tenant, !configuration.tenants.contains(where: { $0.tenant == tenant }) {
            throw CommandFailure("The configuration has no tenant \(tenant).")
        }
        let claims: [Claim]
        do {
            claims = try Claim.parse(Source(name: file, text: try readTextFile(file)), in: timeline.world)
        } catch let problem as FileProblem {
            throw CommandFailure("The claims in \(file) cannot be read: \(problem.reason).")
        } catch let problems as Diagnostics {
            throw CommandFailure(problems.all.map { "\($0)" }.joined(separator: "\n"))
        }
        let answers = Proof(timeline, tenant: tenant, at: .now(), serves: { $0.serves($1) }).prove(claims)
        for answer in answers { print(answer.lines.joined(separator: "\n")) }
        let proved = answers.count(where: \.isProved)
        let silent = answers.count(where: \.isAboutNothing)
        let about = silent == 0 ? "" : ", \(silent) of them about no call at all"
        print("\(proved) of \(counted(answers.count, "claim")) proved\(about).")
        if proved < answers.count { throw ExitCode(1) }
    }
}

extension Proof.Answer {
    /// Whether it is true only because no call is like it, now and at every later stage.
    fileprivate var isAboutNothing: Bool {
        stages.allSatisfy {
            guard case .proved(let coverage) = $0.outcome else { return false }
            return coverage.concerned == 0
        }
    }

    /// For people: each stage that says something else than the one before it.
    var lines: [String] {
        ["\(claim.id): \(claim.sentence)"]
            + stages.enumerated().flatMap { index, stage -> [String] in
                let from = stages.count == 1 ? "" : index == 0 ? "now, " : "from \(stage.from), "
                return stage.outcome.lines(from)
            }
    }
}

extension Proof.Outcome {
    fileprivate func lines(_ from: String) -> [String] {
        switch self {
        case .proved(let coverage): ["  \(from)proved: \(coverage.words)"]
        case .undecided(let undecided): ["  \(from)cannot decide: \(undecided.reason)", "    \(undecided.hint)"]
        case .violated(let example): ["  \(from)violated, for example by:"] + example.lines.map { "    " + $0 }
        }
    }
}

extension Proof.Coverage {
    fileprivate var words: String {
        let concerned = concerned == .max ? "more calls than can be counted" : "\(concerned) \(concerned == 1 ? "call" : "calls")"
        return "\(concerned) at \(counted(endpoints, "endpoint")), \(counted(cases, "case")) judged"
            + (self.concerned == 0 ? ". It is about no call at all, so it says nothing" : "")
    }
}

extension Proof.Counterexample {
    fileprivate var lines: [String] {
        var lines = ["\(attempt.words)", "\(attempt.now)"]
        lines.append(
            !isPermitted && denial != nil ? "denied: \(denial.map { "\($0)" } ?? "")" : reasons.words(isPermitted: isPermitted))
        if claimErrs { lines.append("the claim asks what is unknown of it") }
        return lines
    }
}
