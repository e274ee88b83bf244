public import Core

/// Rates a period by another price book than it was charged by: what each attempt would have come to, and where that differs.
///
/// Feed it the journal's entries in order, twice: all of them to `prepare`, which keeps the corrections that come after an end, then
/// all from before the period on to `take`, so that it knows the holds of the ends that it meets.
public struct Rerate: Sendable {
    /// Attempts that differ are listed up to this many; all are counted.
    public static let listedMax = 1_000

    /// Why an attempt could not be rated.
    public enum Unknown: Sendable, Hashable, Comparable, CustomStringConvertible {
        /// The book has no such list, or nothing in it held on that day.
        case price(String)
        /// The list does not price something that the attempt used: a meter, its tier, or its length.
        case meter(String)

        public var description: String {
            switch self {
            case .price(""): "their holds name no price list, as those written before version 2"
            case .price(let list): "there is no price `\(list)` for that day"
            case .meter(let list): "the price `\(list)` lacks a meter, a tier or a length that they used"
            }
        }
    }

    /// One model at one endpoint.
    public struct Place: Sendable, Hashable, Comparable {
        public var model: String
        public var endpoint: String

        public init(model: String, endpoint: String) { (self.model, self.endpoint) = (model, endpoint) }

        public static func < (a: Place, b: Place) -> Bool { (a.model, a.endpoint) < (b.model, b.endpoint) }
    }

    public struct Line: Sendable, Hashable {
        public var attempts: Int64 = 0
        public var charged = MoneyTotal.zero
        public var would = MoneyTotal.zero
        public var difference: MoneyTotal { would - charged }

        public init(attempts: Int64 = 0, charged: MoneyTotal = .zero, would: MoneyTotal = .zero) {
            (self.attempts, self.charged, self.would) = (attempts, charged, would)
        }
    }

    /// An attempt whose charge would be another.
    public struct Difference: Sendable, Hashable {
        public var attempt: AttemptID
        public var place: Place
        public var list: String
        public var usage: Usage
        public var charged: Money
        public var would: Money
    }

    public private(set) var lines: [Place: Line] = [:]
    public private(set) var differences: [Difference] = []
    /// All that differ, listed or not.
    public private(set) var differing: Int64 = 0
    /// Attempts that the book cannot rate, by what it lacks; they are in no line.
    public private(set) var unknown: [Unknown: Line] = [:]
    /// Attempts that Weir estimated: their charge stays as it is, since nobody counted.
    public private(set) var estimated = Line()
    /// Charged by evidence, for sends whose holds were lost: their charge stays as it is, since their price list is not known.
    public private(set) var allowances = Line()
    /// Ends whose kept usage says something else than their meters: read anew, it is what counts.
    public private(set) var reread: Int64 = 0
    /// Ends in the period whose hold was not among the entries.
    public private(set) var orphans: Int64 = 0

    private struct Held {
        var place: Place
        var list: String
        var at: Timestamp
    }

    private let book: PriceBook
    private let period: Range<Timestamp>
    private let readRaw: (@Sendable ([UInt8]) -> Usage?)?
    private var held: [UInt64: Held] = [:]
    private var overruns: [UInt64: Money] = [:]
    private var corrections: [UInt64: (amount: Money, usage: Usage)] = [:]

    /// - Parameters:
    ///   - period: by the moment of the end.
    ///   - readRaw: reads a kept usage object; without it, the journalled meters count.
    public init(book: PriceBook, period: Range<Timestamp>, readRaw: (@Sendable ([UInt8]) -> Usage?)? = nil) {
        self.book = book
        self.period = period
        self.readRaw = readRaw
    }

    /// Keeps what evidence changed later, so that an attempt counts with all that is known of it.
    public mutating func prepare(_ entry: Entry) {
        guard case .correction(let correction) = entry else { return }
        let known = corrections[correction.hold] ?? (.zero, .zero)
        corrections[correction.hold] = (known.amount + correction.amount, known.usage + correction.usage)
    }

    /// Takes the next entry.
    public mutating func take(_ entry: Entry, sequence: UInt64, at: Timestamp) {
        switch entry {
        case .hold(let hold):
            held[sequence] = Held(
                place: Place(model: hold.route.upstreamModel, endpoint: hold.route.endpoint), list: hold.route.price, at: at)
        case .overrun(let hold, _, let amount): overruns[hold, default: .zero] += amount
        case .end(let end): take(end, at)
        case .allowanceCharged(let charge) where period.contains(at): allowances.add(charge.amount, charge.amount)
        default: break
        }
    }

    private mutating func take(_ end: EndEntry, _ at: Timestamp) {
        let hold = held.removeValue(forKey: end.hold)
        let beyond = overruns.removeValue(forKey: end.hold) ?? .zero
        guard period.contains(at), end.how == .settled else { return }
        guard let hold else {
            orphans += 1
            return
        }
        let corrected = corrections[end.hold]
        let charged = end.settled + beyond + (corrected?.amount ?? .zero)
        // Evidence that came later has counted what was estimated.
        if end.estimated, corrected == nil {
            estimated.add(charged, charged)
            return
        }
        let kept = end.rawUsage.flatMap { raw in readRaw.flatMap { $0(raw) } }
        if let kept, kept != end.usage { reread += 1 }
        let usage = (kept ?? end.usage) + (corrected?.usage ?? .zero)
        // The day of a price is that on which the attempt began, as when it was charged.
        let list = end.facts.servedBy.map { $0.price ?? "" } ?? hold.list
        guard let price = book.price(list, at: hold.at) else {
            unknown[.price(list), default: Line()].add(charged, .zero)
            return
        }
        guard let would = charge(usage, price, tier: end.tier, startedAt: hold.at) else {
            unknown[.meter(list), default: Line()].add(charged, .zero)
            return
        }
        lines[hold.place, default: Line()].add(charged, would)
        guard would != charged else { return }
        differing += 1
        if differences.count < Self.listedMax {
            differences.append(
                Difference(
                    attempt: end.attempt, place: hold.place, list: list, usage: usage, charged: charged, would: would))
        }
    }

    /// Over everything that could be rated.
    public var total: Line {
        lines.values.reduce(into: Line()) { total, line in
            total.attempts += line.attempts
            total.charged = total.charged + line.charged
            total.would = total.would + line.would
        }
    }
}

extension Rerate.Line {
    fileprivate mutating func add(_ charged: Money, _ would: Money) {
        attempts += 1
        self.charged += charged
        self.would += would
    }
}
