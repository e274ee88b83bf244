import Cedar
import Core
import Policy
import Testing

@Suite("Replay")
struct ReplayTests {
    private static let lists = #"@id("lists") permit (principal, action, resource);"#

    private func replay(_ policies: String, serves: @escaping @Sendable (Endpoint, Operation) -> Bool = { _, _ in true }) throws
        -> Replay
    {
        Replay(try Judged(policies).catalogue, serves: serves)
    }

    private func past(
        _ labels: CallLabels?, at endpoint: String = "sweden", tenant: String = "acme", bound: CallLabels = .unknown,
        model: String = "m"
    ) -> PastAttempt {
        PastAttempt(
            key: KeyRecord(
                id: "key_1", name: "k", tenant: tenant, team: "t", labels: bound, created: noon, secrets: []),
            model: model, operation: .chat, endpoint: endpoint, labels: labels, at: noon)
    }

    @Test("An attempt stays, goes to what is still permitted in the order of priority, or goes nowhere, each with the reason")
    func outcomes() throws {
        var open = try replay(Self.lists)
        #expect(open.judge(past(.labelled("personal"))) == .stays)
        var moved = try replay(
            Self.lists + #"@id("no-sweden") forbid (principal, action, resource == Endpoint::"sweden");"#)
        let because = "forbidden by policy no-sweden"
        #expect(moved.judge(past(.labelled("personal"))) == .elsewhere(["silent", "germany"], because: because))
        #expect(moved.judge(past(.labelled("personal"), at: "germany")) == .stays)
        var closed = try replay(
            Self.lists + #"@id("none") forbid (principal, action, resource) when { context.dataClass in DataClass::"personal" };"#
        )
        #expect(closed.judge(past(.labelled("personal"))) == .denied(because: "forbidden by policy none"))
        #expect(closed.judge(past(.labelled("public"))) == .stays)
    }

    @Test("An attempt without labels is judged with what its key is bound to now, one with labels only with those")
    func labels() throws {
        var closed = try replay(
            Self.lists + #"@id("none") forbid (principal, action, resource) when { context.dataClass in DataClass::"personal" };"#
        )
        #expect(closed.judge(past(nil, bound: .labelled("public"))) == .stays)
        #expect(closed.judge(past(.labelled("public"), bound: .labelled("personal"))) == .stays)
        #expect(closed.judge(past(nil, bound: .labelled("personal"))) == .denied(because: "forbidden by policy none"))
        let unknown = "policy none asks what is unknown of the call or the endpoint, and unknown is denied"
        #expect(closed.judge(past(.unknown)) == .denied(because: unknown))
    }

    @Test("Tenants, models, endpoints and operations that are gone take their attempts with them")
    func gone() throws {
        var open = try replay(Self.lists)
        #expect(open.judge(past(.unknown, tenant: "left")) == .denied(because: "the configuration has no tenant left"))
        let endpoint = "gone does not serve chat with m any more"
        #expect(open.judge(past(.unknown, at: "gone")) == .elsewhere(["silent", "sweden", "germany"], because: endpoint))
        let model = "sweden does not serve chat with n any more"
        #expect(open.judge(past(.unknown, model: "n")) == .denied(because: model))
        var deaf = try replay(Self.lists) { endpoint, _ in endpoint.name == "germany" }
        let operation = "sweden does not serve chat with m any more"
        #expect(deaf.judge(past(.unknown)) == .elsewhere(["germany"], because: operation))
    }

    @Test("Whatever hangs on a count of exported persons is undecided, and nothing else is")
    func counts() throws {
        let counted = #"@id("count") forbid (principal, action, resource) when { context.exportedPersons > 100 };"#
        var asking = try replay(Self.lists + counted)
        #expect(asking.judge(past(.labelled("personal"))) == .undecided(["count"]))
        var settled = try replay(
            Self.lists + counted
                + #"@id("none") forbid (principal, action, resource) when { context.dataClass in DataClass::"personal" };"#)
        #expect(settled.judge(past(.labelled("personal"))) == .denied(because: "forbidden by policy none"))
        #expect(settled.judge(past(.labelled("public"))) == .undecided(["count"]))
        // Another unknown denies, whatever the count was.
        guard case .denied = settled.judge(past(.unknown)) else {
            Issue.record("an unknown class is denied")
            return
        }
    }
}
