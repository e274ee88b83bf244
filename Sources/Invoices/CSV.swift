/// One record of a CSV file and the line on which it begins.
public struct CSVRow: Sendable, Hashable {
    public var line: Int
    public var fields: [String]

    public init(line: Int, fields: [String]) { (self.line, self.fields) = (line, fields) }
}

/// Why a file is no CSV, and where. It quotes nothing of the file.
public struct CSVError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Reason: String, Sendable {
        case quoteInsideField = "a quote stands in a field that does not begin with one"
        case textAfterQuote = "text follows the quote that ends a field"
        case openQuote = "the file ends inside a quoted field"
        case bareCarriageReturn = "a carriage return stands without a line feed"
        case notText = "the file is not UTF-8 text"
        case fieldTooLong = "a field is longer than 65,536 bytes"
        case rowTooLong = "a record is longer than 1 MiB"
        case tooManyColumns = "a record has more than 512 fields"
        case tooManyRows = "the file has more than 20 million records"
        case columns = "the record has another number of fields than the header"
        case empty = "the file is empty"
    }

    public var reason: Reason
    /// Counted from 1; the column in bytes.
    public var line: Int
    public var column: Int

    public var description: String { "line \(line), column \(column): \(reason.rawValue)" }
}

/// Reads CSV strictly as RFC 4180 says, record by record. A byte order mark and lines that end with a line feed alone are
/// taken, since exports have them; everything else that is not in the RFC is an error with its place.
public struct CSVReader: Sendable {
    public static let fieldBytesMax = 65_536
    public static let rowBytesMax = 1_048_576
    public static let columnsMax = 512
    public static let rowsMax = 20_000_000

    private let bytes: [UInt8]
    private let separator: UInt8
    private var at = 0
    private var line = 1
    private var lineStart = 0
    private var rows = 0

    public init(_ bytes: [UInt8], separator: UInt8 = UInt8(ascii: ",")) {
        self.bytes = bytes
        self.separator = separator
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            at = 3
            lineStart = 3
        }
    }

    /// The next record; `nil` at the end. An empty line is a record of one empty field.
    public mutating func next() throws(CSVError) -> CSVRow? {
        guard at < bytes.count else { return nil }
        rows += 1
        guard rows <= CSVReader.rowsMax else { throw error(.tooManyRows) }
        let start = at
        var row = CSVRow(line: line, fields: [])
        while true {
            row.fields.append(try field())
            guard at - start <= CSVReader.rowBytesMax else { throw error(.rowTooLong) }
            guard row.fields.count <= CSVReader.columnsMax else { throw error(.tooManyColumns) }
            guard at < bytes.count else { return row }
            if bytes[at] == separator {
                at += 1
                continue
            }
            if bytes[at] == UInt8(ascii: "\r") {
                guard at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "\n") else { throw error(.bareCarriageReturn) }
                at += 1
            }
            at += 1
            line += 1
            lineStart = at
            return row
        }
    }

    /// Leaves `at` on the separator, the line's end or the file's.
    private mutating func field() throws(CSVError) -> String {
        if at < bytes.count, bytes[at] == UInt8(ascii: "\"") { return try quotedField() }
        let start = at
        let (end, quote) = plainEnd()
        at = end
        if quote { throw error(.quoteInsideField) }
        guard at - start <= CSVReader.fieldBytesMax else { throw error(.fieldTooLong) }
        return try text(start..<at)
    }

    private func plainEnd() -> (Int, quote: Bool) {
        bytes.withUnsafeBufferPointer { bytes in
            var position = at
            while position < bytes.count {
                let byte = bytes[position]
                if byte == separator || byte == 0x0A || byte == 0x0D { return (position, false) }
                if byte == 0x22 { return (position, true) }
                position += 1
            }
            return (position, false)
        }
    }

    private mutating func quotedField() throws(CSVError) -> String {
        let (startLine, startColumn) = (line, at - lineStart + 1)
        at += 1
        var content: [UInt8] = []
        while true {
            guard at < bytes.count else { throw CSVError(reason: .openQuote, line: startLine, column: startColumn) }
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") {
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { break }
                at += 1
            } else if byte == UInt8(ascii: "\n") {
                line += 1
                lineStart = at
            }
            content.append(byte)
            guard content.count <= CSVReader.fieldBytesMax else { throw error(.fieldTooLong) }
        }
        if at < bytes.count, bytes[at] != separator, bytes[at] != 0x0A, bytes[at] != 0x0D { throw error(.textAfterQuote) }
        guard !content.contains(0), let text = String(validating: content, as: UTF8.self) else { throw error(.notText) }
        return text
    }

    private func text(_ range: Range<Int>) throws(CSVError) -> String {
        let slice = bytes[range]
        guard !slice.contains(0), let text = String(validating: slice, as: UTF8.self) else { throw error(.notText) }
        return text
    }

    private func error(_ reason: CSVError.Reason) -> CSVError {
        CSVError(reason: reason, line: line, column: at - lineStart + 1)
    }
}

/// A record as RFC 4180 writes it, with its line's end.
public func csvLine(_ fields: [String]) -> String {
    fields.map { field in
        guard field.utf8.contains(where: { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }) else { return field }
        return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }.joined(separator: ",") + "\r\n"
}
