/// How the simulator counts. A token is, with the white space before it: up to 8 ASCII letters or digits in a row, any other
/// visible ASCII character, or any other Unicode scalar. So tokens never exceed the UTF-8 bytes of a text.
enum Tokens {
    /// Letters and digits in one token at most.
    static let runMax = 8
    /// Tokens that each message costs beside its text, and the call as a whole.
    static let perMessage = 3
    static let perCall = 3

    static func count(_ text: String) -> Int {
        var tokens = 0
        var run = 0
        for byte in text.utf8 {
            switch kind(byte) {
            case .letter:
                if run == 0 { tokens += 1 }
                run = run + 1 == runMax ? 0 : run + 1
            case .space, .inside: run = 0
            case .single:
                tokens += 1
                run = 0
            }
        }
        return tokens
    }

    /// The text cut into its tokens; white space at the end goes with the last.
    static func pieces(_ text: String) -> [String] {
        var pieces: [String] = []
        var piece = String.UnicodeScalarView()
        var run = 0
        for scalar in text.unicodeScalars {
            switch scalar.value < 0x80 ? kind(UInt8(scalar.value)) : .single {
            case .space, .inside:
                if run > 0 {
                    pieces.append(String(piece))
                    piece.removeAll()
                }
                run = 0
                piece.append(scalar)
            case .letter:
                piece.append(scalar)
                run += 1
                if run == runMax {
                    pieces.append(String(piece))
                    piece.removeAll()
                    run = 0
                }
            case .single:
                if run > 0 {
                    pieces.append(String(piece))
                    piece.removeAll()
                    run = 0
                }
                piece.append(scalar)
                pieces.append(String(piece))
                piece.removeAll()
            }
        }
        if run > 0 {
            pieces.append(String(piece))
        } else if !piece.isEmpty {
            if pieces.isEmpty { return [] }
            pieces[pieces.count - 1] += String(piece)
        }
        return pieces
    }

    private enum Kind { case letter, single, space, inside }

    private static func kind(_ byte: UInt8) -> Kind {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: .letter
        case 0...0x20, 0x7F: .space
        case 0x80...0xBF: .inside
        default: .single
        }
    }
}

/// What a model says: a token for each place, the same whenever the seed is the same.
enum Speech: Sendable {
    case english(seed: UInt64)
    case chinese(seed: UInt64)
    case listed([String])

    /// Each is one token.
    private static let words = [
        "weir", "river", "holds", "water", "until", "gate", "opens", "and", "then", "level", "falls", "slowly", "toward", "sea",
        "every", "stream", "finds", "its", "bed", "while", "stones", "turn", "under", "light", "of", "morning", "we", "count",
        "drops", "as", "they", "pass", "one", "by", "a", "keeper", "writes", "the", "sum", "in", "book", "no", "drop", "lost",
    ]
    private static let signs = Array("水流到海石清风山月夜光明行云花开春江天地人心东方长河日出一二三千里城门平安书写数目").map(String.init)

    func token(_ place: Int) -> String {
        switch self {
        case .listed(let pieces): pieces[place]
        case .english(let seed): Speech.english(Randomness.mixed(seed &+ UInt64(place)), place)
        case .chinese(let seed): Speech.chinese(Randomness.mixed(seed &+ UInt64(place)), place)
        }
    }

    func text(_ count: Int) -> String {
        (0..<count).map(token).joined()
    }

    private static func english(_ draw: UInt64, _ place: Int) -> String {
        if place % 12 == 11 { return "." }
        let word = words[Int(draw % UInt64(words.count))]
        return place == 0 ? word : " " + word
    }

    private static func chinese(_ draw: UInt64, _ place: Int) -> String {
        if place % 14 == 13 { return "。" }
        return signs[Int(draw % UInt64(signs.count))]
    }
}
