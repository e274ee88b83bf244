import Cedar
import Core
import Policy

/// What `weir rules` prints: three lines for each rule, and that they are no legal advice.
///
/// - Parameter on: the names of those that a configuration has switched on; nil: no configuration was looked at.
public func ruleList(_ rules: [Rule], on: Set<String>?, at now: Timestamp) -> String {
    var lines: [String] = []
    for rule in rules {
        let isOn = on.map { $0.contains(rule.name) ? "on; " : "off; " } ?? ""
        lines += ["\(rule.name): \(isOn)\(words(rule.state(at: now)))", "  \(rule.law)", "  \(worth(of: rule.parts))", ""]
    }
    return (lines + [Rule.caution]).joined(separator: "\n")
}

/// What `weir rules NAME` prints: each part of one rule with its days, and the text of its policies.
public func ruleDetails(_ rule: Rule, isOn: Bool?, at now: Timestamp) -> String {
    var lines = ["\(rule.name): \(isOn.map { $0 ? "on; " : "off; " } ?? "")\(words(rule.state(at: now)))", "  \(rule.law)", ""]
    for part in rule.parts {
        lines += [
            "\(part.id)", "  \(part.title)", "  from \(shown(part.effective))\(part.until.map { " until \(shown($0))" } ?? "")",
        ]
        lines += ["  \(worth(of: [part]))", ""]
    }
    return (lines + [rule.source.text, Rule.caution]).joined(separator: "\n")
}

/// How well the rule is known, and from where; the worst of its parts counts.
private func worth(of parts: [Rule.Part]) -> String {
    let order = Rule.Confidence.allCases
    let worst = parts.map(\.confidence).max { (order.firstIndex(of: $0) ?? 0) < (order.firstIndex(of: $1) ?? 0) }
    var sources: [String] = []
    for part in parts where !sources.contains(part.source) { sources.append(part.source) }
    return "confidence: \(worst?.rawValue ?? ""). Source: \(sources.joined(separator: "; "))"
}

private func words(_ state: Rule.State) -> String {
    switch state {
    case .inForce(nil): "in force"
    case .inForce(let until?): "in force until \(shown(until))"
    case .from(let moment): "in force from \(shown(moment))"
    case .over(let since): "over since \(shown(since))"
    }
}

/// `2026-11-10 05:00 UTC`.
private func shown(_ moment: Timestamp) -> String {
    let text = moment.description
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(5)) UTC"
}
