import Core
import Ledger
import NIOCore
import Policy
import Providers
import Wire

/// Where a call goes: its model's endpoints, in order, and after them those of the models that its key lets answer in its place.
extension CallRelay {
    func decide() {
        guard let key else { return fail(.missingKey) }
        let now = Timestamp.now()
        if operation == .conversations {
            if let failure = findConversationModel(at: now) { return fail(failure) }
        } else if let deployment {
            model = deployment
        } else if let range = scan.model {
            model = body.string(at: range)
        } else {
            return fail(.modelMissing)
        }
        // Nearly every call asks for nothing of the kind, and then nobody needs to know whether its key is limited.
        if let field = unbounded(scan, body: body, dialect: dialect),
            !field.isPermittedWithoutLimit || lane.ledger.headroom(key: key.account, at: now) != nil
        {
            return fail(.unbounded(field.field, field.reason))
        }
        let most = Int64(128)
        if let n = scan.n?.value, n > most { return fail(.badValue("n", "at most \(most)")) }
        if let n = scan.bestOf?.value, n > most { return fail(.badValue("best_of", "at most \(most)")) }
        askedTier = Providers.askedTier(scan, body: body)
        probableTokens = probablyUsed
        if scan.namesState { return decideAtHome(facts(of: key, for: model), at: now) }
        if !key.record.fallbacks.isEmpty { fallbacks = key.record.fallbacks[model].map { $0[...] } ?? [] }
        guard let failure = place(model, at: now) else { return }
        if !fallBack(after: failure.fault, at: now) { fail(failure) }
    }

    private func facts(of key: KeyEntry, for model: String) -> CallFacts {
        CallFacts(
            caller: key.caller, model: model, in: snapshot.catalogue, operation: operation,
            tokens: probableTokens, ownLabels: ownLabels)
    }

    /// Tries the endpoints of a model, one after another; the reason if none of them can be tried.
    private func place(_ model: String, at now: Timestamp) -> Failure? {
        guard let key else { return .missingKey }
        var facts = facts(of: key, for: model)
        exported = exportedPerson(of: key, facts)
        if let exported { facts.exports = lane.ledger.exportCount(key.record.tenant, with: exported, at: now) }
        lane.judge(&facts, in: snapshot, at: now)
        let snapshot = snapshot
        if let serving = snapshot.catalogue.endpoints(serving: facts.model) {
            lane.board.read(serving, at: snapshot.slots, into: &lane.health)
        }
        let decision = route(
            facts, in: snapshot.catalogue, health: lane.health,
            serves: { [model = facts.model, dialect] in
                snapshot.serves($0, dialect) && ($1 != .conversations || snapshot.keepsConversations(endpoint: $0, model: model))
            },
            cost: { [operation, probableTokens, model = facts.model] in
                guard let model else { return nil }
                return snapshot.way(endpoint: $0, model: model)?.probableCost(probableTokens, of: operation, at: now)
            },
            promptKey: { [body, scan] in promptKey(of: scan, body, tenant: key.record.tenant) }, at: now, using: &lane.random)
        switch decision {
        case .attempt(let endpoints):
            self.facts = facts
            candidates = dialect == .tokenCount ? countersFirst(endpoints) : endpoints
            nextCandidate = 0
            attempt(at: now)
            return nil
        case .refused(.unknownModel): return .unknownModel
        case .refused(.denied(let reasons)): return .denied(reasons.map(\.description))
        case .refused(.operationNotServed):
            return operation == .conversations ? .state(.notKept, .conversation, model: model) : .operationNotServed
        case .refused(.unavailable(let until)):
            return .unavailable(afterMilliseconds: until.map { max(0, $0.milliseconds(since: now)) })
        }
    }

    /// Leaves the call to its other attempt, if it has one, or lets the next model answer that its key names for this case. Not after what a caller or a policy is the reason for: that is an
    /// answer, and another model would only hide it.
    ///
    /// - Returns: false if there is none, so that the failure stands.
    func fallBack(after fault: Failure.Fault, at now: Timestamp = .now()) -> Bool {
        if leaveToRival() { return true }
        guard fault == .provider || fault == .link, !callerIsGone else { return false }
        while let next = fallbacks.popFirst(), attempts < snapshot.limits.attemptsPerCall {
            if place(next, at: now) == nil { return true }
        }
        return false
    }

    /// The model that answers in place of the one that was asked for.
    var stoodIn: String? { facts.flatMap { $0.modelName == model ? nil : $0.modelName } }
}

/// Tells the prompts of a tenant apart by what their client says of them, or by how they begin; nil: too short to be cached anywhere.
/// Mixed with the tenant's name, so that no tenant learns from where its calls go, or how fast, what another one asks. Good for as long
/// as this process runs.
private func promptKey(of scan: RequestScan, _ body: ByteBuffer, tenant: String) -> UInt64? {
    let range: Range<Int>
    if let key = scan.promptCacheKey {
        range = key
    } else if let start = scan.longStart {
        range = start..<start + RequestScan.longBytes
    } else {
        return nil
    }
    var hasher = Hasher()
    hasher.combine(tenant)
    body.withUnsafeReadableBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0[range])) }
    return UInt64(bitPattern: Int64(hasher.finalize()))
}
