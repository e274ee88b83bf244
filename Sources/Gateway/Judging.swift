import Core
import Ledger
import Policy

/// Policy on one event loop: its judge, and what the journal keeps of each kind of call, rendered once.
struct Judging: Sendable {
    /// Kinds of calls at endpoints whose proof is kept ready.
    private static let proofsMax = 16_384

    private struct Place: Hashable {
        var kind: PolicyMemo.Kind
        var endpoint: Int
        var stage: Int
    }

    var judge: CallJudge
    private var proofs: [Place: HoldJudged?] = [:]

    init(_ snapshot: Snapshot) { judge = CallJudge(snapshot.catalogue) }

    mutating func judged(_ call: CallFacts, at endpoint: Int, in snapshot: Snapshot) -> HoldJudged? {
        guard let judgement = call.judgement else { return nil }
        if !judgement.isByPolicies, call.labels == .unknown { return nil }
        if judgement.isVolatile { return Self.facts(call, at: endpoint, in: snapshot).map(HoldJudged.init) }
        let place = Place(kind: judgement.kind, endpoint: endpoint, stage: judgement.stage)
        if let known = proofs[place] { return known }
        let proof = Self.facts(call, at: endpoint, in: snapshot).map(HoldJudged.init)
        if proofs.count >= Self.proofsMax { proofs.removeAll(keepingCapacity: true) }
        proofs[place] = .some(proof)
        return proof
    }

    /// nil where there is nothing to prove: no policies, and nothing known of the call.
    static func facts(_ call: CallFacts, at endpoint: Int, in snapshot: Snapshot) -> JudgedFacts? {
        let reasons = snapshot.catalogue.reasons(for: call, at: endpoint)
        guard reasons != nil || call.labels != .unknown else { return nil }
        return JudgedFacts(
            policy: snapshot.policyHash, by: reasons?.deciding.map { "\($0)" } ?? [], labels: call.labels)
    }
}

/// Asked of the call where it is kept: a copy would cost as much as the answer.
extension CallFacts {
    /// Whether policy permits it at an endpoint now.
    mutating func isPermitted(at endpoint: Int, on lane: Lane, in snapshot: Snapshot, now: Timestamp) -> Bool {
        lane.judge(&self, in: snapshot, at: now)
        return snapshot.catalogue.isPermitted(self, at: endpoint)
    }

    /// The permit of one attempt; nil where policy does not permit it now.
    mutating func permit(
        _ attempt: AttemptID, at endpoint: Int, on lane: Lane, in snapshot: Snapshot, now: Timestamp
    ) -> Permit? {
        lane.judge(&self, in: snapshot, at: now)
        return snapshot.catalogue.permit(attempt, for: self, at: endpoint, now: now)
    }
}
