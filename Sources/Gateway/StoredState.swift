import Core
import Crypto
import Ledger
import NIOCore
import Policy
import Providers
import Wire

/// Stored state that a caller named, found by its id: it is the caller's own, and its home can serve the call.
struct FoundState: Sendable, Hashable {
    var id: StateID
    /// The endpoint's number in the catalogue.
    var home: Int
}

/// Why stored state that a caller named cannot be used. Only `notFound` is told to those whose it is not.
enum StateRefusal: Error, Sendable, Hashable {
    /// Made up, changed, of another kind or another tenant's: nobody is told which.
    case notFound
    /// No endpoint keeps state of calls to this model.
    case notKept
    /// Its home has left the configuration.
    case homeGone(String)
    /// Its home serves the model no longer, or never did.
    case otherModel(home: String, madeWith: String)
    /// Its home keeps no state of calls to the model any more.
    case keptNoLonger(home: String)
    /// The call's content is stricter than what the conversation was made for.
    case stricterContent
}

extension Snapshot {
    /// Finds the state that an id names for the tenant whose key this is.
    func find(
        _ text: UnsafeRawBufferPointer, _ kind: StateKind, key: SymmetricKey, model: Int
    ) -> Result<FoundState, StateRefusal> {
        guard let id = StateID(text, kind, key: key) else {
            return .failure(keepsState(kind, model: model) ? .notFound : .notKept)
        }
        guard let home = endpointIndex[id.home] else { return .failure(.homeGone(id.home)) }
        guard let way = way(endpoint: home, model: model) else {
            return .failure(.otherModel(home: id.home, madeWith: id.model))
        }
        guard let kept = way.served.state, kind == .response || kept.allowsConversations else {
            return .failure(.keptNoLonger(home: id.home))
        }
        return .success(FoundState(id: id, home: home))
    }
}

/// The stored state that one call builds on.
struct StateUse {
    var found: FoundState
    /// The id as the caller wrote it.
    var given: [UInt8]
    /// Where it lies in the body, inside its quotes.
    var range: Range<Int>

    var splice: StateSplice {
        StateSplice(
            splice: Splice(range: range, replacement: found.id.providerID),
            rewrite: found.id.kind == .response ? .previousResponse : .conversation)
    }

    var pair: StateIDs.Pair { StateIDs.Pair(provider: found.id.providerID, caller: given) }

    /// The most input tokens that it adds to a call: what was counted when it was made, and never more than the cap. A conversation
    /// grows with every call that names it, so that nothing but the cap bounds it.
    func bound(_ cap: KeptState) -> Int64 {
        guard found.id.kind == .response, let tokens = found.id.tokens else { return cap.maxTokens }
        return min(tokens, cap.maxTokens)
    }
}

extension RequestScan {
    /// The call builds on state that a provider keeps.
    var namesState: Bool { previousResponseID != nil || conversation != nil }
}

// MARK: - Requests

extension CallRelay {
    /// Decides on a call that builds on stored state: it goes where that lives, or nowhere.
    func decideAtHome(_ facts: CallFacts, at now: Timestamp) {
        guard let key else { return fail(.missingKey) }
        if scan.previousResponseID != nil, scan.conversation != nil {
            return fail(.badValue("conversation", "left out beside `previous_response_id`"))
        }
        guard let model = facts.model else { return fail(.unknownModel) }
        let kind = scan.previousResponseID == nil ? StateKind.conversation : .response
        guard let range = scan.previousResponseID ?? scan.conversation else { return }
        // A key whose tenant is not there has no state.
        guard snapshot.stateKeys.indices.contains(key.tenant) else { return fail(.stateNotFound(kind)) }
        let tenantKey = snapshot.stateKeys[key.tenant]
        let found = body.withUnsafeReadableBytes { bytes in
            snapshot.find(UnsafeRawBufferPointer(rebasing: bytes[range]), kind, key: tenantKey, model: model)
        }
        switch found {
        case .failure(let refusal): fail(.state(refusal, kind, model: self.model))
        case .success(let found):
            var facts = facts
            facts.ownLabels = facts.labels.mixed(with: found.id.labels, in: snapshot.catalogue.classes)
            // Its id stays the same, so that what it says of the content has to hold for all that ever goes in.
            if kind == .conversation, !facts.labels.sameContent(as: found.id.labels) {
                return fail(.state(.stricterContent, kind, model: self.model))
            }
            let given = body.withUnsafeReadableBytes { Array($0[range]) }
            state = StateUse(found: found, given: given, range: range)
            exported = exportedPerson(of: key, facts)
            if let exported { facts.exports = lane.ledger.exportCount(key.record.tenant, with: exported, at: now) }
            go(to: found.home, facts, at: now)
        }
    }

    /// Sends the call to the one endpoint that can serve it, or says why it cannot now.
    private func go(to home: Int, _ unjudged: CallFacts, at now: Timestamp) {
        var facts = unjudged
        lane.judge(&facts, in: snapshot, at: now)
        self.facts = facts
        lane.board.read([home], at: snapshot.slots, into: &lane.health)
        let name = snapshot.catalogue.endpoints[home].name
        switch stay(
            facts, at: home, in: snapshot.catalogue, health: lane.health[home], serves: snapshot.serves(home, dialect), at: now)
        {
        case .possible:
            candidates = [home]
            nextCandidate = 0
            attempt(at: now)
        case .denied(let denial): fail(.stateDenied(home: name, denial.description))
        case .operationNotServed: fail(.operationNotServed)
        case .suspended: fail(.stateSuspended(home: name))
        case .unavailable(let until):
            fail(.stateUnavailable(home: name, afterMilliseconds: until.map { max(0, $0.milliseconds(since: now)) }))
        }
    }

    /// What is said when no endpoint had room for an attempt.
    var noneLeft: Failure {
        guard let state else { return .unavailable(afterMilliseconds: nil) }
        return .stateUnavailable(home: state.found.id.home, afterMilliseconds: nil)
    }

    /// The most input tokens that stored state adds to the attempt.
    func stateBound(_ way: Way) -> Int64 {
        guard let state, let cap = way.served.state else { return 0 }
        return state.bound(cap)
    }
}

// MARK: - Answers

extension CallRelay {
    /// What gives the caller ids of its own in the attempt's answer; nil where the answer's ids name nothing that is kept.
    var answerIDs: StateIDs? {
        guard plan.rewrites.contains(.responseID), let key, snapshot.stateKeys.indices.contains(key.tenant), let way else {
            return nil
        }
        let tenantKey = snapshot.stateKeys[key.tenant]
        let home = way.target.name
        let model = model
        let labels = contentLabels
        let operation = operation
        let isStored = scan.store?.value != false
        let tokens = isInputBounded ? saturated(inputBound, plus: outputBound) : nil
        return StateIDs(sent: state.map { [$0.pair] } ?? []) { place, id in
            let kind: StateKind
            switch place {
            case .own where operation == .conversations: kind = .conversation
            case .own:
                // It names nothing that anybody could ask for.
                if !isStored { return .keep }
                kind = .response
            case .previous: kind = .response
            case .conversation: kind = .conversation
            }
            let stateID = StateID(
                kind: kind, home: home, model: model, providerID: Array(id), labels: labels,
                tokens: kind == .response ? tokens : nil)
            return stateID.signed(with: tenantKey).map { .replace($0) } ?? .unusable
        }
    }

    /// Gives the caller ids of its own in a whole answer; false when it cannot be passed on.
    func replaceIDs() -> Bool {
        guard var ids = answer.ids else { return true }
        guard let edits = ids.edits(ofAnswer: answer.bytes) else { return false }
        answer.bytes = spliced(answer.bytes, edits)
        return true
    }

    /// Errors name what was asked for in their words.
    func replaceIDsInError() {
        guard let ids = answer.ids else { return }
        answer.bytes = spliced(answer.bytes, ids.edits(ofError: answer.bytes))
    }

    /// What the call is about, together with the state that it builds on.
    private var contentLabels: CallLabels { facts?.labels ?? .unknown }
}
