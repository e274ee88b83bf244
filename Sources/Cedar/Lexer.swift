/// The smallest piece of a policy or schema text that means something.
struct Token: Sendable {
    enum Kind: UInt8, Sendable {
        case identifier, number, string
        /// `?principal` and its like.
        case slot
        case at, dot, comma, semicolon, colon, doubleColon, question
        case leftParenthesis, rightParenthesis, leftBrace, rightBrace, leftBracket, rightBracket
        case equalEqual, notEqual, less, lessOrEqual, greater, greaterOrEqual, equal
        case or, and, plus, minus, star, slash, percent, bang
        case end
    }

    let kind: Kind
    let range: SourceRange
}

/// Divides a text into tokens; the last one is always `end`. Policies and schemas share it.
struct Lexer {
    let source: Source
    let bytes: [UInt8]
    private var index = 0

    static func tokens(_ source: Source) throws(Diagnostics) -> [Token] {
        try source.check()
        var lexer = Lexer(source)
        do {
            return try lexer.all()
        } catch {
            throw Diagnostics(error)
        }
    }

    private init(_ source: Source) {
        self.source = source
        bytes = Array(source.text.utf8)
    }

    private mutating func all() throws(Diagnostic) -> [Token] {
        var tokens: [Token] = []
        tokens.reserveCapacity(bytes.count / 4)
        while true {
            skipSpaceAndComments()
            let start = index
            guard start < bytes.count else {
                tokens.append(Token(kind: .end, range: SourceRange(start, start)))
                return tokens
            }
            let kind = try token()
            tokens.append(Token(kind: kind, range: SourceRange(start, index)))
        }
    }

    private mutating func skipSpaceAndComments() {
        while index < bytes.count {
            let length = spaceLength()
            if length > 0 {
                index += length
            } else if bytes[index] == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while index < bytes.count, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
            } else {
                return
            }
        }
    }

    private func peek(_ ahead: Int) -> UInt8? { index + ahead < bytes.count ? bytes[index + ahead] : nil }

    /// Bytes of the white space here, as Unicode defines it; 0 for anything else.
    private func spaceLength() -> Int {
        let byte = bytes[index]
        if byte == 0x20 || (0x09...0x0D).contains(byte) { return 1 }
        guard byte >= 0xC2, byte <= 0xE3 else { return 0 }
        switch (byte, peek(1) ?? 0, peek(2) ?? 0) {
        case (0xC2, 0x85, _), (0xC2, 0xA0, _): return 2
        case (0xE1, 0x9A, 0x80), (0xE2, 0x81, 0x9F), (0xE3, 0x80, 0x80): return 3
        case (0xE2, 0x80, 0x80...0x8A), (0xE2, 0x80, 0xA8), (0xE2, 0x80, 0xA9), (0xE2, 0x80, 0xAF): return 3
        default: return 0
        }
    }

    private mutating func token() throws(Diagnostic) -> Token.Kind {
        let byte = bytes[index]
        if Identifier.startsIdentifier(byte) {
            skipIdentifier()
            return .identifier
        }
        if isDigit(byte) {
            while index < bytes.count, isDigit(bytes[index]) { index += 1 }
            return .number
        }
        if byte == UInt8(ascii: "\"") { return try string() }
        if byte == UInt8(ascii: "?") {
            index += 1
            guard index < bytes.count, Identifier.startsIdentifier(bytes[index]) else { return .question }
            skipIdentifier()
            return .slot
        }
        if let kind = pair(byte, peek(1)) {
            index += 2
            return kind
        }
        guard let kind = single(byte) else { throw unknown() }
        index += 1
        return kind
    }

    private func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private mutating func skipIdentifier() {
        while index < bytes.count, Identifier.continuesIdentifier(bytes[index]) { index += 1 }
    }

    private mutating func string() throws(Diagnostic) -> Token.Kind {
        let start = index
        index += 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return .string
            case UInt8(ascii: "\\"):
                guard let next = peek(1), next != 0x0A else {
                    throw source.diagnostic(
                        SourceRange(index, index), "a backslash stands at the end of a line", hint: "write \\n for a line break")
                }
                index += 2
            default:
                index += 1
            }
        }
        throw source.diagnostic(SourceRange(start, start), "a string has no end", hint: "close it with a double quote")
    }

    private func pair(_ first: UInt8, _ second: UInt8?) -> Token.Kind? {
        switch (first, second) {
        case (UInt8(ascii: ":"), UInt8(ascii: ":")): .doubleColon
        case (UInt8(ascii: "="), UInt8(ascii: "=")): .equalEqual
        case (UInt8(ascii: "!"), UInt8(ascii: "=")): .notEqual
        case (UInt8(ascii: "<"), UInt8(ascii: "=")): .lessOrEqual
        case (UInt8(ascii: ">"), UInt8(ascii: "=")): .greaterOrEqual
        case (UInt8(ascii: "|"), UInt8(ascii: "|")): .or
        case (UInt8(ascii: "&"), UInt8(ascii: "&")): .and
        default: nil
        }
    }

    private func single(_ byte: UInt8) -> Token.Kind? {
        switch byte {
        case UInt8(ascii: "@"): .at
        case UInt8(ascii: "."): .dot
        case UInt8(ascii: ","): .comma
        case UInt8(ascii: ";"): .semicolon
        case UInt8(ascii: ":"): .colon
        case UInt8(ascii: "("): .leftParenthesis
        case UInt8(ascii: ")"): .rightParenthesis
        case UInt8(ascii: "{"): .leftBrace
        case UInt8(ascii: "}"): .rightBrace
        case UInt8(ascii: "["): .leftBracket
        case UInt8(ascii: "]"): .rightBracket
        case UInt8(ascii: "<"): .less
        case UInt8(ascii: ">"): .greater
        case UInt8(ascii: "="): .equal
        case UInt8(ascii: "+"): .plus
        case UInt8(ascii: "-"): .minus
        case UInt8(ascii: "*"): .star
        case UInt8(ascii: "/"): .slash
        case UInt8(ascii: "%"): .percent
        case UInt8(ascii: "!"): .bang
        default: nil
        }
    }

    private func unknown() -> Diagnostic {
        var end = index + 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        let range = SourceRange(index, end)
        let hint =
            switch bytes[index] {
            case UInt8(ascii: "'"): "strings stand in double quotes"
            case UInt8(ascii: "&"): "write && for and"
            case UInt8(ascii: "|"): "write || for or"
            case UInt8(ascii: "#"): "comments begin with //"
            default: "names are of ASCII letters, digits and _; anything else stands in double quotes"
            }
        let shown = bytes[index] < 0x20 ? "control character \(bytes[index])" : source.quote(range)
        return source.diagnostic(range, "\(shown) means nothing here", hint: hint)
    }
}
