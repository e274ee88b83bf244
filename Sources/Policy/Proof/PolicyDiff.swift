import Cedar
public import Core

/// Which calls two configurations answer differently: exactly the rows that flip from permitted to denied or back.
public struct PolicyDiff {
    /// Rows of one stage, before those that differ in one thing only are put together.
    public static let rowsMax = 1_000

    /// One moment after which neither configuration turns for a while.
    public struct Stage: Sendable {
        public var from: Timestamp
        public var outcome: Outcome
    }

    public enum Outcome: Sendable {
        /// All that flip.
        case rows([Row], Proof.Coverage)
        /// These flip, and nobody knows which others do.
        case undecided(Undecided, found: [Row])
    }

    /// Attempts that flip, all in one direction: every combination of these callers, operations, models and endpoints, with any labels
    /// that their calls can have and of which these words are true.
    public struct Row: Sendable, Hashable {
        public var callers: [CallSpace.Caller]
        public var operations: [Operation]
        public var models: [String]
        public var endpoints: [String]
        /// `class personal or sensitive`, `subjects with CN`; none: whatever the labels are.
        public var labels: [String]
        public var example: ExampleAttempt
        public var old: Verdict
        public var new: Verdict

        /// Permitted by the new configuration alone.
        public var isGained: Bool { new.isPermitted }
    }

    /// What one configuration says of the example.
    public struct Verdict: Sendable, Hashable {
        public var isPermitted: Bool
        /// It has such a caller, endpoint and model, and calls of the caller can have such labels.
        public var isPossible: Bool
        /// nil: permitted, or not possible.
        public var denial: Denial?
        public var reasons: Reasons

        static let impossible = Verdict(
            isPermitted: false, isPossible: false, reasons: Reasons(isPermitted: false, determining: [], errors: []))
    }

    private let old: PolicyTimeline
    private let new: PolicyTimeline
    private let tenant: String?
    private let now: Timestamp
    private let casesMax: Int
    private let rowsMax: Int
    private let serves: (Endpoint, Operation) -> Bool

    /// - Parameters:
    ///   - tenant: the only one whose calls are looked at; nil: all.
    ///   - now: what is past is not looked at.
    ///   - serves: whether an endpoint can take calls of an operation at all.
    public init(
        _ old: PolicyTimeline, _ new: PolicyTimeline, tenant: String? = nil, at now: Timestamp, casesMax: Int = Proof.casesMax,
        rowsMax: Int = PolicyDiff.rowsMax, serves: @escaping (Endpoint, Operation) -> Bool = { _, _ in true }
    ) {
        self.old = old
        self.new = new
        self.tenant = tenant
        self.now = now
        self.casesMax = casesMax
        self.rowsMax = rowsMax
        self.serves = serves
    }

    /// Compares them now and at every later moment at which one of them turns.
    public func stages() -> [Stage] {
        let books = [old, new].map { $0.book.dated.map(\.policy) }
        // Keys that either names, so that both sides see the same callers.
        let keys = books.reduce(into: Set<String>()) { $0.formUnion(CallSpace.keys(in: $1)) }
        let space = CallSpace([old.world, new.world], keys: keys, tenant: tenant)
        let turns = Set((old.stages + new.stages).map(\.from)).filter { $0 > now }.sorted()
        let froms = [now] + turns
        if let undecided = space.tooLarge(for: books[0].count + books[1].count) {
            return froms.map { Stage(from: $0, outcome: .undecided(undecided, found: [])) }
        }
        return froms.enumerated().map { index, from in
            let until = index < turns.count ? turns[index] : Timestamp(nanoseconds: .max)
            let moments = [old, new].map { $0.moment(from, until: until) }
            let sides = zip([old, new], moments).enumerated().map { which, pair in
                Side(
                    pair.0.world, pair.1.stage.policies.entities, policies: books[which], in: space, keys: keys,
                    number: index * 2 + which, serves: serves)
            }
            var comparison = Comparison(
                old: sides[0], new: sides[1], moments: (moments[0], moments[1]), budget: Budget(casesMax: casesMax),
                rowsMax: rowsMax)
            do throws(Undecided) {
                try comparison.run()
                return Stage(from: from, outcome: .rows(merged(comparison.rows), comparison.coverage))
            } catch {
                return Stage(from: from, outcome: .undecided(error, found: merged(comparison.rows)))
            }
        }
    }

    /// Puts rows together that differ in their endpoints alone, or in their callers, models or operations alone.
    private func merged(_ rows: [Row]) -> [Row] {
        var rows = rows
        merge(&rows, \.endpoints)
        merge(&rows, \.callers)
        merge(&rows, \.models)
        merge(&rows, \.operations)
        return rows
    }

    private func merge<Thing>(_ rows: inout [Row], _ things: WritableKeyPath<Row, [Thing]>) {
        var places: [Row: Int] = [:]
        var merged: [Row] = []
        for row in rows {
            var rest = row
            rest[keyPath: things] = []
            rest.example = rows[0].example
            if let place = places[rest] {
                merged[place][keyPath: things] += row[keyPath: things]
            } else {
                places[rest] = merged.count
                merged.append(row)
            }
        }
        rows = merged
    }
}
