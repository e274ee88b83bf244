/// The escapes of strings and patterns: those of Rust's strings, and `\*` for a star in a pattern.
enum Escapes {
    /// One character of a string's inside, and whether it came from `\*`.
    struct Piece {
        let scalar: Unicode.Scalar
        let isEscapedStar: Bool
    }

    /// The text of a string literal whose range includes its quotes.
    static func string(_ range: SourceRange, in source: Source, bytes: [UInt8]) throws(Diagnostic) -> Text {
        let inside = bytes[(range.start + 1)..<(range.end - 1)]
        if !inside.contains(where: { $0 == UInt8(ascii: "\\") || $0 == 0x0D }) { return Text(utf8: inside) }
        var reader = EscapeReader(source: source, bytes: inside, allowsStar: false)
        var scalars = String.UnicodeScalarView()
        while let piece = try reader.next() { scalars.append(piece.scalar) }
        return Text(String(scalars))
    }

    /// The pattern of a string literal whose range includes its quotes.
    static func pattern(_ range: SourceRange, in source: Source, bytes: [UInt8]) throws(Diagnostic) -> Pattern {
        let inside = bytes[(range.start + 1)..<(range.end - 1)]
        var reader = EscapeReader(source: source, bytes: inside, allowsStar: true)
        var elements: [Pattern.Element] = []
        while let piece = try reader.next() {
            elements.append(piece.scalar == "*" && !piece.isEscapedStar ? .wildcard : .scalar(piece.scalar))
        }
        return Pattern(elements)
    }
}

private struct EscapeReader {
    let source: Source
    var scalars: Substring.UnicodeScalarView
    /// Where the next scalar stands in the source, in bytes.
    var offset: Int
    let allowsStar: Bool

    init(source: Source, bytes: ArraySlice<UInt8>, allowsStar: Bool) {
        self.source = source
        scalars = String(decoding: bytes, as: UTF8.self)[...].unicodeScalars
        offset = bytes.startIndex
        self.allowsStar = allowsStar
    }

    private mutating func take() -> Unicode.Scalar? {
        guard let scalar = scalars.popFirst() else { return nil }
        offset += UTF8.width(scalar)
        return scalar
    }

    private func failure(_ start: Int, _ message: String, hint: String) -> Diagnostic {
        source.diagnostic(SourceRange(start, offset), message, hint: hint)
    }

    mutating func next() throws(Diagnostic) -> Escapes.Piece? {
        let start = offset
        guard let scalar = take() else { return nil }
        if scalar == "\r" {
            throw failure(start, "a carriage return stands in a string", hint: "write it as \\r")
        }
        guard scalar == "\\" else { return Escapes.Piece(scalar: scalar, isEscapedStar: false) }
        let result: Unicode.Scalar
        switch take() {
        case "n": result = "\n"
        case "r": result = "\r"
        case "t": result = "\t"
        case "0": result = "\0"
        case "\\": result = "\\"
        case "\"": result = "\""
        case "'": result = "'"
        case "x": result = try byteEscape(start)
        case "u": result = try unicodeEscape(start)
        case "*" where allowsStar: return Escapes.Piece(scalar: "*", isEscapedStar: true)
        case "*":
            throw failure(start, "\\* is an escape of patterns only", hint: "outside of like a star is written as it is: *")
        default:
            throw failure(
                start, "no escape is written like this", hint: "the escapes are \\n \\r \\t \\0 \\\\ \\\" \\' \\x41 and \\u{e9}")
        }
        return Escapes.Piece(scalar: result, isEscapedStar: false)
    }

    private mutating func byteEscape(_ start: Int) throws(Diagnostic) -> Unicode.Scalar {
        guard let high = takeHexDigit(), let low = takeHexDigit(), high < 8 else {
            throw failure(start, "\\x wants two hexadecimal digits, from 00 to 7F", hint: "above 7F, write \\u{…}")
        }
        return Unicode.Scalar(high << 4 | low)
    }

    private mutating func takeHexDigit() -> UInt8? {
        guard let scalar = scalars.first, scalar.isASCII, let digit = hexDigit(UInt8(scalar.value)) else { return nil }
        _ = take()
        return digit
    }

    private mutating func unicodeEscape(_ start: Int) throws(Diagnostic) -> Unicode.Scalar {
        let hint = "write one to six hexadecimal digits in braces: \\u{e9}"
        guard take() == "{" else { throw failure(start, "\\u wants a brace", hint: hint) }
        var value: UInt32 = 0
        var digits = 0
        while true {
            if let digit = takeHexDigit() {
                digits += 1
                guard digits <= 6 else { throw failure(start, "\\u has more than six digits", hint: hint) }
                value = value << 4 | UInt32(digit)
            } else {
                let scalar = take()
                // Rust's strings, whose escapes these are, let digits be grouped: \u{1_F600}.
                if scalar == "_", digits > 0 { continue }
                guard scalar == "}", digits > 0 else { throw failure(start, "\\u is not written like this", hint: hint) }
                break
            }
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw failure(
                start, "no character has the number of this \\u escape", hint: "the numbers end at 10FFFF, without D800 to DFFF")
        }
        return scalar
    }
}

/// A string as policies write one, in quotes and with escapes: the same text gives the same string again.
public func quoted(_ text: Text) -> String {
    var result = "\""
    for scalar in text.string.unicodeScalars { result += escaped(scalar) }
    return result + "\""
}

/// A pattern as `like` has it, in quotes.
func quoted(_ pattern: Pattern) -> String {
    var result = "\""
    for element in pattern.elements {
        switch element {
        case .wildcard: result += "*"
        case .scalar("*"): result += "\\*"
        case .scalar(let scalar): result += escaped(scalar)
        }
    }
    return result + "\""
}

private func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\"": "\\\""
    case "\\": "\\\\"
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    case "\0": "\\0"
    // Controls, separators and what is laid out from right to left would let a printed policy look like another.
    case _ where scalar.properties.isDefaultIgnorableCodePoint || isInvisible(scalar.properties.generalCategory):
        "\\u{" + String(scalar.value, radix: 16) + "}"
    default: String(Character(scalar))
    }
}

private func isInvisible(_ category: Unicode.GeneralCategory) -> Bool {
    switch category {
    case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse, .nonspacingMark, .enclosingMark,
        .spacingMark:
        true
    default: false
    }
}
