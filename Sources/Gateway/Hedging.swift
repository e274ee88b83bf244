import Core
import Links
import NIOCore
import Policy

/// Hedged calls: where the first attempt is slow, a second one starts at the next endpoint, with a hold and a permit of its own. Whichever has
/// something for the caller first wins; the other goes on as a call does whose caller left, and pays what it costs.
///
/// Each attempt has a `CallRelay`. The two know one another until one wins, or until one has nothing more to try.
extension CallRelay {
    /// Sets the moment from which a second attempt may start. Only calls whose answer is generated are worth two, and state does not move.
    func prepareHedge() {
        guard let key, let hedge = key.hedge, rival == nil, dialect.generates, state == nil, nextCandidate < candidates.count,
            hedge.models?.contains(model) ?? true
        else { return }
        // A call earns its share once, whatever becomes of its first attempt.
        if attempts == 1 { lane.earnHedge(tenant: key.tenant, percent: hedge.percent) }
        deadline = .now() + .milliseconds(hedge.afterMilliseconds)
        lane.sweeper.add(self)
    }

    /// The first attempt took its time: starts a second one, if the tenant's calls have earned one.
    func hedge() {
        guard phase == .attempting, rival == nil, let key, nextCandidate < candidates.count,
            attempts < snapshot.limits.attemptsPerCall
        else { return }
        // What has come whole to its head is nearly there.
        switch answer.kind {
        case .whole, .error: return
        case .none, .stream: break
        }
        guard lane.takeHedge(tenant: key.tenant) else { return }
        let second = CallRelay(besides: self)
        // What is left to try is the second's.
        nextCandidate = candidates.count
        rival = second
        second.rival = self
        lane.enterUnasked(tenant: key.tenant)
        second.attempt()
    }

    /// There is something for the caller: this attempt answers, and the other one has lost.
    func win() {
        guard let loser = rival else { return }
        if sink == nil { lane.countHedgeWon() }
        part(from: loser)
        takeSink(of: loser)
        loser.whyGone = "hedge_lost"
        loser.goOnWithoutCaller()
    }

    /// The attempt came to nothing while another one is under way, which goes on alone, and tries what is left. False: there is none.
    func leaveToRival() -> Bool {
        guard let rival else { return false }
        part(from: rival)
        rival.takeSink(of: self)
        rival.attempts = max(rival.attempts, attempts)
        if nextCandidate < candidates.count { (rival.candidates, rival.nextCandidate) = (candidates, nextCandidate) }
        if !fallbacks.isEmpty { rival.fallbacks = fallbacks }
        finish()
        return true
    }

    /// Neither has a caller any more.
    func partWithoutCaller() {
        guard let other = rival else { return }
        part(from: other)
        other.goOnWithoutCaller()
    }

    private func part(from other: CallRelay) {
        rival = nil
        other.rival = nil
    }

    private func takeSink(of other: CallRelay) {
        guard let sink = other.sink else { return }
        other.sink = nil
        self.sink = sink
        sink.goOn(with: self)
    }
}
