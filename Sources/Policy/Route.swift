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

/// The reason for or against one endpoint, as `weir explain` shows it.
public enum Standing: Sendable, Hashable {
    case candidate
    case denied(Denial)
    case operationNotServed
    case unavailable(Health.Availability)
}

/// Judges first, then filters by operation, health and quota, then ranks: by priority; among equals those with ample quota
/// come first, in the order of a weighted draw, where a slower endpoint's weight shrinks with its latency. Pure: the draw
/// comes in as a generator. Of `health`, only the cells of the endpoints that serve the model are read.
public func route(
    _ call: CallFacts, in catalogue: Catalogue, health: [Health], serves: (Int, Operation) -> Bool, at now: Timestamp,
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
        case .down, .suspended: break
        }
    }
    if !anyPermitted {
        return .refused(.denied(serving.compactMap { catalogue.denial(of: call, at: $0) }))
    }
    if !anyServes { return .refused(.operationNotServed) }
    if ready.isEmpty { return .refused(.unavailable(until: back)) }
    if ready.count > 1 { rank(&ready, tight: tight, in: catalogue, health: health, using: &random) }
    return .attempt(ready)
}

/// Each endpoint that serves the model with its standing, in the order in which `route` would consider them.
public func explain(
    _ call: CallFacts, in catalogue: Catalogue, health: [Health], serves: (Int, Operation) -> Bool, at now: Timestamp
) -> [(endpoint: Int, standing: Standing)] {
    (catalogue.endpoints(serving: call.model) ?? []).map { endpoint in
        if let denial = catalogue.denial(of: call, at: endpoint) { return (endpoint, .denied(denial)) }
        guard serves(endpoint, call.operation) else { return (endpoint, .operationNotServed) }
        switch health[endpoint].availability(at: now) {
        case .ready, .trial: return (endpoint, .candidate)
        case let other: return (endpoint, .unavailable(other))
        }
    }.sorted { a, b in
        place(a.standing, catalogue.endpoints[a.endpoint]) < place(b.standing, catalogue.endpoints[b.endpoint])
    }
}

/// Candidates first, by priority; within a priority those of weight 0 last, as `route` draws them.
private func place(_ standing: Standing, _ endpoint: Endpoint) -> (Int, Int, Int, String) {
    (standing == .candidate ? 0 : 1, endpoint.priority, endpoint.weight > 0 ? 0 : 1, endpoint.name)
}

/// Orders by priority and draws an order among equals.
private func rank(
    _ endpoints: inout [Int], tight: [Int], in catalogue: Catalogue, health: [Health],
    using random: inout some RandomNumberGenerator
) {
    // `endpoints` is sorted by priority already; draw within each run of equals.
    var start = 0
    while start < endpoints.count {
        let priority = catalogue.endpoints[endpoints[start]].priority
        var end = start + 1
        while end < endpoints.count, catalogue.endpoints[endpoints[end]].priority == priority { end += 1 }
        var ample = end
        if !tight.isEmpty {
            let group = endpoints[start..<end]
            let ordered = group.filter { !tight.contains($0) } + group.filter { tight.contains($0) }
            ample = start + group.count { !tight.contains($0) }
            endpoints.replaceSubrange(start..<end, with: ordered)
        }
        for position in start..<end {
            let last = position < ample ? ample : end
            guard last - position > 1 else { continue }
            endpoints.swapAt(position, draw(endpoints[position..<last], in: catalogue, health: health, using: &random))
        }
        start = end
    }
}

/// Index of one of `group`, by weight over latency. An endpoint without a sample counts as fast as the fastest, so that it gets one.
private func draw(
    _ group: ArraySlice<Int>, in catalogue: Catalogue, health: [Health], using random: inout some RandomNumberGenerator
) -> Int {
    let fastest = max(1, group.compactMap { health[$0].latencyMicroseconds }.min() ?? 1)
    func share(_ endpoint: Int) -> UInt64 {
        let weight = UInt64(max(0, catalogue.endpoints[endpoint].weight)) * 1024
        guard let latency = health[endpoint].latencyMicroseconds else { return weight }
        return weight * UInt64(fastest) / UInt64(max(latency, fastest))
    }
    let total = group.reduce(0) { $0 + share($1) }
    guard total > 0 else { return group.startIndex }
    var rest = random.next(upperBound: total)
    for index in group.indices {
        let part = share(group[index])
        if rest < part { return index }
        rest -= part
    }
    return group.startIndex
}
