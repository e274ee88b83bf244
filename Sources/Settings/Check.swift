import Cedar
import Core
import Ledger
import Policy

/// What `weir check FILE` prints: `OK` with a summary and notes, or one line for each error and their count.
public func check(
    text: String, file: String, environment: [String: String], readFile: (String) throws -> String
) -> String {
    report(on: loadConfiguration(text: text, file: file, environment: environment, readFile: readFile), file: file)
}

/// The same for a file that was loaded already.
public func report(on result: Result<Configuration, ConfigurationErrors>, file: String) -> String {
    switch result {
    case .success(let configuration): describe(configuration, file)
    case .failure(let errors):
        errors.description + "\n" + (errors.errors.count == 1 ? "1 error." : "\(errors.errors.count) errors.")
    }
}

private func describe(_ configuration: Configuration, _ file: String) -> String {
    var lines = ["OK: \(file)"]
    let calls = configuration.listen.calls.map(\.description).joined(separator: ", ")
    let scheme = configuration.listen.tls == nil ? "http" : "https"
    lines.append("  node \(configuration.node): calls on \(calls) (\(scheme)), admin on \(configuration.listen.admin)")
    for endpoint in configuration.endpoints {
        let models = endpoint.models.keys.sorted().joined(separator: ", ")
        let places = endpoint.labels.processedIn.sorted().joined(separator: ", ")
        lines.append(
            "  endpoint \(endpoint.name): \(endpoint.provider.rawValue), \(models); processed in \(places.isEmpty ? "unknown places" : places) by \(endpoint.labels.operator)"
        )
    }
    for engine in configuration.engines { lines.append("  engine \(engine.name): port \(engine.port)") }
    for tenant in configuration.tenants {
        let limit = configuration.accountLimits.first { $0.tenant == tenant.tenant && $0.team == nil }
        let teams = tenant.teams.sorted().joined(separator: ", ")
        lines.append("  tenant \(tenant.tenant): teams \(teams); " + (limit.map { describe($0.limits) } ?? "no limit"))
    }
    if let policies = configuration.policies {
        let now = policies.stages[0].policies.policies.policies
        lines.append(
            "  policies: \(now.count) in force (\(now.count { $0.effect == .permit }) permit, \(now.count { $0.effect == .forbid }) forbid)"
                + policies.stages.dropFirst().map { "; the set turns at \($0.from)" }.joined())
    }
    lines += configuration.notes.map { "  note: \($0)" }
    return lines.joined(separator: "\n")
}

private func describe(_ limits: AccountLimits) -> String {
    let money = limits.spend.map { limit in
        "at most \(limit.amount) dollars (\(limit.period))"
            + (limit.grace.map { ", and \($0.amount) by grace of \($0.name)" } ?? "")
    }
    let pace = [
        limits.pace.requestsPerMinute.map { "\($0) requests a minute" },
        limits.pace.tokensPerMinute.map { "\($0) tokens a minute" },
        limits.pace.concurrency.map { "\($0) calls at once" },
    ].compactMap { $0 }
    return (money + pace).joined(separator: "; ")
}
