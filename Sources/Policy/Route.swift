import Core

/// Where a call goes: the endpoints to try in order, or why none.
public enum Decision: Sendable, Hashable {
    case attempt([Int])
    case refused(Refusal)
}

public enum Refusal: Sendable, Hashable {
    case unknownModel
    /// Policy denies every endpoint that serves the model; the first reason for each.
    case denied([Denial])
    /// No permitted endpoint serves this operation.
    case operationNotServed
    /// All permitted endpoints are cooling, open, out of quota, down or suspended; when to come back, if known.
    case unavailable(until: Timestamp?)
}

/// Judges first, then filters by operation, health and quota, then ranks: by priority; among equals those with ample quota come first, then
/// capacity that is paid for anyway, then the cheapest; those of about the same price in the order of a weighted draw, where a slower
/// endpoint's weight shrinks with the time of a typical answer. A long prompt is not drawn for: it goes where prompts that begin alike
/// go. Pure: the draw comes in as a generator. Of `health`, only the cells of the endpoints that serve the model are read.
///
/// - Parameters:
///   - cost: what the call probably costs at an endpoint, in any unit; nil: unknown, and dearer than any that is known.
///   - promptKey: tells prompts apart by their beginning, asked only where several endpoints are equal; nil: too short to be cached.
public func route(
    _ call: CallFacts, in catalogue: Catalogue, health: [Health], serves: (Int, Operation) -> Bool,
    cost: (Int) -> Int64? = { _ in nil }, promptKey: () -> UInt64? = { nil }, at now: Timestamp,
    using random: inout some RandomNumberGenerator
) -> Decision {
    guard let serving = catalogue.endpoints(serving: call.model) else { return .refused(.unknownModel) }
    var ready: [Int] = []
    var tight: [Int] = []
    var anyPermitted = false
    var anyServes = false
    var back: Timestamp?
    for endpoint in serving where catalogue.isPermitted(call, at: endpoint) {
        anyPermitted = true
        guard serves(endpoint, call.operation) else { continue }
        anyServes = true
        switch health[endpoint].availability(at: now) {
        case .ready, .trial:
            switch health[endpoint].quota.room(tokens: call.tokens, at: now) {
            case .ample: ready.append(endpoint)
            case .tight:
                ready.append(endpoint)
                tight.append(endpoint)
            case .none(let until): back = min(back ?? until, until)
            }
        case .cooling(let until), .open(let until): back = min(back ?? until, until)
        case .down, .suspended, .noToken: break
        }
    }
    if !anyPermitted {
        return .refused(.denied(serving.compactMap { catalogue.denial(of: call, at: $0) }))
    }
    if !anyServes { return .refused(.operationNotServed) }
    if ready.isEmpty { return .refused(.unavailable(until: back)) }
    if ready.count > 1 {
        rank(&ready, tight: tight, in: catalogue, health: health, cost: cost, promptKey: promptKey, using: &random)
    }
    return .attempt(ready)
}

/// Prices that differ by no more than this many percent count as the same.
public let samePricePercent: Int64 = 5

/// Where an endpoint stands among those of its priority: the lower, the sooner.
struct Rank: Comparable {
    /// Its weight is 0: only when no other can.
    var isLast: Bool
    var isTight: Bool
    var isMetered: Bool
    var cost: Int64

    init(_ endpoint: Endpoint, isTight: Bool, cost: Int64?) {
        isLast = endpoint.weight == 0
        self.isTight = isTight
        isMetered = !endpoint.isReserved
        self.cost = cost ?? .max
    }

    static func < (a: Rank, b: Rank) -> Bool {
        if a.isLast != b.isLast { return b.isLast }
        if a.isTight != b.isTight { return b.isTight }
        if a.isMetered != b.isMetered { return b.isMetered }
        return a.cost < b.cost
    }

    /// Whether `other`, which is no better, is as good.
    func isAbout(_ other: Rank) -> Bool {
        guard isLast == other.isLast, isTight == other.isTight, isMetered == other.isMetered else { return false }
        if cost == other.cost { return true }
        let (most, overflow) = cost.multipliedReportingOverflow(by: 100 + samePricePercent)
        return !overflow && other.cost <= most / 100
    }
}

/// Orders by priority and rank and draws an order among equals. `endpoints` is sorted by priority already.
private func rank(
    _ endpoints: inout [Int], tight: [Int], in catalogue: Catalogue, health: [Health], cost: (Int) -> Int64?,
    promptKey: () -> UInt64?, using random: inout some RandomNumberGenerator
) {
    var start = 0
    while start < endpoints.count {
        let priority = catalogue.endpoints[endpoints[start]].priority
        var end = start + 1
        while end < endpoints.count, catalogue.endpoints[endpoints[end]].priority == priority { end += 1 }
        if end - start > 1 {
            // An insertion sort: there are two or three, and those of equal rank keep their order.
            var ranks = endpoints[start..<end].map { endpoint in
                Rank(catalogue.endpoints[endpoint], isTight: tight.contains(endpoint), cost: cost(endpoint))
            }
            for next in 1..<ranks.count {
                var place = next
                while place > 0, ranks[place] < ranks[place - 1] {
                    ranks.swapAt(place, place - 1)
                    endpoints.swapAt(start + place, start + place - 1)
                    place -= 1
                }
            }
            var first = 0
            while first < ranks.count {
                var last = first + 1
                while last < ranks.count, ranks[first].isAbout(ranks[last]) { last += 1 }
                if last - first > 1, let key = promptKey() {
                    Affinity(key: key).order(&endpoints[start + first..<start + last], in: catalogue, health: health)
                } else {
                    for position in first..<last where last - position > 1 {
                        let group = endpoints[start + position..<start + last]
                        endpoints.swapAt(start + position, draw(group, in: catalogue, health: health, using: &random))
                    }
                }
                first = last
            }
        }
        start = end
    }
}

/// The shortest time of a typical answer that is known in a group.
func fastestMicroseconds(of group: ArraySlice<Int>, _ health: [Health]) -> Int64 {
    max(1, group.compactMap { health[$0].expectedMicroseconds }.min() ?? 1)
}

/// Index of one of `group`, by weight over the time of a typical answer. An endpoint without a sample counts as fast as the fastest, so that it gets one.
private func draw(
    _ group: ArraySlice<Int>, in catalogue: Catalogue, health: [Health], using random: inout some RandomNumberGenerator
) -> Int {
    let fastest = fastestMicroseconds(of: group, health)
    let shares = group.map { share(of: $0, in: catalogue, health: health, fastest: fastest) }
    let total = shares.reduce(0, +)
    guard total > 0 else { return group.startIndex }
    var rest = random.next(upperBound: total)
    for (index, part) in zip(group.indices, shares) {
        if rest < part { return index }
        rest -= part
    }
    return group.startIndex
}

/// An endpoint's weight in the draw, smaller the slower it is.
func share(of endpoint: Int, in catalogue: Catalogue, health: [Health], fastest: Int64) -> UInt64 {
    let weight = UInt64(max(0, catalogue.endpoints[endpoint].weight)) * 1024
    guard let latency = health[endpoint].expectedMicroseconds else { return weight }
    return weight * UInt64(fastest) / UInt64(max(latency, fastest))
}
