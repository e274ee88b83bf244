public import Cedar
public import Core

/// The policies of one configuration, read, typed and known to speak of things that exist.
public struct PolicyBook: Sendable {
    /// Policies of one book, rules of the pack among them.
    public static let policiesMax = 5_000
    /// Moments at which dated policies begin or end or records run out, in one book.
    public static let turnsMax = 64

    /// How deep a condition may nest. Judging so deep a one takes less than 512 KiB of an event loop's stack.
    public static let nestingMax = 64

    /// One policy with the days between which it holds.
    public struct Dated: Sendable {
        public var policy: Policy
        /// From this moment on; nil: always.
        public var effective: Timestamp?
        /// Until just before this moment; nil: without end.
        public var until: Timestamp?

        public func holds(at moment: Timestamp) -> Bool {
            (effective.map { $0 <= moment } ?? true) && (until.map { moment < $0 } ?? true)
        }
    }

    public let dated: [Dated]
    /// What an author should know though it stops nothing.
    public let notes: [String]

    /// Reads policies from several texts and judges them as one set.
    ///
    /// Throws every mistake with its place: what is no policy, has no `@id`, does not fit Weir's words, names a tenant, zone, model or
    /// endpoint that the configuration does not have, or a set that permits nothing at all.
    public init(_ sources: [Source], in world: PolicyWorld) throws(Diagnostics) {
        var reader = BookReader(world: world)
        for source in sources { reader.read(source) }
        reader.finish(sources)
        if let problems = Diagnostics(reader.problems) { throw problems }
        dated = reader.dated
        notes = reader.notes
    }

    /// The policies that hold at a moment, in the order of the texts.
    public func policies(at moment: Timestamp) -> PolicySet {
        var set = PolicySet()
        for entry in dated where entry.holds(at: moment) { _ = set.add(entry.policy) }
        return set
    }

    /// Every policy, whatever its days.
    public var all: PolicySet {
        var set = PolicySet()
        for entry in dated { _ = set.add(entry.policy) }
        return set
    }

    /// The moments at which the set changes, in order.
    public var turns: [Timestamp] {
        Set(dated.flatMap { [$0.effective, $0.until] }.compactMap { $0 }).sorted()
    }

    /// The book as it is kept by hash: each policy as the language prints it, one after the other.
    public var text: String { dated.map { "\($0.policy)\n" }.joined(separator: "\n") }
}

/// Reads the texts of a book and gathers what is wrong with them.
private struct BookReader {
    let world: PolicyWorld
    var dated: [PolicyBook.Dated] = []
    var notes: [String] = []
    var problems: [Diagnostic] = []
    private var places: [Text: String] = [:]
    /// Policies read so far, good or bad.
    private var count = 0
    private let schema: Schema?

    init(world: PolicyWorld) {
        self.world = world
        do { schema = try WeirSchema.parse() } catch {
            schema = nil
            problems = error.all
        }
    }

    mutating func read(_ source: Source) {
        // One text too many says so; typing the rest would only take time.
        guard count <= PolicyBook.policiesMax else { return }
        let set: PolicySet
        do { set = try PolicySet.parse(source) } catch { return problems += error.all }
        if set.policies.isEmpty, set.templates.isEmpty {
            problems.append(
                source.diagnostic(
                    SourceRange(0, 0), "no policy stands here",
                    hint: "leave the file out, or write what it is to permit or forbid"))
        }
        let room = PolicyBook.policiesMax - count
        count += set.policies.count
        guard set.policies.count <= room else {
            return problems.append(
                source.diagnostic(
                    set.policies[room].range,
                    "this is the policy after the first \(PolicyBook.policiesMax), and so many are taken",
                    hint: "take fewer policies"))
        }
        for template in set.templates {
            problems.append(
                source.diagnostic(
                    template.range, "a template decides nothing until it is linked, and Weir links none",
                    hint: "write a policy for each principal or resource"))
        }
        for policy in set.policies { take(policy, source) }
        guard let schema else { return }
        for finding in validate(set, against: schema) {
            let diagnostic = finding.diagnostic(in: source)
            if finding.severity == .error { problems.append(diagnostic) } else { notes.append("\(diagnostic)") }
        }
    }

    private mutating func take(_ policy: Policy, _ source: Source) {
        guard let id = policy.annotation("id"), !id.string.isEmpty else {
            return problems.append(
                source.diagnostic(
                    policy.range, "this policy has no name", hint: "write @id(\"…\") before it: proof and journal name it so"))
        }
        if let other = places[id] {
            return problems.append(
                source.diagnostic(
                    policy.range, "the id \(quoted(id)) is taken by a policy in \(other)", hint: "give it an id of its own"))
        }
        places[id] = source.name
        var entry = PolicyBook.Dated(policy: policy)
        for (name, path) in [("effective", \PolicyBook.Dated.effective), ("until", \PolicyBook.Dated.until)] {
            guard let day = policy.annotation(name) else { continue }
            guard let moment = Timestamp(policyDay: day.string) else {
                problems.append(
                    source.diagnostic(
                        policy.range, "@\(name) of policy \(quoted(id)) is no moment",
                        hint: "write a day (2026-11-10, which begins at 00:00 UTC) or 2026-11-10T00:00:00-0500"))
                continue
            }
            entry[keyPath: path] = moment
        }
        if let from = entry.effective, let until = entry.until, until <= from {
            problems.append(
                source.diagnostic(
                    policy.range, "policy \(quoted(id)) ends before it begins", hint: "set @until behind @effective"))
        }
        if policy.nesting > PolicyBook.nestingMax {
            return problems.append(
                source.diagnostic(
                    policy.range,
                    "policy \(quoted(id)) nests \(policy.nesting) levels deep, and at most \(PolicyBook.nestingMax) are taken",
                    hint: "divide it into several conditions or policies"))
        }
        for uid in policy.namedEntities where !world.knows(uid) {
            problems.append(
                source.diagnostic(
                    policy.range, "policy \(quoted(id)) names \(uid), which this configuration does not have",
                    hint: world.hint(for: uid)))
        }
        dated.append(entry)
    }

    mutating func finish(_ sources: [Source]) {
        guard problems.isEmpty else { return }
        let first = Source(name: sources.first?.name ?? "policies", text: "")
        func refuse(_ message: String, _ hint: String) {
            problems.append(first.diagnostic(SourceRange(0, 0), message, hint: hint))
        }
        let turns = dated.flatMap { [$0.effective, $0.until].compactMap { $0 } } + world.turns
        if Set(turns).count > PolicyBook.turnsMax {
            refuse(
                "policies begin and end and records run out at more than \(PolicyBook.turnsMax) moments",
                "let several fall on one day")
        }
        if !dated.contains(where: { $0.policy.effect == .permit }) {
            refuse(
                "nothing here is a permit, so nothing would be permitted",
                "write `@id(\"lists\") permit (principal, action, resource);` to permit what the tenants' own lists permit")
        }
    }
}

extension Policy {
    /// How deep its conditions nest. Chains of `&&` and of `||` are flat.
    var nesting: Int { conditions.map(\.body.height).max() ?? 0 }

    /// The entities that it names, in scope and conditions.
    var namedEntities: Set<EntityUID> {
        var named: Set<EntityUID> = []
        for reference in [principal.reference, resource.reference] {
            if case .entity(let uid) = reference { named.insert(uid) }
        }
        for condition in conditions { condition.body.collectEntities(into: &named) }
        return named
    }
}

extension Expression {
    fileprivate func collectEntities(into named: inout Set<EntityUID>) {
        if case .entity(let uid) = kind { named.insert(uid) }
        for child in kind.children { child.collectEntities(into: &named) }
    }
}
