/// Reads the pages that OpenAI's costs and usage endpoints answer with (one, or an array of them): each result of each bucket
/// becomes a record whose columns are the members' names, nested ones joined by `_`. Numbers keep their digits.
func invoicePages(_ bytes: [UInt8], _ rule: InvoiceRule) throws(InvoiceError) -> [InvoiceRow] {
    var parser = PageParser(bytes)
    let document = try parser.document()
    let pages: [PageValue] = if case .array(let items) = document { items } else { [document] }
    var records: [(line: Int, members: [String: String])] = []
    for page in pages {
        guard case .array(let buckets)? = page["data"] else { throw InvoiceError("a page has no data") }
        for bucket in buckets {
            guard case .text(let start)? = bucket["start_time"], case .array(let results)? = bucket["results"] else {
                throw InvoiceError("a bucket has no start_time or no results")
            }
            for result in results {
                guard case .object(let line, _) = result else { throw InvoiceError("a result is no object") }
                var members = ["start_time": start]
                result.flatten("", into: &members)
                records.append((line, members))
            }
        }
    }
    // A member that is null everywhere is still a column.
    var names = Set(rule.columns.values)
    for quantity in rule.quantities { names.formUnion(quantity.columns) }
    let header = names.sorted()
    let reader = try RowReader(header, rule)
    var rows: [InvoiceRow] = []
    for (line, members) in records {
        var fields = header.map { members[$0] ?? "" }
        // Members that no column names still tell two results apart.
        fields += members.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        rows.append(try reader.row(CSVRow(line: line, fields: fields)))
    }
    return rows
}

/// A value of a page; numbers and texts alike are text.
private enum PageValue {
    case null
    case text(String)
    case array([PageValue])
    case object(line: Int, [(key: String, value: PageValue)])

    subscript(key: String) -> PageValue? {
        guard case .object(_, let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    func flatten(_ prefix: String, into result: inout [String: String]) {
        switch self {
        case .text(let text): result[prefix] = text
        case .object(_, let members):
            for (key, value) in members { value.flatten(prefix.isEmpty ? key : prefix + "_" + key, into: &result) }
        case .null, .array: break
        }
    }
}

/// A small strict JSON parser that keeps numbers as they are written.
private struct PageParser {
    /// Deeper nesting is refused.
    static let depthMax = 16

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(InvoiceError) -> PageValue {
        let value = try value(depth: 0)
        space()
        guard at == bytes.count else { throw error() }
        return value
    }

    private func error() -> InvoiceError { InvoiceError(line: line, "the file is no JSON that an invoice can be") }

    private mutating func space() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 {
            if bytes[at] == 0x0A { line += 1 }
            at += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        space()
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    private mutating func value(depth: Int) throws(InvoiceError) -> PageValue {
        guard depth <= PageParser.depthMax else { throw error() }
        space()
        let startLine = line
        if take(UInt8(ascii: "{")) {
            var members: [(key: String, value: PageValue)] = []
            if take(UInt8(ascii: "}")) { return .object(line: startLine, []) }
            repeat {
                space()
                let key = try string()
                guard take(UInt8(ascii: ":")) else { throw error() }
                guard !members.contains(where: { $0.key == key }) else { throw error() }
                members.append((key, try value(depth: depth + 1)))
            } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "}")) else { throw error() }
            return .object(line: startLine, members)
        }
        if take(UInt8(ascii: "[")) {
            var items: [PageValue] = []
            if take(UInt8(ascii: "]")) { return .array([]) }
            repeat { items.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
            guard take(UInt8(ascii: "]")) else { throw error() }
            return .array(items)
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") { return .text(try string()) }
        let start = at
        while at < bytes.count, (0x2B...0x39).contains(bytes[at]) && bytes[at] != 0x2C || isLetter(bytes[at]) { at += 1 }
        let word = String(decoding: bytes[start..<at], as: UTF8.self)
        switch word {
        case "null": return .null
        case "true", "false": return .text(word)
        default:
            guard Amount(word) != nil else { throw error() }
            return .text(word)
        }
    }

    private func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    private mutating func string() throws(InvoiceError) -> String {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw error() }
        at += 1
        var text: [UInt8] = []
        while true {
            guard at < bytes.count, bytes[at] >= 0x20 else { throw error() }
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { break }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard at < bytes.count else { throw error() }
            let escape = bytes[at]
            at += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "u"):
                guard at + 4 <= bytes.count,
                    let code = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16),
                    let scalar = Unicode.Scalar(code), code != 0
                else { throw error() }
                at += 4
                text.append(contentsOf: Array(String(Character(scalar)).utf8))
            default: throw error()
            }
        }
        guard let result = String(validating: text, as: UTF8.self) else { throw error() }
        return result
    }
}
