import Cedar
public import Core

extension PolicyTimeline {
    /// A stage from a moment on.
    struct Moment {
        var from: Timestamp
        var stage: Stage
        /// The policies that hold, by their numbers in the book.
        var policies: [Int]
        /// What a clock may show meanwhile, in whole milliseconds.
        var span: ClosedRange<Int64>
    }

    /// The stages that are not over at a moment.
    func moments(from now: Timestamp) -> [Moment] {
        stages.filter { $0.until > now }.map { moment(max($0.from, now), until: $0.until) }
    }

    /// - Parameter until: nothing turns before it.
    func moment(_ from: Timestamp, until: Timestamp) -> Moment {
        // The last moment of all is the year 2262.
        let first = from.nanoseconds / 1_000_000
        let last = (until.nanoseconds - 1) / 1_000_000
        return Moment(
            from: from, stage: stages[stage(at: from)], policies: book.dated.indices.filter { book.dated[$0].holds(at: from) },
            span: first...max(first, last))
    }

    /// Stands for a configuration without policies: whatever the tenants' lists permit is permitted.
    public static func listsAlone(in world: PolicyWorld, at now: Timestamp) -> PolicyTimeline? {
        let source = Source(name: "lists", text: "@id(\"lists\") permit (principal, action, resource);")
        guard let book = try? PolicyBook([source], in: world) else { return nil }
        return PolicyTimeline(book, in: world, at: now)
    }
}
