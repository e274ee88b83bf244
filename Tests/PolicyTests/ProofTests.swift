import Cedar
import Core
import Policy
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How many random worlds a test goes through; `WEIR_LONG` makes it so many times more.
func worlds(_ count: Int) -> Int { count * max(1, getenv("WEIR_LONG").flatMap { Int(String(cString: $0)) } ?? 1) }

@Suite("Proofs")
struct ProofTests {
    @Test("A proof says of random claims what going through every call by hand says")
    func sameAsByHand() throws {
        var random = SeededRandom(seed: testSeed("ProofTests.sameAsByHand"))
        var proved = 0
        var empty = 0
        var violated = 0
        for _ in 0..<worlds(15) {
            let random = TinyWorld(using: &random)
            let timeline = try timeline(random.policies, in: random.world)
            let claims = try Claim.parse(Source(name: "claims", text: random.claims), in: random.world)
            for answer in Proof(timeline, at: TinyWorld.now).prove(claims) {
                let byHand = try goThrough(random, timeline, answer.claim.policy)
                let stage = try #require(answer.stages.first)
                switch stage.outcome {
                case .proved(let coverage):
                    proved += 1
                    if coverage.concerned == 0 { empty += 1 }
                    #expect(byHand.violations == 0, "\(random.policies)\(answer.claim.policy) \(byHand.example)")
                    #expect((coverage.concerned > 0) == (byHand.concerned > 0), "\(random.policies)\(answer.claim.policy)")
                case .violated(let example):
                    violated += 1
                    #expect(byHand.violations > 0, "\(random.policies)\(answer.claim.policy) \(example)")
                    try check(example, random.world, timeline, answer.claim.policy)
                case .undecided(let reason): Issue.record("\(reason)\n\(random.policies)\(answer.claim.policy)")
                }
            }
        }
        print("ProofTests: \(proved) proved, \(empty) of them about no call; \(violated) violated")
        // The generator makes both answers.
        #expect(proved > 3)
        #expect(violated > 3)
    }

    /// A counterexample has to be one by the words of the language.
    private func check(
        _ example: Proof.Counterexample, _ world: PolicyWorld, _ timeline: PolicyTimeline, _ claim: Cedar.Policy
    ) throws {
        let attempt = example.attempt
        let endpoint = try #require(world.endpoints.firstIndex { $0.name == attempt.endpoint })
        let call = CompiledPolicies.Call(
            principal: EntityUID(Word.key, Text(attempt.key ?? "key_0")), action: .operation(attempt.operation),
            context: CallContext(model: attempt.model, labels: attempt.labels, now: attempt.now, exports: attempt.exports)
                .record(),
            guest: world.principal(key: attempt.key ?? "key_0", team: attempt.team, tenant: attempt.tenant))
        let found = verdict(call, attempt.tenant, attempt.model, endpoint, world, timeline, claim)
        #expect(found.isViolation, "\(example) \(claim)")
        #expect(found.isPermitted == example.isPermitted)
    }

    private struct ByHand {
        var violations = 0
        var concerned = 0
        var example = ""
    }

    private func goThrough(_ random: TinyWorld, _ timeline: PolicyTimeline, _ claim: Cedar.Policy) throws -> ByHand {
        var found = ByHand()
        let world = random.world
        for (tenant, team) in TinyWorld.callers {
            let policy = try #require(world.tenants.first { $0.tenant == tenant })
            let bounds = CallLabels.together([policy.labels, policy.teamLabels[team] ?? .unknown], in: world.classes)
            let calls = random.calls(within: bounds)
            let text = random.policies + random.claims
            for model in ["m", "n"] {
                let contexts = calls.map { call in
                    var call = call
                    call.model = model
                    return call.record()
                }
                for key in text.contains("key_1") ? ["key_0", "key_1"] : ["key_0"] {
                    for operation in text.contains("chat") ? [Operation.chat, .embeddings] : [.chat] {
                        for (endpoint, call) in world.endpoints.indices.filter({ world.endpoints[$0].models[model] != nil })
                            .flatMap({ endpoint in contexts.map { (endpoint, $0) } })
                        {
                            let asked = CompiledPolicies.Call(
                                principal: EntityUID(Word.key, Text(key)), action: .operation(operation), context: call,
                                guest: world.principal(key: key, team: team, tenant: tenant))
                            let judged = verdict(asked, tenant, model, endpoint, world, timeline, claim)
                            if judged.isConcerned { found.concerned += 1 }
                            if judged.isViolation {
                                found.violations += 1
                                found.example = "\(team) \(key) \(operation) \(call) at \(world.endpoints[endpoint].labels)"
                            }
                        }
                    }
                }
            }
        }
        return found
    }

    private func verdict(
        _ call: CompiledPolicies.Call, _ tenant: String, _ model: String, _ endpoint: Int, _ world: PolicyWorld,
        _ timeline: PolicyTimeline, _ claim: Cedar.Policy
    ) -> (isConcerned: Bool, isViolation: Bool, isPermitted: Bool) {
        let entities = call.guest.map { world.entities.with(guest: $0) } ?? world.entities
        let request = Request(
            principal: call.principal, action: call.action, resource: world.resources[endpoint], context: call.context)
        let isForbid = claim.effect == .forbid
        let isConcerned: Bool
        do { isConcerned = try Evaluator(request, entities).isSatisfied(claim) } catch { isConcerned = isForbid }
        guard isConcerned else { return (false, false, false) }
        let policy = world.tenants.first { $0.tenant == tenant }
        let isListed = policy.map { judge($0, model: model, at: world.endpoints[endpoint].labels) == nil } ?? false
        let isPermitted =
            isListed
            && interpreted(timeline.stages[0].policies.policies, call, world.resources[endpoint], entities).isPermitted
        return (true, isPermitted == isForbid, isPermitted)
    }
}

func timeline(_ policies: String, in world: PolicyWorld, at now: Timestamp = TinyWorld.now) throws -> PolicyTimeline {
    let book = try PolicyBook([Source(name: "test", text: policies)], in: world)
    return try #require(PolicyTimeline(book, in: world, at: now))
}
