/// Something that was served, as the provider's billing counts it.
public struct BilledUse: Sendable {
    /// What names the request on an invoice that lists each.
    public var request: String
    /// Nanoseconds since 1970.
    public var at: Int64
    public var endpoint: String
    public var model: String
    /// By the provider's own names for its meters.
    public var quantities: [(meter: String, tokens: Int)]

    public init(request: String, at: Int64, endpoint: String, model: String, quantities: [(meter: String, tokens: Int)]) {
        self.request = request
        self.at = at
        self.endpoint = endpoint
        self.model = model
        self.quantities = quantities
    }
}

/// How a provider writes invoices.
public struct InvoiceStyle: Sendable {
    public enum Layout: String, Sendable, CaseIterable {
        /// A line for each request and meter.
        case requests
        /// A line for each request with all its meters.
        case wideRequests = "wide-requests"
        /// A line for each day, endpoint, model and meter.
        case daily
        /// A line for each day, endpoint and model with all its meters.
        case wideDaily = "wide-daily"
        /// Cost details as Azure exports them: by day, in thousands of tokens, the meter's name holding the model's.
        case azure
        /// Pages of OpenAI's costs endpoint: by day and line item.
        case openai
        /// FOCUS 1.2: by day, in millions of tokens.
        case focus

        var isByRequest: Bool { self == .requests || self == .wideRequests }
        var isWide: Bool { self == .wideRequests || self == .wideDaily }
    }

    public var layout: Layout
    public var currency: String
    /// What one dollar is in that currency.
    public var rate: String
    public var mode: InvoiceRoundingMode
    /// Of each line's amount.
    public var decimals: Int
    /// The provider's day begins so many minutes before that of UTC.
    public var zoneMinutes: Int
    public var separator: String
    /// Dollars for a million tokens, by model and meter; a model that is not listed costs as `*`.
    public var prices: [String: [String: String]]

    public init(
        layout: Layout, currency: String = "USD", rate: String = "1", mode: InvoiceRoundingMode = .halfEven, decimals: Int = 6,
        zoneMinutes: Int = 0, separator: String = ",", prices: [String: [String: String]]
    ) {
        self.layout = layout
        self.currency = currency
        self.rate = rate
        self.mode = mode
        self.decimals = decimals
        self.zoneMinutes = zoneMinutes
        self.separator = separator
        self.prices = prices
    }
}

/// What real invoices get wrong.
public enum InvoiceDefect: String, Sendable, CaseIterable {
    case missing
    case duplicated
    /// Stands on the next day.
    case late
    case wrongPrice = "wrong-price"
    case wrongQuantity = "wrong-quantity"
    /// A line of another customer.
    case foreign
    /// The line is there, taken back by a negative one and there again.
    case reversed
}

/// A line before it is written.
public struct InvoiceLine: Sendable {
    public var request: String
    /// Of the first use it counts, in the provider's zone.
    public var at: Int64
    /// Since 1970, in the provider's zone.
    public var day: Int
    public var endpoint: String
    public var model: String
    public var quantities: [(meter: String, tokens: Int)]
    /// A decimal number's text.
    public var amount: String
}

/// An invoice of what was served, with its defects.
public struct Invoice: Sendable {
    /// What was done to a line, and the line as it was before.
    public struct Injected: Sendable {
        public var defect: InvoiceDefect
        public var line: InvoiceLine
    }

    public var lines: [InvoiceLine]
    public var injected: [Injected] = []
    public let style: InvoiceStyle

    /// Adds up what was served, as the style says, and rounds each line.
    public init(_ uses: [BilledUse], _ style: InvoiceStyle) {
        self.style = style
        lines = []
        if style.layout.isByRequest {
            for use in uses {
                let parts = style.layout.isWide ? [use.quantities] : use.quantities.filter { $0.tokens != 0 }.map { [$0] }
                lines += parts.map { style.line(use, $0) }
            }
            return
        }
        var places: [String: Int] = [:]
        for use in uses {
            let day = style.day(use.at)
            let parts = style.layout.isWide ? [use.quantities] : use.quantities.filter { $0.tokens != 0 }.map { [$0] }
            for part in parts {
                let meter = style.layout.isWide ? "" : part[0].meter
                // OpenAI knows projects and keys, and no endpoints.
                let endpoint = style.layout == .openai ? "" : use.endpoint
                let key = "\(day)|\(endpoint)|\(use.model)|\(meter)"
                if let place = places[key] {
                    for index in part.indices { lines[place].quantities[index].tokens += part[index].tokens }
                } else {
                    places[key] = lines.count
                    var line = style.line(use, part)
                    line.request = ""
                    line.endpoint = endpoint
                    lines.append(line)
                }
            }
        }
        for index in lines.indices { lines[index].amount = style.amount(lines[index].model, lines[index].quantities) }
        lines.sort {
            ($0.day, $0.endpoint, $0.model, $0.quantities[0].meter) < ($1.day, $1.endpoint, $1.model, $1.quantities[0].meter)
        }
    }

    /// Does so many of each defect to lines drawn from the seed, each to a line of its own that `may` allows.
    public mutating func spoil(
        _ defects: [(defect: InvoiceDefect, count: Int)], seed: UInt64,
        may: (InvoiceDefect, InvoiceLine) -> Bool = { _, _ in true }
    ) {
        var random = Randomness(seed)
        var touched: Set<Int> = []
        var removed: Set<Int> = []
        var added: [InvoiceLine] = []
        for (defect, count) in defects {
            var done = 0
            // A file that has too few lines gets fewer defects.
            for _ in 0..<(count * 200) where done < count && !lines.isEmpty {
                let index = Int(random.next() % UInt64(lines.count))
                guard !touched.contains(index), may(defect, lines[index]) else { continue }
                let before = lines[index]
                var line = before
                switch defect {
                case .missing: removed.insert(index)
                case .duplicated: added.append(line)
                case .late:
                    line.day += 1
                    line.at += 86_400_000_000_000
                case .wrongPrice: line.amount = style.wrong(line.amount)
                case .wrongQuantity:
                    line.quantities[0].tokens += 1 + Int(random.next() % 1_000_000) + 10_000_000
                    line.amount = style.amount(line.model, line.quantities)
                case .foreign:
                    line.request = "foreign-" + identifier(16, &random)
                    line.model = "foreign-" + identifier(12, &random)
                    line.amount = style.amount(before.model, line.quantities)
                    added.append(line)
                    line = before
                case .reversed:
                    var back = line
                    for place in back.quantities.indices { back.quantities[place].tokens *= -1 }
                    back.amount = InvoiceDecimal(line.amount)?.negated.text ?? line.amount
                    added += [back, line]
                }
                lines[index] = line
                touched.insert(index)
                injected.append(Injected(defect: defect, line: defect == .foreign ? added[added.count - 1] : before))
                done += 1
            }
        }
        lines = lines.enumerated().filter { !removed.contains($0.offset) }.map(\.element) + added
    }

    /// The sum of the lines' amounts.
    public var total: String {
        lines.reduce(InvoiceDecimal.zero) { $0 + (InvoiceDecimal($1.amount) ?? .zero) }.text
    }
}

extension InvoiceStyle {
    func day(_ at: Int64) -> Int {
        let nanoseconds = at + Int64(zoneMinutes) * 60_000_000_000
        return Int(nanoseconds >= 0 ? nanoseconds / 86_400_000_000_000 : (nanoseconds - 86_399_999_999_999) / 86_400_000_000_000)
    }

    fileprivate func line(_ use: BilledUse, _ quantities: [(meter: String, tokens: Int)]) -> InvoiceLine {
        InvoiceLine(
            request: use.request, at: use.at, day: day(use.at), endpoint: use.endpoint, model: use.model, quantities: quantities,
            amount: layout.isByRequest ? amount(use.model, quantities) : "0")
    }

    /// Tokens times the price of a million times the rate, rounded once.
    func amount(_ model: String, _ quantities: [(meter: String, tokens: Int)]) -> String {
        var dollars = InvoiceDecimal.zero
        let list = prices[model] ?? prices["*"] ?? [:]
        for (meter, tokens) in quantities where tokens != 0 {
            guard let price = list[meter].flatMap({ InvoiceDecimal($0) }) else { continue }
            dollars = dollars + InvoiceDecimal(tokens) * price
        }
        let amount = rate == "1" ? dollars : dollars * (InvoiceDecimal(rate) ?? .zero)
        return amount.dividedByTen(6).rounded(decimals, mode).text
    }

    /// A tenth more, and at least ten of the last decimal more, so that it is no rounding.
    func wrong(_ amount: String) -> String {
        guard let exact = InvoiceDecimal(amount) else { return amount }
        let more = exact * InvoiceDecimal(11) + InvoiceDecimal(100).dividedByTen(decimals)
        return more.dividedByTen(1).rounded(decimals, .up).text
    }
}
