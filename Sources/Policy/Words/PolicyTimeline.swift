public import Core

/// The compiled policies of a book, each set with the moment from which it holds: dated rules turn and records run out by the clock,
/// without a reload. A class since nothing in it changes: a judge then keeps one reference and not one to each of its parts.
public final class PolicyTimeline: Sendable {
    public struct Stage: Sendable {
        /// The first stage holds since ever.
        public var from: Timestamp
        /// When the next stage takes over.
        public var until: Timestamp
        public var policies: CompiledPolicies
    }

    /// In order, without gaps, at least one.
    public let stages: [Stage]
    /// From when each stage holds: asked for every call, and so kept apart from what they hold.
    private let begins: [Timestamp]
    public let world: PolicyWorld
    public let book: PolicyBook

    /// Compiles what holds at `now` and at each turn after it; what has passed decides nothing any more.
    ///
    /// - Returns: `nil` when a set asks more than `CompiledPolicies.questionsMax` questions.
    public init?(_ book: PolicyBook, in world: PolicyWorld, at now: Timestamp) {
        let turns = Set(book.turns + world.turns).filter { $0 > now }.sorted()
        var stages: [Stage] = []
        for (index, from) in ([now] + turns).enumerated() {
            guard
                let compiled = CompiledPolicies(
                    book.policies(at: from), resources: world.resources, entities: world.entities(at: from),
                    volatile: WeirSchema.volatileFields)
            else { return nil }
            stages.append(
                Stage(
                    from: index == 0 ? Timestamp(nanoseconds: .min) : from,
                    until: index < turns.count ? turns[index] : Timestamp(nanoseconds: .max), policies: compiled))
        }
        self.stages = stages
        begins = stages.map(\.from)
        self.world = world
        self.book = book
    }

    /// The same with a reference count of its own, so that event loops do not contend on one.
    init(copy other: PolicyTimeline) {
        stages = other.stages
        begins = other.begins
        world = other.world
        book = other.book
    }

    /// The number of the stage that holds at a moment.
    public func stage(at moment: Timestamp) -> Int { begins.lastIndex { $0 <= moment } ?? 0 }

    /// From when until when a stage holds.
    func span(ofStage stage: Int) -> Range<Timestamp> {
        begins[stage]..<(stage + 1 < begins.count ? begins[stage + 1] : Timestamp(nanoseconds: .max))
    }
}
