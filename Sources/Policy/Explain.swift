import Core

/// The reason for or against one endpoint, as `weir explain` shows it.
public enum Standing: Sendable, Hashable {
    case candidate
    case denied(Denial)
    case operationNotServed
    case unavailable(Health.Availability)
    /// Its quota has no room for the call until then.
    case outOfQuota(until: Timestamp)
}

/// What an endpoint is ranked by, in the order in which it counts after its priority.
public struct Score: Sendable, Hashable {
    /// Its weight is 0: only when no other can.
    public var isLast: Bool
    /// It takes the call, but little more.
    public var isTight: Bool
    /// Its capacity is paid for whether it is used or not.
    public var isReserved: Bool
    /// In the unit of `cost`; nil: unknown, and dearer than any that is known.
    public var cost: Int64?
    /// How long a typical answer takes; nil before the first answer.
    public var expectedMicroseconds: Int64?
    /// Of a thousand calls with short prompts, so many try it first, while all stays as it is.
    public var firstInThousand: Int
}

/// One endpoint that serves a model, as a call would find it now.
public struct Explanation: Sendable, Hashable {
    public var endpoint: Int
    public var standing: Standing
    public var score: Score
}

/// Each endpoint that serves the model with its standing, in the order in which `route` would consider them.
public func explain(
    _ call: CallFacts, in catalogue: Catalogue, health: [Health], serves: (Int, Operation) -> Bool,
    cost: (Int) -> Int64? = { _ in nil }, at now: Timestamp
) -> [Explanation] {
    var all = (catalogue.endpoints(serving: call.model) ?? []).map { index in
        let endpoint = catalogue.endpoints[index]
        let room = health[index].quota.room(tokens: call.tokens, at: now)
        return Explanation(
            endpoint: index,
            standing: standing(call, at: index, in: catalogue, health: health[index], room: room, serves: serves, now: now),
            score: Score(
                isLast: endpoint.weight == 0, isTight: room == .tight, isReserved: endpoint.isReserved, cost: cost(index),
                expectedMicroseconds: health[index].expectedMicroseconds, firstInThousand: 0))
    }.sorted { a, b in
        let (first, second) = (catalogue.endpoints[a.endpoint], catalogue.endpoints[b.endpoint])
        if (a.standing == .candidate) != (b.standing == .candidate) { return a.standing == .candidate }
        if first.priority != second.priority { return first.priority < second.priority }
        let (one, other) = (a.rank(first), b.rank(second))
        if one != other { return one < other }
        return first.name < second.name
    }
    shareFirst(&all, in: catalogue, health: health)
    return all
}

private func standing(
    _ call: CallFacts, at endpoint: Int, in catalogue: Catalogue, health: Health, room: Quota.Room,
    serves: (Int, Operation) -> Bool, now: Timestamp
) -> Standing {
    if let denial = catalogue.denial(of: call, at: endpoint) { return .denied(denial) }
    guard serves(endpoint, call.operation) else { return .operationNotServed }
    switch health.availability(at: now) {
    case .ready, .trial:
        if case .none(let until) = room { return .outOfQuota(until: until) }
        return .candidate
    case let other: return .unavailable(other)
    }
}

/// Among those that are as good as the first, the draw decides.
private func shareFirst(_ all: inout [Explanation], in catalogue: Catalogue, health: [Health]) {
    guard let first = all.first, first.standing == .candidate else { return }
    let best = catalogue.endpoints[first.endpoint]
    let equals = all.prefix { next in
        let endpoint = catalogue.endpoints[next.endpoint]
        return next.standing == .candidate && endpoint.priority == best.priority
            && first.rank(best).isAbout(next.rank(endpoint))
    }
    let fastest = fastestMicroseconds(of: equals.map(\.endpoint)[...], health)
    let shares = equals.map { share(of: $0.endpoint, in: catalogue, health: health, fastest: fastest) }
    let total = shares.reduce(0, +)
    for (index, part) in shares.enumerated() {
        // All of weight 0: the first in order.
        all[index].score.firstInThousand = total > 0 ? Int((part * 1_000 + total / 2) / total) : index == 0 ? 1_000 : 0
    }
}

extension Explanation {
    fileprivate func rank(_ endpoint: Endpoint) -> Rank { Rank(endpoint, isTight: score.isTight, cost: score.cost) }
}
