import Testing

@testable import Invoices

@Suite("CSV")
struct CSVTests {
    private func records(_ text: String, separator: UInt8 = UInt8(ascii: ",")) throws -> [CSVRow] {
        var reader = CSVReader(Array(text.utf8), separator: separator)
        var rows: [CSVRow] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    @Test("Quotes, doubled quotes, separators and line ends inside quotes are text; lines are counted through them")
    func quotes() throws {
        let rows = try records("\u{FEFF}a,\"b,\"\"c\"\"\r\nd\",\r\n\"\",x,y\n1,2,3")
        #expect(rows.map(\.fields) == [["a", "b,\"c\"\r\nd", ""], ["", "x", "y"], ["1", "2", "3"]])
        #expect(rows.map(\.line) == [1, 3, 4])
        #expect(try records("a;b\r\n", separator: UInt8(ascii: ";")).map(\.fields) == [["a", "b"]])
        #expect(try records("").isEmpty)
    }

    @Test(
        "What RFC 4180 does not allow is an error with its line and column",
        arguments: [
            ("a,b\"c", CSVError.Reason.quoteInsideField, 1, 4), ("a\n\"b\"c", .textAfterQuote, 2, 4),
            ("a\nb,\"c\nd", .openQuote, 2, 3), ("a\rb", .bareCarriageReturn, 1, 2), ("a\0b", .notText, 1, 4),
        ])
    func errors(text: String, reason: CSVError.Reason, line: Int, column: Int) {
        #expect(throws: CSVError(reason: reason, line: line, column: column)) { try records(text) }
    }

    @Test("Fields, records and columns have limits with names")
    func limits() {
        func reason(_ text: String) -> CSVError.Reason? {
            do { _ = try records(text) } catch { return (error as? CSVError)?.reason }
            return nil
        }
        let long = String(repeating: "x", count: CSVReader.fieldBytesMax)
        #expect(reason(long) == nil)
        #expect(reason(long + "x") == .fieldTooLong)
        #expect(reason("\"" + long + "x\"") == .fieldTooLong)
        #expect(reason(String(repeating: ",", count: CSVReader.columnsMax - 1)) == nil)
        #expect(reason(String(repeating: ",", count: CSVReader.columnsMax)) == .tooManyColumns)
        #expect(reason(Array(repeating: long, count: 17).joined(separator: ",")) == .rowTooLong)
        var broken = CSVReader([0x61, 0xFF, 0x62])
        #expect(throws: CSVError.self) { try broken.next() }
    }

    @Test("What is written is read again")
    func roundTrip() throws {
        let fields = ["", "a,b", "\"", "line\r\nline", "plain", "ü"]
        #expect(try records(csvLine(fields)).map(\.fields) == [fields])
    }
}
