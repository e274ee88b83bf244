import Core

/// One line of an invoice, in Weir's words.
public struct InvoiceRow: Sendable, Hashable {
    public enum Kind: Sendable, Hashable {
        case usage
        /// Tax, a purchase, a credit: named, and not compared.
        case other(String)
        /// Use of a meter of which the mapping says nothing.
        case unmapped(String)
    }

    public var line: Int
    public var kind: Kind
    /// Names the request, on invoices that list each.
    public var id: String?
    /// Since 1970, in the provider's zone.
    public var day: Int
    public var model: String
    public var endpoint: String
    /// Which of the rule's signatures it counts.
    public var signature: Int
    /// One for each set of the signature.
    public var quantities: [Int64]
    /// nil where the file tells quantities alone.
    public var amount: Amount?
    /// Of all fields, to tell a line that was written twice.
    public var digest: UInt64

    public init(
        line: Int, kind: Kind = .usage, id: String? = nil, day: Int, model: String, endpoint: String = "", signature: Int,
        quantities: [Int64], amount: Amount?, digest: UInt64
    ) {
        self.line = line
        self.kind = kind
        self.id = id
        self.day = day
        self.model = model
        self.endpoint = endpoint
        self.signature = signature
        self.quantities = quantities
        self.amount = amount
        self.digest = digest
    }
}

/// Reads the rows of an invoice file: CSV, or the JSON pages of OpenAI's endpoints.
public func readInvoice(_ bytes: [UInt8], _ rule: InvoiceRule) throws(InvoiceError) -> [InvoiceRow] {
    try rule.check()
    let first = bytes.first { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }
    if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return try invoicePages(bytes, rule) }
    var csv = CSVReader(bytes, separator: rule.separator)
    guard let header = try csv.record() else { throw InvoiceError(line: 1, CSVError.Reason.empty.rawValue) }
    let reader = try RowReader(header.fields, rule)
    var rows: [InvoiceRow] = []
    while let row = try csv.record() {
        // An empty last line is no record.
        if row.fields == [""] { continue }
        guard row.fields.count == header.fields.count else {
            throw InvoiceError(line: row.line, CSVError.Reason.columns.rawValue)
        }
        rows.append(try reader.row(row))
    }
    return rows
}

extension CSVReader {
    fileprivate mutating func record() throws(InvoiceError) -> CSVRow? {
        do throws(CSVError) { return try next() } catch {
            throw InvoiceError(line: error.line, "column \(error.column): \(error.reason.rawValue)")
        }
    }
}

/// Turns records under one header into rows.
struct RowReader {
    private let rule: InvoiceRule
    private var places: [InvoiceRule.Column: Int] = [:]
    private var quantityPlaces: [[Int]] = []
    private let signatures: [MeterSet: Int]

    init(_ header: [String], _ rule: InvoiceRule) throws(InvoiceError) {
        self.rule = rule
        var columns: [String: Int] = [:]
        for (index, name) in header.enumerated() {
            let name = String(trimmed(name[...]))
            guard columns[name] == nil || name.isEmpty else { throw InvoiceError(line: 1, "two columns are named \(name)") }
            columns[name] = index
        }
        for (column, name) in rule.columns {
            guard let index = columns[name] else {
                // What an export leaves out where it has nothing to say.
                if column == .unit || column == .charge || column == .currency { continue }
                throw InvoiceError(line: 1, "there is no column \(name), which the mapping takes for \(column.rawValue)")
            }
            places[column] = index
        }
        for quantity in rule.quantities {
            var indices: [Int] = []
            for name in quantity.columns {
                guard let index = columns[name] else {
                    throw InvoiceError(line: 1, "there is no column \(name), which the mapping takes for \(quantity.meters)")
                }
                indices.append(index)
            }
            quantityPlaces.append(indices)
        }
        let pairs = rule.signatures.enumerated().map { ($0.element[0], $0.offset) }
        signatures = Dictionary(pairs) { first, _ in first }
    }

    func row(_ record: CSVRow) throws(InvoiceError) -> InvoiceRow {
        func text(_ column: InvoiceRule.Column) -> String? {
            guard let place = places[column] else { return nil }
            let text = record.fields[place]
            return text.isEmpty ? nil : text
        }
        func fail(_ reason: String) -> InvoiceError { InvoiceError(line: record.line, reason) }

        var amount: Amount?
        if places[.amount] != nil {
            guard let value = Amount(text(.amount) ?? "0") else { throw fail("the amount is no decimal number") }
            amount = value
        }
        if let currency = text(.currency), currency.uppercased() != rule.currency {
            throw fail("the row is in \(currency), the mapping says \(rule.currency): state currency and rate")
        }
        guard let day = rule.day(text: text(.time) ?? "") else { throw fail("the time is none that is known") }
        var row = InvoiceRow(
            line: record.line, id: text(.id), day: day, model: "", signature: 0, quantities: [], amount: amount,
            digest: digest(record.fields))
        if let endpoint = text(.endpoint) { row.endpoint = rule.endpoints[endpoint] ?? endpoint }
        if let charge = text(.charge), !rule.usageCharges.isEmpty, !rule.usageCharges.contains(charge) {
            row.kind = .other(charge)
            return row
        }
        if let model = text(.model) { row.model = rule.models[model] ?? model }
        if !quantityPlaces.isEmpty {
            for places in quantityPlaces {
                var tokens: Int64 = 0
                for (index, place) in places.enumerated() {
                    let part = try quantity(record.fields[place], rule.unit, record.line)
                    tokens += index == 0 ? part : -part
                }
                row.quantities.append(tokens)
            }
            return row
        }
        let name = text(.meter) ?? ""
        guard let meaning = rule.meaning(name), let signature = signatures[meaning.meters] else {
            row.kind = .unmapped(name)
            return row
        }
        if let model = meaning.model { row.model = rule.models[model] ?? model }
        var unit = rule.unit
        if let text = text(.unit) {
            guard let known = tokens(unit: text) else { throw fail("the unit \(text) is no number of tokens") }
            unit = known
        }
        row.signature = signature
        row.quantities = [try quantity(text(.quantity) ?? "0", unit, record.line)]
        return row
    }

    private func quantity(_ text: String, _ unit: Int64, _ line: Int) throws(InvoiceError) -> Int64 {
        if unit == 1, let plain = Int64(text), plain.magnitude < 1 << 53 { return plain }
        guard let amount = Amount(text.isEmpty ? "0" : text), amount.magnitude.units <= Amount.largest / 1_000_000_000,
            let tokens = Amount(units: amount.units * Int128(unit)).whole
        else { throw InvoiceError(line: line, "the quantity is no whole number of tokens") }
        return tokens
    }
}

extension InvoiceRule {
    /// A meter by its whole name, or as OpenAI writes line items: `gpt-4o-2024-11-20, cached input`.
    func meaning(_ name: String) -> MeterMeaning? {
        if let meaning = meters[name] { return meaning }
        let parts = name.split(separator: ", ", omittingEmptySubsequences: false)
        guard parts.count > 1, let last = parts.last, var meaning = meters[String(last)] else { return nil }
        if meaning.model == nil { meaning.model = parts.dropLast().joined(separator: ", ") }
        return meaning
    }

    /// The day in the provider's zone of a time as exports write it: seconds since 1970, `2026-11-23`, `11/23/2026`, `20261123`,
    /// or the first with a time of day and perhaps a zone; without one it is the provider's own.
    func day(text: String) -> Int? {
        let bytes = Array(text.utf8)
        if bytes.count >= 9, bytes.count <= 11, let seconds = Int64(text) { return day(Timestamp(seconds: seconds)) }
        if bytes.count == 8, Int(text) != nil {
            return CivilDate("\(text.prefix(4))-\(text.dropFirst(4).prefix(2))-\(text.suffix(2))")?.daysSince1970
        }
        if bytes.count == 10, bytes[2] == 0x2F, bytes[5] == 0x2F {
            return CivilDate("\(text.suffix(4))-\(text.prefix(2))-\(text.dropFirst(3).prefix(2))")?.daysSince1970
        }
        guard bytes.count >= 10, let date = CivilDate(text.prefix(10)) else { return nil }
        if bytes.count == 10 { return date.daysSince1970 }
        guard bytes[10] == UInt8(ascii: "T") || bytes[10] == 0x20, bytes.count >= 16 else { return nil }
        func number(_ start: Int) -> Int? {
            guard start + 1 < bytes.count, (0x30...0x39).contains(bytes[start]), (0x30...0x39).contains(bytes[start + 1]) else {
                return nil
            }
            return Int(bytes[start] - 0x30) * 10 + Int(bytes[start + 1] - 0x30)
        }
        guard let hour = number(11), let minute = number(14), hour < 24, minute < 60 else { return nil }
        var minutes = hour * 60 + minute
        var zone = bytes.dropFirst(16).drop { $0 == 0x3A || $0 == 0x2E || (0x30...0x39).contains($0) }
        if zone.isEmpty { return date.daysSince1970 }
        if zone.elementsEqual("Z".utf8) {
            zone = zone.dropFirst(1)
        } else {
            let sign = zone.first == 0x2D ? -1 : 1
            let start = zone.startIndex
            guard zone.count == 6 || zone.count == 5, zone.first == 0x2B || zone.first == 0x2D, let h = number(start + 1),
                let m = number(start + zone.count - 2)
            else { return nil }
            minutes -= sign * (h * 60 + m)
        }
        return day(Timestamp(seconds: date.start.seconds + Int64(minutes) * 60))
    }
}

/// `1K`, `1M`, `1000`, `1K Tokens`, `tokens` and `1000_tokens` as numbers of tokens.
func tokens(unit text: String) -> Int64? {
    var bytes = Array(text.utf8)[...]
    var count: Int64 = 0
    while let digit = bytes.first, (0x30...0x39).contains(digit), count <= 1_000_000_000 {
        count = count * 10 + Int64(digit - 0x30)
        bytes = bytes.dropFirst()
    }
    let rest = String(decoding: bytes, as: UTF8.self).lowercased()
    let words = rest.split { $0 == " " || $0 == "_" }
    var factor: Int64 = 1
    for (index, word) in words.enumerated() {
        switch word {
        case "k" where index == 0 && count > 0: factor = 1_000
        case "m" where index == 0 && count > 0: factor = 1_000_000
        case "tokens", "token": break
        default: return nil
        }
    }
    return max(1, count) * factor
}

/// FNV-1a with 64 bits over fields and their ends: it tells equal lines apart from others, and is no seal.
func digest(_ fields: [String]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for field in fields {
        for byte in field.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ 0x1F) &* 0x0000_0100_0000_01B3
    }
    return hash
}
