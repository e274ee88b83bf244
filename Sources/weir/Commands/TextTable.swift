/// Rows under a head, as aligned text or as CSV.
struct TextTable {
    struct Column {
        var name: String
        /// Numbers are aligned right.
        var isNumber = false
    }

    var columns: [Column]
    var rows: [[String]] = []
    /// A last row, set apart.
    var total: [String]?

    init(_ columns: [Column]) { self.columns = columns }

    /// Columns two spaces apart, without spaces at the ends of lines.
    var text: String {
        let all = [columns.map(\.name)] + rows + (total.map { [$0] } ?? [])
        let cells = all.map { $0.map(visible) }
        let widths = columns.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        var lines = cells.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += (column == 0 ? "" : "  ") + (columns[column].isNumber ? space + cell : cell + space)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * max(0, widths.count - 1))
        lines.insert(rule, at: 1)
        if total != nil { lines.insert(rule, at: lines.count - 1) }
        return lines.joined(separator: "\n")
    }

    /// RFC 4180, without the total.
    var csv: String {
        ([columns.map(\.name)] + rows).map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    private func quoted(_ cell: String) -> String {
        let special = cell.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
        return special
            ? "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\"" : cell
    }
}

/// Nothing in a cell moves the cursor or changes colors.
private func visible(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: "\u{FFFD}"
        default: scalar
        }
    }
    return String(String.UnicodeScalarView(scalars))
}
