public import Core

/// What a token costs by meter, in pico-dollars; a meter without a price is unknown, which is never zero.
public struct Rates: Sendable, Hashable {
    // Plain fields instead of an array, so that a call copies no reference.
    private var input: Int64 = unknown
    private var cachedInput: Int64 = unknown
    private var cacheWrite: Int64 = unknown
    private var cacheWriteHour: Int64 = unknown
    private var audioInput: Int64 = unknown
    private var imageInput: Int64 = unknown
    private var output: Int64 = unknown
    private var reasoning: Int64 = unknown
    private var audioOutput: Int64 = unknown
    private var imageOutput: Int64 = unknown

    private static let unknown: Int64 = -1

    public init() {}

    public init(input: TokenPrice, output: TokenPrice, cachedInput: TokenPrice? = nil) {
        self[.input] = input
        self[.output] = output
        self[.cachedInput] = cachedInput
    }

    /// The price that was stated for a meter.
    public subscript(meter: Meter) -> TokenPrice? {
        get {
            let picos = self.picos(meter)
            return picos < 0 ? nil : TokenPrice(picos: picos)
        }
        set {
            let picos = newValue?.picos ?? Self.unknown
            switch meter {
            case .input: input = picos
            case .cachedInput: cachedInput = picos
            case .cacheWrite: cacheWrite = picos
            case .cacheWriteHour: cacheWriteHour = picos
            case .audioInput: audioInput = picos
            case .imageInput: imageInput = picos
            case .output: output = picos
            case .reasoning: reasoning = picos
            case .audioOutput: audioOutput = picos
            case .imageOutput: imageOutput = picos
            }
        }
    }

    private func picos(_ meter: Meter) -> Int64 {
        switch meter {
        case .input: input
        case .cachedInput: cachedInput
        case .cacheWrite: cacheWrite
        case .cacheWriteHour: cacheWriteHour
        case .audioInput: audioInput
        case .imageInput: imageInput
        case .output: output
        case .reasoning: reasoning
        case .audioOutput: audioOutput
        case .imageOutput: imageOutput
        }
    }

    /// The price that a meter is charged at: its own, or that of the meter which providers bill it as.
    /// Audio, images made and cache writes are never billed as text, so without a price of their own they stay unknown.
    public func charged(_ meter: Meter) -> TokenPrice? {
        switch meter {
        case .cachedInput: self[.cachedInput] ?? self[.input]
        case .imageInput: self[.imageInput] ?? self[.input]
        case .reasoning: self[.reasoning] ?? self[.output]
        default: self[meter]
        }
    }

    /// The higher of two prices, meter by meter; a meter that is unknown in one counts as in the other.
    public func dearer(_ other: Rates) -> Rates {
        var rates = self
        for meter in Meter.all {
            guard let price = other[meter] else { continue }
            if price.picos > rates[meter]?.picos ?? -1 { rates[meter] = price }
        }
        return rates
    }
}

/// What a model's tokens cost from one day (UTC) on.
public struct Price: Sendable, Hashable {
    /// Rates for requests of more than so many input tokens, for the whole request.
    public struct Bracket: Sendable, Hashable {
        public var aboveInputTokens: Int64
        public var tiers: [ServiceTier: Rates]

        public init(aboveInputTokens: Int64 = 0, tiers: [ServiceTier: Rates]) {
            self.aboveInputTokens = aboveInputTokens
            self.tiers = tiers
        }
    }

    /// Other rates at certain times of the week, for requests that begin then.
    public struct OffPeak: Sendable, Hashable {
        /// Minutes of the day (UTC), `from ..< to`, on some weekdays (1 is Monday).
        public struct Window: Sendable, Hashable {
            public var weekdays: Set<Int>
            public var fromMinute: Int
            public var toMinute: Int

            public init(weekdays: Set<Int>, fromMinute: Int, toMinute: Int) {
                self.weekdays = weekdays
                self.fromMinute = fromMinute
                self.toMinute = toMinute
            }
        }

        public var windows: [Window]
        /// Instead of the standard tier of the first bracket.
        public var rates: Rates

        public init(windows: [Window], rates: Rates) {
            self.windows = windows
            self.rates = rates
        }

        public func holds(at moment: Timestamp) -> Bool {
            let days = moment.date.daysSince1970
            // 1970-01-01 was a Thursday.
            let weekday = (days + 3) % 7 + 1
            let minute = Int(moment.seconds - Int64(days) * 86_400) / 60
            return windows.contains { $0.weekdays.contains(weekday) && ($0.fromMinute..<$0.toMinute).contains(minute) }
        }
    }

    public var from: CivilDate
    /// By rising length; the first begins at 0.
    public var brackets: [Bracket]
    public var offPeak: OffPeak?
    /// The model only reads (embeddings), so that nobody has to know what its output costs.
    public var makesNoOutput: Bool
    /// Who attests that a zero in this price means free; a zero that nobody attests counts as unknown.
    public var attested: String?

    public init(
        from: CivilDate, brackets: [Bracket], offPeak: OffPeak? = nil, makesNoOutput: Bool = false, attested: String? = nil
    ) {
        self.from = from
        self.brackets = brackets
        self.offPeak = offPeak
        self.makesNoOutput = makesNoOutput
        self.attested = attested
    }

    /// A price without brackets or tiers.
    public init(
        from: CivilDate, input: TokenPrice, cachedInput: TokenPrice, output: TokenPrice, attested: String? = nil
    ) {
        self.init(
            from: from, brackets: [Bracket(tiers: [.standard: Rates(input: input, output: output, cachedInput: cachedInput)])],
            attested: attested)
    }

    /// The rates of a request whose input was so long; nil when none are known for its tier.
    public func rates(inputTokens: Int64, tier: ServiceTier, startedAt moment: Timestamp) -> Rates? {
        guard let index = brackets.lastIndex(where: { $0.aboveInputTokens == 0 || inputTokens > $0.aboveInputTokens }) else {
            return nil
        }
        if index == 0, tier == .standard, let offPeak, offPeak.holds(at: moment) { return known(offPeak.rates) }
        return brackets[index].tiers[tier].map(known)
    }

    /// The dearest that each meter can be for a request of at most so many input tokens, whenever it begins. What asks for another
    /// tier may be served as standard all the same, so both count.
    public func dearest(inputTokensAtMost bound: Int64, tier: ServiceTier) -> Rates? {
        var dearest: Rates?
        for bracket in brackets where bracket.aboveInputTokens == 0 || bracket.aboveInputTokens < bound {
            for served in tier == .standard ? [tier] : [tier, .standard] {
                // A length whose price nobody knows cannot be bounded.
                guard let rates = bracket.tiers[served].map(known) else { return nil }
                dearest = dearest?.dearer(rates) ?? rates
            }
        }
        if let offPeak { dearest = dearest?.dearer(known(offPeak.rates)) }
        return dearest
    }

    /// Without the zeros that nobody attests.
    private func known(_ rates: Rates) -> Rates {
        guard attested == nil else { return rates }
        var rates = rates
        for meter in Meter.all where rates[meter]?.picos == 0 { rates[meter] = nil }
        return rates
    }

    var isKnown: Bool {
        guard let standard = rates(inputTokens: 0, tier: .standard, startedAt: from.start) else { return false }
        return standard[.input] != nil && (makesNoOutput || standard[.output] != nil)
    }
}

/// Every price list by name, each a history of prices with the day from which they hold.
public struct PriceBook: Sendable, Hashable {
    private var lists: [String: [Price]]

    /// Two prices of one list that begin on the same day are a mistake of the caller; the later in the list wins.
    public init(_ lists: [String: [Price]] = [:]) {
        self.lists = lists.mapValues { prices in
            prices.enumerated().sorted { ($0.element.from, $0.offset) < ($1.element.from, $1.offset) }.map(\.element)
        }
    }

    public var names: [String] { lists.keys.sorted() }
    public func history(_ name: String) -> [Price] { lists[name] ?? [] }

    /// The price that holds at a moment (UTC day). `nil` is a refusal, never zero: no list, nothing effective yet, or an unattested zero.
    public func price(_ name: String, at moment: Timestamp) -> Price? {
        guard let list = lists[name] else { return nil }
        let today = moment.date
        guard let price = list.last(where: { $0.from <= today }), price.isKnown else { return nil }
        return price
    }
}
