import Cedar
import Core
import TestKit
import Testing

@testable import Policy

@Suite("Differences of two configurations")
struct PolicyDiffTests {
    @Test("Of every call that two random configurations know, a row holds it exactly when it flips")
    func exactly() throws {
        var random = SeededRandom(seed: testSeed("PolicyDiffTests.exactly"))
        var flipped = 0
        var others = 0
        var round = 0
        // Some pairs flip little, so a few more are made until enough calls did.
        while round < worlds(4) || flipped < 20 && round < 100 {
            round += 1
            let old = TinyWorld(using: &random)
            let new = old.changed(using: &random)
            let timelines = (old: try timeline(old.policies, in: old.world), new: try timeline(new.policies, in: new.world))
            let found = try compare(timelines.old, timelines.new)
            for here in Circumstances.all(in: found.new.space) {
                // Some of many calls, so that a world takes a second.
                for (call, isOld, isNew) in calls(here, found, old, new).shuffled(using: &random).prefix(60) {
                    let was = isOld && isPermitted(call, here, found.old, timelines.old)
                    let isNow = isNew && isPermitted(call, here, found.new, timelines.new)
                    // A box is one of labels that calls of the new configuration can have, or else of those of the old one alone.
                    let rows = found.found.filter {
                        $0.alike.holds(here) && $0.flip.isPossible.new == isNew && $0.flip.box.holds(call, $0.flip.axes)
                    }
                    try #require(rows.count == (was == isNow ? 0 : 1), "\(old.policies)\(new.policies) \(here) \(call)")
                    if let row = rows.first {
                        try #require(row.flip.isPermitted == (was, isNow))
                        try #require(row.flip.isPossible == (isOld, isNew))
                    }
                    if was != isNow { flipped += 1 } else { others += 1 }
                }
            }
        }
        print("PolicyDiffTests: \(flipped) calls flip, \(others) do not")
        #expect(flipped >= 20)
        #expect(others >= 20)
    }

    private func stages(
        _ old: String, _ new: String, _ worlds: (old: PolicyWorld, new: PolicyWorld)? = nil, rowsMax: Int = PolicyDiff.rowsMax
    ) throws -> [PolicyDiff.Stage] {
        let worlds = worlds ?? (ProofCaseTests.world(), ProofCaseTests.world())
        return PolicyDiff(
            try timeline(old, in: worlds.old, at: noon), try timeline(new, in: worlds.new, at: noon), at: noon, rowsMax: rowsMax
        ).stages()
    }

    private func rows(_ stage: PolicyDiff.Stage) throws -> [PolicyDiff.Row] {
        guard case .rows(let rows, let coverage) = stage.outcome else {
            Issue.record("\(stage)")
            return []
        }
        #expect(coverage.cases > 0)
        return rows
    }

    private static let lists = ProofCaseTests.lists
    private static let stays = ProofCaseTests.stays

    @Test("The same policies in other words flip nothing")
    func same() throws {
        let other = Self.stays.replacing("&&", with: "} when {").replacing("cn-stays", with: "other")
        let flipped = try rows(stages(Self.lists + Self.stays, other + Self.lists)[0])
        #expect(flipped.isEmpty)
    }

    @Test("A new policy denies exactly what it asks for, and what it cannot know: each row says who, where and with which labels")
    func denies() throws {
        let rows = try rows(stages(Self.lists, Self.lists + Self.stays)[0])
        #expect(rows.allSatisfy { !$0.isGained && $0.old.isPermitted && $0.new.isPossible })
        #expect(rows.allSatisfy { $0.models == ["m"] && $0.operations == Operation.allCases })
        // The endpoint that is nowhere is denied by both.
        #expect(
            Set(rows.map { "\($0.endpoints) \($0.labels)" }) == [
                #"["se"] ["class personal or sensitive", "subjects with CN"]"#,
                #"["cn", "se"] ["class personal or sensitive", "subjects unknown"]"#, #"["cn", "se"] ["class unknown"]"#,
            ])
        let known = try #require(rows.first { $0.labels == ["class personal or sensitive", "subjects with CN"] })
        #expect(known.endpoints == ["se"])
        #expect(known.new.denial == .forbidden(by: ["cn-stays"]))
        #expect(known.example.labels.subjects.contains("CN"))
        let back = try self.rows(stages(Self.lists + Self.stays, Self.lists)[0])
        #expect(back.map(\.labels) == rows.map(\.labels))
        #expect(back.allSatisfy { $0.isGained })
    }

    @Test("An endpoint that is new is gained, and one that is gone is lost")
    func endpoints() throws {
        let world = ProofCaseTests.world()
        let fewer = PolicyWorld(endpoints: [world.endpoints[0]], tenants: world.tenants, zones: world.zones)
        let gained = try rows(stages(Self.lists, Self.lists, (fewer, world))[0])
        #expect(gained.map(\.endpoints) == [["se"]])
        #expect(gained.allSatisfy { $0.isGained && !$0.old.isPossible && $0.labels.isEmpty })
        let lost = try rows(stages(Self.lists, Self.lists, (world, fewer))[0])
        #expect(lost.map(\.endpoints) == gained.map(\.endpoints))
        #expect(lost.allSatisfy { !$0.isGained && !$0.new.isPossible && $0.new.denial == nil })
    }

    @Test("A day on which only one of the two turns has its own rows")
    func dated() throws {
        let dated = Self.stays.replacing("@id(\"cn-stays\")", with: "@id(\"cn-stays\") @effective(\"2028-01-01\")")
        let stages = try stages(Self.lists + Self.stays, Self.lists + dated)
        #expect(stages.map(\.from.description) == [noon.description, "2028-01-01T00:00:00.000Z"])
        let turned = try stages.map { try rows($0).isEmpty }
        #expect(turned == [false, true])
    }

    @Test("What cannot be gone through is said, with the rows found so far; so are more rows than are listed")
    func undecided() throws {
        let odd = "@id(\"odd\") forbid (principal, action, resource) when { context.now.toDate() == datetime(\"2028-01-01\") };"
        guard case .undecided(let reason, _) = try stages(Self.lists, Self.lists + odd)[0].outcome else {
            Issue.record("decided")
            return
        }
        #expect(reason.reason.contains("\"odd\""))
        guard case .undecided(let many, let found) = try stages(Self.lists, Self.lists + Self.stays, rowsMax: 1)[0].outcome else {
            Issue.record("decided")
            return
        }
        #expect(many.reason.contains("more than 1 rows"))
        #expect(found.count == 1)
    }

    @Test("A configuration without policies is one that permits what the lists permit")
    func listsAlone() throws {
        let world = ProofCaseTests.world()
        let alone = try #require(PolicyTimeline.listsAlone(in: world, at: noon))
        let stages = PolicyDiff(alone, try timeline(Self.lists, in: world, at: noon), at: noon).stages()
        let flipped = try rows(stages[0])
        #expect(flipped.isEmpty)
    }

    private func compare(_ old: PolicyTimeline, _ new: PolicyTimeline) throws -> Comparison {
        let books = [old, new].map { $0.book.dated.map(\.policy) }
        let keys = CallSpace.keys(in: books[0] + books[1])
        let space = CallSpace([old.world, new.world], keys: keys)
        let end = Timestamp(nanoseconds: .max)
        let moments = [old, new].map { $0.moment(TinyWorld.now, until: end) }
        let sides = zip([old, new], moments).enumerated().map { number, pair in
            Side(
                pair.0.world, pair.1.stage.policies.entities, policies: books[number], in: space, keys: keys, number: number,
                serves: { _, _ in true })
        }
        var comparison = Comparison(
            old: sides[0], new: sides[1], moments: (moments[0], moments[1]), budget: Budget(casesMax: Proof.casesMax),
            rowsMax: 100_000)
        try comparison.run()
        return comparison
    }

    /// The calls of the small universe that either configuration lets the caller make.
    private func calls(
        _ here: Circumstances, _ found: Comparison, _ old: TinyWorld, _ new: TinyWorld
    ) -> [(CallContext, isOld: Bool, isNew: Bool)] {
        let both = zip([old, new], [found.old, found.new]).map { world, side -> Set<CallContext> in
            guard side.numbers.standing(here) != .absent else { return [] }
            return Set(
                world.calls(within: side.numbers.bounds(here.caller)).map { call in
                    var call = call
                    call.model = side.space.models[here.model]
                    return call
                })
        }
        return both[0].union(both[1]).map { ($0, both[0].contains($0), both[1].contains($0)) }
    }

    private func isPermitted(_ call: CallContext, _ here: Circumstances, _ side: Side, _ timeline: PolicyTimeline) -> Bool {
        guard side.numbers.standing(here) == .open else { return false }
        let request = side.numbers.request(here, side.numbers.call(here, call))
        return timeline.stages[0].policies.policies.interpreted(request, side.numbers.entities(here)).isPermitted
    }
}

extension Alike {
    func holds(_ here: Circumstances) -> Bool {
        callers.contains(here.caller) && operations.contains(here.operation) && models.contains(here.model)
            && endpoints.contains(here.endpoint)
    }
}

extension Box {
    /// Whether a call's labels are in it, by what it says of them.
    func holds(_ call: CallContext, _ axes: [Axis]) -> Bool {
        let values: [Coordinate] = [
            .dataClass(call.labels.dataClass), .categories(call.labels.categories), .subjects(call.labels.subjects),
            .purposes(call.labels.purposes), .exportTags(call.labels.exportTags), .exports(call.exports), .now(call.now),
        ]
        return zip(zip(axes, choices), values).allSatisfy { pair, value in
            switch pair {
            case (.listed(let candidates), .listed(let some)):
                candidates.kinds.count == 1 || some.contains { candidates.kinds[$0].holds(value) }
            case (.sets(let space), .sets(let known)):
                known.told.allSatisfy { space.answer($0.question, of: value) == $0.answer }
            default: false
            }
        }
    }
}

extension Kind {
    func holds(_ value: Coordinate) -> Bool {
        switch (self, value) {
        case (.dataClass(let name), .dataClass(let other)): name == other
        case (.moments(let span, _), .now(let moment)): span.contains(moment.nanoseconds / 1_000_000)
        case (.counts(nil), .exports(let count)): count == nil
        case (.counts(let kind?), .exports(let count?)):
            kind.persons.contains(count.persons) && kind.sensitive.contains(count.sensitivePersons)
        default: false
        }
    }
}
