import Cedar
import Core
import Policy
import Testing

@Suite("Dated policies")
struct TimelineTests {
    private static let policies = """
        @id("all") permit (principal, action, resource);
        @id("pause") @effective("2027-03-01T00:00:00+0800") @until("2027-03-02") forbid (principal, action, resource);
        """
    private static let begins = Timestamp(seconds: 1_803_830_400)
    private static let ends = Timestamp(seconds: 1_803_945_600)

    private func before(_ moment: Timestamp) -> Timestamp { Timestamp(nanoseconds: moment.nanoseconds - 1) }

    @Test("A rule turns at its moment, to the nanosecond, both ways, without a reload")
    func turns() throws {
        let judged = try Judged(Self.policies)
        for (moment, isPermitted) in [
            (before(Self.begins), true), (Self.begins, false), (before(Self.ends), false), (Self.ends, true),
            (before(Self.begins), true),
        ] {
            #expect(judged.permits(.labelled("public"), at: "sweden", now: moment) == isPermitted, "\(moment)")
        }
    }

    @Test("A call judged before a turn gets no permit after it until it is judged again")
    func acrossTheTurn() throws {
        let judged = try Judged(Self.policies)
        var call = judged.call(.labelled("public"))
        judged.judge.judge(&call, at: before(Self.begins))
        #expect(judged.hasPermit(call, now: before(Self.begins)))
        #expect(!judged.hasPermit(call, now: Self.begins))
        judged.judge.renew(&call, at: Self.begins)
        #expect(!judged.hasPermit(call, now: Self.begins))
        #expect(judged.catalogue.denial(of: call, at: 0) == .forbidden(by: ["pause"]))
        judged.judge.renew(&call, at: Self.ends)
        #expect(judged.hasPermit(call, now: Self.ends))
    }

    @Test("A clock that is set back brings the policies of the earlier time back, for calls that were judged before it was, too")
    func clockSetBack() throws {
        let judged = try Judged(Self.policies)
        var call = judged.call(.labelled("public"))
        judged.judge.judge(&call, at: Self.ends)
        #expect(judged.hasPermit(call, now: Self.ends))
        for earlier in [before(Self.ends), Self.begins] {
            #expect(!judged.hasPermit(call, now: earlier), "no permit on the judgement of a time to come")
            var renewed = call
            judged.judge.renew(&renewed, at: earlier)
            #expect(!judged.hasPermit(renewed, now: earlier))
            #expect(judged.catalogue.denial(of: renewed, at: 0) == .forbidden(by: ["pause"]))
        }
        judged.judge.renew(&call, at: before(Self.begins))
        #expect(judged.hasPermit(call, now: before(Self.begins)))
    }

    @Test("A call whose labels changed, that was never judged, or was judged under another configuration has no permit")
    func stale() throws {
        let judged = try Judged(#"@id("all") permit (principal, action, resource);"#)
        var call = judged.call(.labelled("public"))
        let attempt = AttemptID(high: 1, low: 2)
        #expect(!judged.hasPermit(call, now: noon))
        judged.judge.judge(&call, at: noon)
        #expect(judged.hasPermit(call, now: noon))
        let other = Catalogue(
            generation: 8, endpoints: SmallWorld.endpoints, tenants: SmallWorld.tenants, policies: judged.catalogue.policies)
        let elsewhere = other.permit(attempt, for: call, at: 0, now: noon) != nil
        #expect(!elsewhere)
        call.ownLabels = .labelled("sensitive")
        #expect(!judged.hasPermit(call, now: noon))
        #expect(judged.catalogue.denial(of: call, at: 0) == .notJudged)
    }

    @Test("A policy that reads the clock is asked at each moment, and no permit is minted on an older answer")
    func volatile() throws {
        let judged = try Judged(
            """
            @id("all") permit (principal, action, resource);
            @id("late") forbid (principal, action, resource)
            when { context.dataClass == DataClass::"personal" }
            when { context.now >= datetime("2027-03-01") };
            """)
        let late = Timestamp(seconds: 1_803_859_200)
        #expect(judged.permits(.labelled("personal"), at: "sweden", now: before(late)))
        #expect(!judged.permits(.labelled("personal"), at: "sweden", now: late))
        var personal = judged.call(.labelled("personal"))
        judged.judge.judge(&personal, at: before(late))
        #expect(personal.judgement?.isVolatile == true)
        #expect(!judged.hasPermit(personal, now: late))
        // What settles the matter before the clock is asked stays settled.
        var open = judged.call(.labelled("public"))
        judged.judge.judge(&open, at: before(late))
        #expect(open.judgement?.isVolatile == false)
        #expect(judged.hasPermit(open, now: late))
    }

    @Test("What is over at the load is left out, and the stages have no gaps")
    func stages() throws {
        let book = try PolicyBook([Source(name: "t", text: Self.policies)], in: SmallWorld.standard)
        let all = try #require(PolicyTimeline(book, in: SmallWorld.standard, at: noon))
        #expect(all.stages.map(\.from.nanoseconds) == [.min, Self.begins.nanoseconds, Self.ends.nanoseconds])
        #expect(all.stages.map(\.until.nanoseconds) == [Self.begins.nanoseconds, Self.ends.nanoseconds, .max])
        let later = try #require(PolicyTimeline(book, in: SmallWorld.standard, at: Self.ends))
        #expect(later.stages.count == 1)
        #expect(later.stages[0].policies.policies.policies.map(\.id) == ["all"])
    }
}
