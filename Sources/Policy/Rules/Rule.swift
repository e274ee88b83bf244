public import Cedar
public import Core

/// One rule of the pack: a law, a guidance or a provider's terms as far as calls can be checked against it, in one or several policies
/// that forbid. It supports a decision and is no legal advice.
public struct Rule: Sendable {
    /// One policy of a rule.
    public struct Part: Sendable {
        /// `cn.export.count/contract`, or the rule's own name where it has one part.
        public var id: String
        /// What holds where the policy forbids the rest, as a sentence.
        public var title: String
        public var source: String
        public var confidence: Confidence
        /// From this moment on.
        public var effective: Timestamp
        /// Until just before this moment; nil: without end.
        public var until: Timestamp?

        public init(
            id: String, title: String, source: String, confidence: Confidence, effective: Timestamp, until: Timestamp? = nil
        ) {
            self.id = id
            self.title = title
            self.source = source
            self.confidence = confidence
            self.effective = effective
            self.until = until
        }
    }

    /// How well a rule's facts are known, the best first.
    public enum Confidence: String, Sendable, CaseIterable {
        /// The source, or a law firm's note on it, was read.
        case read
        case readInPart = "read in part"
        /// Reported by the press.
        case press = "read (press)"
        /// Not checked again when the pack was written.
        case generalKnowledge = "general knowledge"
        /// Whether it holds, or from when, could not be established.
        case unsure
    }

    /// Whether a rule forbids anything at a moment.
    public enum State: Sendable, Hashable {
        /// Until the moment, if it has an end.
        case inForce(until: Timestamp?)
        case from(Timestamp)
        case over(since: Timestamp)
    }

    /// By which it is switched on: the stem of its file.
    public let name: String
    /// What the rule is of: `EU: GDPR chapter V, transfers to third countries`.
    public let law: String
    /// `CN`, `EU`, `US`, or `provider` for terms of business.
    public let jurisdiction: String
    public let parts: [Part]
    /// The text of its policies.
    public let source: Source
    public let policies: [Policy]

    /// What every rule answers with, wherever it is shown.
    public static let caution =
        "These rules support a decision. They are not legal advice: counsel must review each before it is relied on."

    /// A rule in force: some part of it is. A rule to come: none is yet. Otherwise it is over.
    public func state(at now: Timestamp) -> State {
        let holding = parts.filter { $0.effective <= now && ($0.until.map { now < $0 } ?? true) }
        if !holding.isEmpty {
            // Another part may take over from one that ends.
            let last = parts.filter { ($0.until.map { now < $0 } ?? true) }.map(\.until)
            return .inForce(until: last.contains(nil) ? nil : last.compactMap { $0 }.max())
        }
        if let first = parts.map(\.effective).filter({ now < $0 }).min() { return .from(first) }
        return .over(since: parts.compactMap(\.until).max() ?? now)
    }

    /// The zones that its policies compare with.
    public var zones: Set<String> {
        Set(policies.flatMap(\.namedEntities).filter { $0.type == Word.zone }.map(\.id.string))
    }
}

extension Rule {
    /// Reads the file of a rule: policies that forbid, each with all of the pack's annotations.
    ///
    /// - Parameter name: the stem of the file, which the ids of its policies begin with.
    public init(name: String, _ source: Source) throws(Diagnostics) {
        let set = try PolicySet.parse(source)
        var problems: [Diagnostic] = []
        var parts: [Part] = []
        for policy in set.policies {
            func refuse(_ message: String, _ hint: String) {
                problems.append(source.diagnostic(policy.range, message, hint: hint))
            }
            func text(_ annotation: String) -> String? {
                guard let text = policy.annotation(annotation)?.string, !text.isEmpty else {
                    refuse("this policy of a rule has no @\(annotation)", "write @\(annotation)(\"…\") before it")
                    return nil
                }
                return text
            }
            func moment(_ annotation: String) -> Timestamp? {
                guard let text = text(annotation) else { return nil }
                if let moment = Timestamp(policyDay: text) { return moment }
                refuse("@\(annotation) is no moment", "write 2026-11-10T00:00:00-0500")
                return nil
            }
            if policy.effect == .permit { refuse("a rule only forbids", "write forbid, or put the policy in a file of your own") }
            let id = text("id")
            if let id, id != name, !id.hasPrefix(name + "/") {
                refuse("the id \(id) is not of the rule \(name)", "call it \(name) or \(name)/part")
            }
            let confidence = text("confidence")
            let known = confidence.flatMap(Confidence.init(rawValue:))
            if confidence != nil, known == nil {
                refuse("this @confidence is none", "write one of \(Confidence.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            _ = (text("law"), text("jurisdiction"))
            for same in ["law", "jurisdiction"] where policy.annotation(same) != set.policies[0].annotation(same) {
                refuse("the parts of a rule differ in @\(same)", "write the same before each")
            }
            let until = policy.annotation("until") == nil ? nil : moment("until")
            if let id, let title = text("title"), let from = text("source"), let known, let effective = moment("effective") {
                parts.append(Part(id: id, title: title, source: from, confidence: known, effective: effective, until: until))
            }
        }
        if set.policies.isEmpty || !set.templates.isEmpty {
            problems.append(
                source.diagnostic(SourceRange(0, 0), "a rule is one policy or several, and no template", hint: "write forbid (…)")
            )
        }
        if let problems = Diagnostics(problems) { throw problems }
        self.name = name
        law = set.policies[0].annotation("law")?.string ?? ""
        jurisdiction = set.policies[0].annotation("jurisdiction")?.string ?? ""
        self.parts = parts
        self.source = source
        policies = set.policies
    }
}

extension Timestamp {
    /// A moment as policies write it: `2026-11-10` is 00:00 UTC of that day, `2026-11-10T00:00:00-0500` is another; nil for anything
    /// else, and outside of the years that fit.
    public init?(policyDay text: String) {
        guard let moment = DateTime(text) else { return nil }
        let (nanoseconds, overflow) = moment.milliseconds.multipliedReportingOverflow(by: 1_000_000)
        if overflow { return nil }
        self.init(nanoseconds: nanoseconds)
    }
}
