/// What the split rules ask of a character, as bits: Unicode's letters, marks, numbers and white space.
enum ScalarKind {
    static let letter: UInt8 = 1
    /// What may stand in the upper-case part of a word: Lu, Lt, Lm, Lo, M.
    static let upper: UInt8 = 2
    /// What may stand in the lower-case part of a word: Ll, Lm, Lo, M.
    static let lower: UInt8 = 4
    static let number: UInt8 = 8
    static let space: UInt8 = 16
    /// Carriage return or line feed; a space too.
    static let newline: UInt8 = 32
    /// A byte that is no part of a character.
    static let invalid: UInt8 = 64

    /// Of the 128 ASCII characters; a static's initialiser runs once, and reading it is one load.
    private static let ascii: KindTable = {
        let kinds = KindTable()
        for byte in UInt8(0)..<128 { kinds[byte] = classify(Unicode.Scalar(byte)) }
        return kinds
    }()

    static func of(ascii byte: UInt8) -> UInt8 { ascii[byte] }

    static func of(_ value: UInt32) -> UInt8 {
        // Han and Hangul syllables, without asking the tables.
        if value >= 0x4E00, value <= 0x9FFF || (value >= 0xAC00 && value <= 0xD7A3) { return letter | upper | lower }
        return Unicode.Scalar(value).map(classify) ?? invalid
    }

    private static func classify(_ scalar: Unicode.Scalar) -> UInt8 {
        if scalar == "\r" || scalar == "\n" { return space | newline }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: return letter | upper
        case .lowercaseLetter: return letter | lower
        case .modifierLetter, .otherLetter: return letter | upper | lower
        case .nonspacingMark, .spacingMark, .enclosingMark: return upper | lower
        case .decimalNumber, .letterNumber, .otherNumber: return number
        default: return properties.isWhitespace ? space : 0
        }
    }
}

/// The kinds of the 128 ASCII characters, read without a bounds check or a reference count.
/// Unchecked: written only while it is made; never freed, as it belongs to a static.
struct KindTable: @unchecked Sendable {
    private let kinds: UnsafeMutablePointer<UInt8>

    init() {
        kinds = .allocate(capacity: 128)
        kinds.initialize(repeating: 0, count: 128)
    }

    subscript(byte: UInt8) -> UInt8 {
        get { kinds[Int(byte & 0x7F)] }
        nonmutating set { kinds[Int(byte & 0x7F)] = newValue }
    }
}
