public import Cedar

/// A sentence about calls that has to be true of a configuration, in the words of policies. A `forbid` claims that no permitted attempt
/// is like it, a `permit` that every attempt like it is permitted.
public struct Claim: Sendable {
    /// In one file.
    public static let countMax = 1_000

    public let policy: Policy
    /// The claim in words, from `@claim("…")`.
    public let sentence: String
    /// File, line and column.
    public let place: String

    public var id: Text { policy.id }

    /// Reads a file of claims. They are typed as policies are, and each has `@id("…")` and `@claim("the sentence in words")`.
    ///
    /// Throws every mistake with its place.
    public static func parse(_ source: Source, in world: PolicyWorld) throws(Diagnostics) -> [Claim] {
        let set = try PolicySet.parse(source)
        var problems: [Diagnostic] = []
        func refuse(_ range: SourceRange, _ message: String, _ hint: String) {
            problems.append(source.diagnostic(range, message, hint: hint))
        }
        for template in set.templates { refuse(template.range, "a template claims nothing", "write the claim out") }
        if set.policies.isEmpty { refuse(SourceRange(0, 0), "no claim stands here", "write one as a forbid or a permit") }
        if set.policies.count > countMax {
            refuse(
                SourceRange(0, 0), "\(set.policies.count) claims stand here, and at most \(countMax) are proved", "divide them")
        }
        var claims: [Claim] = []
        for policy in set.policies {
            if policy.annotation("id")?.string.isEmpty ?? true {
                refuse(policy.range, "this claim has no name", "write @id(\"…\") before it")
            }
            guard let sentence = policy.annotation("claim")?.string, !sentence.isEmpty else {
                refuse(
                    policy.range, "claim \(quoted(policy.id)) does not say in words what it claims",
                    "write @claim(\"no call about … is …\") before it")
                continue
            }
            if policy.nesting > PolicyBook.nestingMax {
                refuse(
                    policy.range,
                    "claim \(quoted(policy.id)) nests \(policy.nesting) levels deep, and at most \(PolicyBook.nestingMax) are taken",
                    "divide it into several claims")
            }
            for name in ["effective", "until"] where policy.annotation(name) != nil {
                refuse(policy.range, "a claim has no days, and this one has @\(name)", "compare context.now in its condition")
            }
            for uid in policy.namedEntities where !world.knows(uid) {
                refuse(
                    policy.range, "claim \(quoted(policy.id)) names \(uid), which this configuration does not have",
                    world.hint(for: uid))
            }
            let position = source.position(at: policy.range.start)
            claims.append(
                Claim(policy: policy, sentence: sentence, place: "\(source.name):\(position.line):\(position.column)"))
        }
        for finding in validate(set, against: try WeirSchema.parse()) where finding.severity == .error {
            problems.append(finding.diagnostic(in: source))
        }
        if let diagnostics = Diagnostics(problems) { throw diagnostics }
        return claims
    }
}
