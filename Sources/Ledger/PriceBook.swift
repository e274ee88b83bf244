public import Core

/// What a model's tokens cost from one day on. Reasoning is billed as output.
public struct Price: Sendable, Hashable {
    public var from: CivilDate
    public var input: TokenPrice
    public var cachedInput: TokenPrice
    public var output: TokenPrice
    /// Who attests that a zero in this price means free; a zero that nobody attests counts as unknown.
    public var attested: String?

    public init(
        from: CivilDate, input: TokenPrice, cachedInput: TokenPrice, output: TokenPrice, attested: String? = nil
    ) {
        self.from = from
        self.input = input
        self.cachedInput = cachedInput
        self.output = output
        self.attested = attested
    }

    var isKnown: Bool {
        attested != nil || (input.picos > 0 && cachedInput.picos > 0 && output.picos > 0)
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
