public import Core
public import Ledger

/// Reads the shapes of calls from a journal, entry by entry in its order. It keeps numbers, names and labels; there is no content in
/// the journal that it could keep.
public struct ShapeReader: Sendable {
    /// An attempt that begins so soon after another of its call ended is that call's next try, and no call of its own with the same id.
    static let retryWithinMilliseconds: Int64 = 100

    /// Calls that were refused and have no shape, as the journal counts them.
    public struct Refused: Sendable, Hashable {
        public var tenant: String
        public var model: String

        public init(tenant: String, model: String) { (self.tenant, self.model) = (tenant, model) }
    }

    private struct CallName: Hashable {
        var key: String
        var call: String
    }

    private struct Place {
        var shape: Int
        var attempt: Int
    }

    /// Calls that begin in it are read.
    public let span: Range<Timestamp>
    public private(set) var shapes: [Shape] = []
    /// Of refused calls, how many.
    public private(set) var refused: [Refused: Int64] = [:]
    /// Endpoints that nothing goes to, where the journal ends.
    public private(set) var suspended: Set<String> = []
    /// What each endpoint has shown of its speed, also before the span.
    public private(set) var speeds = Speeds()
    /// Attempts in the span whose keys the journal does not have.
    public private(set) var keyless = 0
    /// Attempts whose entries do not say how large their calls were.
    public private(set) var unsized = 0
    private var keys: [String: KeyRecord] = [:]
    private var places: [UInt64: Place] = [:]
    private var latest: [CallName: Int] = [:]
    /// Holds before the span, for what they say of speed.
    private var earlier: [UInt64: (route: Speeds.Place, at: Timestamp)] = [:]

    public init(_ span: Range<Timestamp>) { self.span = span }

    public mutating func take(_ entry: Entry, sequence: UInt64, at: Timestamp) {
        switch entry {
        case .key(let record): keys[record.id] = record
        case .limits(.key(let id), let limits): keys[id]?.limits = limits
        case .hold(let hold): take(hold, sequence, at)
        case .end(let end): take(end, at)
        case .overrun(let hold, _, let amount): change(hold) { $0.charged += amount }
        case .correction(let correction):
            change(correction.hold) {
                $0.charged += correction.amount
                $0.usage = $0.usage + correction.usage
            }
        case .refused(_, let counts) where span.contains(at): take(counts)
        case .suspended(let suspension): suspended.insert(suspension.endpoint)
        case .resumed(let endpoint, _, _): suspended.remove(endpoint)
        default: break
        }
    }

    private mutating func take(_ hold: HoldEntry, _ sequence: UInt64, _ at: Timestamp) {
        guard span.contains(at) else {
            if at < span.lowerBound {
                earlier[sequence] = (Speeds.Place(endpoint: hold.route.endpoint, model: hold.route.model), at)
            }
            return
        }
        guard let key = keys[hold.key] else {
            keyless += 1
            return
        }
        let attempt = Shape.Attempt(
            endpoint: hold.route.endpoint, standIn: hold.route.asked == nil ? nil : hold.route.model, at: at)
        let name = CallName(key: hold.key, call: hold.call)
        if let index = latest[name], isNextTry(of: shapes[index], hold, at) {
            shapes[index].attempts.append(attempt)
            places[sequence] = Place(shape: index, attempt: shapes[index].attempts.count - 1)
            return
        }
        if hold.size == nil { unsized += 1 }
        latest[name] = shapes.count
        places[sequence] = Place(shape: shapes.count, attempt: 0)
        let bytes = hold.size?.bytes ?? max(0, hold.inputBound - framingTokensPerCall - framingTokensPerMessage)
        let probable =
            hold.size?.probableTokens
            ?? bytes / probableBytesPerToken + 1 + (hold.operation.generates ? min(hold.outputBound, probableOutputTokens) : 0)
        shapes.append(
            Shape(
                call: hold.call, key: key, model: hold.route.asked ?? hold.route.model, operation: hold.operation,
                stream: hold.stream, tier: hold.tier,
                labels: hold.judged?.labels, bytes: bytes, probableTokens: probable, inputBound: hold.inputBound,
                outputBound: hold.outputBound, attempts: [attempt]))
    }

    /// A call tries each endpoint once, and the next when one gave no answer: at once, or beside it.
    private func isNextTry(of shape: Shape, _ hold: HoldEntry, _ at: Timestamp) -> Bool {
        guard shape.model == hold.route.asked ?? hold.route.model, shape.operation == hold.operation, shape.stream == hold.stream,
            hold.size.map({ $0.bytes == shape.bytes && $0.probableTokens == shape.probableTokens }) ?? true,
            !shape.attempts.contains(where: { $0.endpoint == hold.route.endpoint }),
            let last = shape.attempts.last, last.ending != .settled
        else { return false }
        return last.ended.map { at.milliseconds(since: $0) <= Self.retryWithinMilliseconds } ?? true
    }

    private mutating func take(_ end: EndEntry, _ at: Timestamp) {
        if let hold = earlier.removeValue(forKey: end.hold) {
            if end.how == .settled, !end.estimated {
                speeds.add(
                    Speeds.Sample(
                        outputTokens: end.usage.outputTokens, microseconds: (at.nanoseconds - hold.at.nanoseconds) / 1_000,
                        firstTokenMicroseconds: end.facts.firstTokenMicroseconds), at: hold.route)
            }
            return
        }
        change(end.hold) {
            $0.ended = at
            $0.ending = end.how == .settled ? .settled : .voided(end.why ?? "")
            $0.charged += end.settled
            $0.usage = end.usage
            $0.isEstimated = end.estimated
            $0.firstTokenMicroseconds = end.facts.firstTokenMicroseconds
        }
        guard let place = places[end.hold], end.how == .settled, !end.estimated, end.evidence == nil else { return }
        let attempt = shapes[place.shape].attempts[place.attempt]
        speeds.add(
            Speeds.Sample(
                outputTokens: end.usage.outputTokens, microseconds: attempt.microseconds ?? 0,
                firstTokenMicroseconds: end.facts.firstTokenMicroseconds),
            at: Speeds.Place(endpoint: attempt.endpoint, model: attempt.standIn ?? shapes[place.shape].model))
    }

    private mutating func change(_ hold: UInt64, _ body: (inout Shape.Attempt) -> Void) {
        guard let place = places[hold] else { return }
        body(&shapes[place.shape].attempts[place.attempt])
    }

    private mutating func take(_ counts: [Entry.Refusals]) {
        for count in counts {
            let tenant = count.key.flatMap { keys[$0]?.tenant } ?? ""
            refused[Refused(tenant: tenant, model: count.model ?? ""), default: 0] += count.count
        }
    }
}
