public import Core

/// How one provider's invoice is read and compared: which column is what, what its meters mean, in which currency, day and
/// rounding it counts. It is data: a mapping file's lines, or one of the built-in mappings with lines that override it.
public struct InvoiceRule: Sendable, Hashable {
    /// What a provider's name for a meter means.
    public struct MeterMeaning: Sendable, Hashable {
        public var meters: MeterSet
        /// Where the meter's name tells the model as well.
        public var model: String?

        public init(_ meters: MeterSet, model: String? = nil) { (self.meters, self.model) = (meters, model) }
    }

    /// A quantity that is told in columns of its own: the first column less the others.
    public struct QuantityColumns: Sendable, Hashable {
        public var meters: MeterSet
        public var columns: [String]
    }

    /// Which moment of an attempt decides the day it is billed on.
    public enum Counts: String, Sendable, CaseIterable { case start, end }

    /// Columns by what they are for.
    public enum Column: String, Sendable, CaseIterable {
        case id, time, model, endpoint, meter, quantity, unit, amount, currency, charge
    }

    public var columns: [Column: String] = [:]
    /// Either these, or `columns[.meter]` with `meters`.
    public var quantities: [QuantityColumns] = []
    public var meters: [String: MeterMeaning] = [:]
    /// The provider's names to those in Weir's journal.
    public var models: [String: String] = [:]
    public var endpoints: [String: String] = [:]
    /// Values of the charge column that mean use; other rows (tax, purchases) are named and not compared.
    public var usageCharges: Set<String> = []
    /// Tokens in one unit of quantity; `unit` columns override it.
    public var unit: Int64 = 1
    public var currency = "USD"
    public var rate = ExchangeRate.one
    public var rounding = InvoiceRounding(mode: .halfEven, decimals: 9, scope: .line)
    /// The provider's day begins so many minutes before that of UTC.
    public var zoneMinutes = 0
    /// How many days later than it happened an attempt can be on the invoice without being in dispute.
    public var lateDays = 1
    public var counts = Counts.start
    public var separator = UInt8(ascii: ",")
    /// First and last day, in the provider's zone, both counted.
    public var from: CivilDate
    public var to: CivilDate
    /// Nothing more is to come: what is not on it is missing.
    public var isFinal = true
    /// The total that the invoice states, where it does.
    public var statedTotal: Amount?

    public init(from: CivilDate, to: CivilDate) { (self.from, self.to) = (from, to) }

    /// What a line can count, by signature.
    public var signatures: [[MeterSet]] {
        if !quantities.isEmpty { return [quantities.map(\.meters)] }
        return Set(meters.values.map(\.meters)).sorted { $0.bits < $1.bits }.map { [$0] }
    }

    func day(_ moment: Timestamp) -> Int {
        let seconds = moment.seconds + Int64(zoneMinutes) * 60
        return Int(seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400)
    }

    func day(_ attempt: ChargedAttempt) -> Int { day(counts == .start ? attempt.at : attempt.endAt) }
}

/// What is wrong with a mapping or a row of an invoice, and what to do.
public struct InvoiceError: Error, Sendable, Hashable, CustomStringConvertible {
    public var line: Int?
    public var reason: String

    public init(line: Int? = nil, _ reason: String) { (self.line, self.reason) = (line, reason) }

    public var description: String { (line.map { "line \($0): " } ?? "") + reason }
}

// MARK: The built-in mappings

extension InvoiceRule {
    public enum Format: String, Sendable, CaseIterable {
        /// Everything from the mapping file.
        case generic
        /// `/v1/organization/costs` grouped by line item, as JSON pages or as a table of the same names.
        case openai
        /// `/v1/organization/usage/completions` by model: quantities without money.
        case openaiUsage = "openai-usage"
        /// Cost details of Azure (EA or MCA), as exported.
        case azure
        /// FOCUS 1.2, as Azure and others export it.
        case focus
    }

    public init(_ format: Format, from: CivilDate, to: CivilDate) {
        self.init(from: from, to: to)
        switch format {
        case .generic: break
        case .openai:
            columns = [
                .time: "start_time", .meter: "line_item", .quantity: "quantity", .unit: "quantity_unit", .amount: "amount_value",
                .currency: "amount_currency",
            ]
            meters = [
                "input": MeterMeaning(MeterSet(.input, .imageInput)), "cached input": MeterMeaning(MeterSet(.cachedInput)),
                "output": MeterMeaning(MeterSet(.output, .reasoning)), "audio input": MeterMeaning(MeterSet(.audioInput)),
                "audio output": MeterMeaning(MeterSet(.audioOutput)),
            ]
        case .openaiUsage:
            columns = [.time: "start_time", .model: "model"]
            quantities = [
                QuantityColumns(
                    meters: MeterSet(.input, .audioInput, .imageInput),
                    columns: ["input_tokens", "input_cached_tokens", "input_cache_write_tokens"]),
                QuantityColumns(meters: MeterSet(.cachedInput), columns: ["input_cached_tokens"]),
                QuantityColumns(meters: MeterSet(.cacheWrite, .cacheWriteHour), columns: ["input_cache_write_tokens"]),
                QuantityColumns(
                    meters: MeterSet(.output, .reasoning, .audioOutput, .imageOutput), columns: ["output_tokens"]),
            ]
        case .azure:
            columns = [
                .time: "Date", .meter: "MeterName", .quantity: "Quantity", .unit: "UnitOfMeasure",
                .amount: "CostInBillingCurrency", .currency: "BillingCurrency", .charge: "ChargeType",
            ]
            usageCharges = ["Usage"]
        case .focus:
            columns = [
                .time: "ChargePeriodStart", .meter: "SkuMeter", .quantity: "ConsumedQuantity", .unit: "ConsumedUnit",
                .amount: "BilledCost", .currency: "BillingCurrency", .charge: "ChargeCategory",
            ]
            usageCharges = ["Usage"]
        }
    }
}

// MARK: Mapping files

extension InvoiceRule {
    /// Lines `key = value`; empty ones and those that begin with `#` say nothing. Keys are in `docs/reconciliation.md`.
    public mutating func read(mapping text: String) throws(InvoiceError) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = trimmed(line)
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let equals = separatorIndex(line) else {
                throw InvoiceError(line: index + 1, "a mapping's line is `key = value`")
            }
            let key = String(trimmed(line[..<equals]))
            let value = String(trimmed(line[line.index(after: equals)...]))
            guard !value.isEmpty else { throw InvoiceError(line: index + 1, "\(key) has no value") }
            try set(key, value, line: index + 1)
        }
    }

    /// Names of meters may hold an equals sign: the one with spaces around it separates, else the first.
    private func separatorIndex(_ line: Substring) -> Substring.Index? {
        var place = line.startIndex
        while let found = line[place...].firstIndex(of: "=") {
            let next = line.index(after: found)
            if found > line.startIndex, next < line.endIndex, line[line.index(before: found)] == " ", line[next] == " " {
                return found
            }
            place = next
        }
        return line.firstIndex(of: "=")
    }

    private mutating func set(_ key: String, _ value: String, line: Int) throws(InvoiceError) {
        func fail(_ what: String) -> InvoiceError { InvoiceError(line: line, "\(key): \(what)") }
        let parts = key.split(separator: ".", maxSplits: 1).map(String.init)
        if parts.count == 2 {
            switch parts[0] {
            case "meter":
                let words = value.split(separator: "|", omittingEmptySubsequences: false).map { String(trimmed($0)) }
                guard words.count <= 2, let set = MeterSet(words[0]) else {
                    throw fail("a meter means meters of Weir joined by +, and may add | and a model")
                }
                meters[parts[1]] = MeterMeaning(set, model: words.count == 2 ? words[1] : nil)
            case "quantity":
                guard let set = MeterSet(parts[1]) else { throw fail("after quantity. stand meters of Weir joined by +") }
                quantities.removeAll { $0.meters == set }
                let columns = value.split(separator: "-").map { String(trimmed($0)) }
                quantities.append(QuantityColumns(meters: set, columns: columns))
            case "model": models[parts[1]] = value
            case "endpoint": endpoints[parts[1]] = value
            default: throw fail("there is no such key")
            }
            return
        }
        switch key {
        case "currency": currency = value
        case "rate":
            // `7.1225 2026-11-01`: how much of the currency a dollar is, and since when.
            let words = value.split(separator: " ")
            guard words.count == 2, let day = CivilDate(words[1]), let rate = ExchangeRate(words[0], day: day) else {
                throw fail("a rate is what one dollar is in the invoice's currency, and the day it holds from")
            }
            self.rate = rate
        case "rounding":
            let words = value.split(separator: " ")
            guard words.count == 3, let mode = InvoiceRounding.Mode(rawValue: String(words[0])),
                let decimals = Int(words[1]), (0...Amount.decimals).contains(decimals),
                let scope = InvoiceRounding.Scope(rawValue: String(words[2]))
            else { throw fail("a rounding is half-up, half-even, up or down, its decimals, and line, day or invoice") }
            rounding = InvoiceRounding(mode: mode, decimals: decimals, scope: scope)
        case "zone":
            guard let minutes = zone(value) else { throw fail("a zone is written as UTC or +08:00") }
            zoneMinutes = minutes
        case "lateDays":
            guard let days = Int(value), (0...31).contains(days) else { throw fail("0 to 31 days") }
            lateDays = days
        case "counts":
            guard let counts = Counts(rawValue: value) else { throw fail("start or end") }
            self.counts = counts
        case "unitTokens":
            guard let unit = Int64(value), (1...1_000_000_000).contains(unit) else { throw fail("1 to 10^9 tokens") }
            self.unit = unit
        case "usage": usageCharges = Set(value.split(separator: ",").map { String(trimmed($0)) })
        case "separator":
            guard value == ";" || value == "," || value == "tab" else { throw fail("one of , ; tab") }
            separator = value == "tab" ? 9 : value.utf8.first ?? separator
        case "final":
            guard value == "yes" || value == "no" else { throw fail("yes or no") }
            isFinal = value == "yes"
        case "total":
            guard let total = Amount(value) else { throw fail("a decimal number") }
            statedTotal = total
        default:
            guard let column = Column(rawValue: key) else { throw fail("there is no such key") }
            columns[column] = value
        }
    }

    /// What cannot be compared for want of a line in the mapping.
    public func check() throws(InvoiceError) {
        guard columns[.time] != nil else { throw InvoiceError("the mapping names no column for time") }
        guard !quantities.isEmpty || (columns[.meter] != nil && columns[.quantity] != nil) else {
            throw InvoiceError("the mapping names neither meter and quantity columns nor quantity.METERS columns")
        }
        guard !signatures.isEmpty else { throw InvoiceError("the mapping says of no meter what it means (meter.NAME = input)") }
        // Meters that overlap would be compared twice.
        let sets = Set(signatures.flatMap { $0 })
        guard sets.reduce(0, { $0 + $1.bits.nonzeroBitCount }) == sets.reduce(UInt16(0), { $0 | $1.bits }).nonzeroBitCount else {
            throw InvoiceError("two meters of the mapping overlap: each of Weir's meters belongs to one of them")
        }
        if currency != "USD", rate.day == nil {
            throw InvoiceError("an invoice in \(currency) needs a dated rate, such as rate = 7.1225 2026-11-01")
        }
        guard from <= to else { throw InvoiceError("the first day is after the last") }
    }
}

private func zone(_ text: String) -> Int? {
    if text == "UTC" || text == "Z" { return 0 }
    let bytes = Array(text.utf8)
    guard bytes.count == 6, bytes[0] == 0x2B || bytes[0] == 0x2D, bytes[3] == 0x3A,
        let hours = Int(text.dropFirst().prefix(2)), let minutes = Int(text.suffix(2)), hours <= 14, minutes < 60
    else { return nil }
    return (bytes[0] == 0x2D ? -1 : 1) * (hours * 60 + minutes)
}

func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let last = text.last, last == " " || last == "\t" || last == "\r" { text.removeLast() }
    return text.drop { $0 == " " || $0 == "\t" }
}
