/// More errors than this are counted, not kept.
private let errorsMax = 100

/// A place in the text; both numbers count from 1.
struct Spot: Hashable, Comparable {
    var line: Int
    var column: Int

    static let start = Spot(line: 1, column: 1)
    static func < (a: Spot, b: Spot) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// What decoding found so far. One object is shared by all decoders of a load, so that each goes on after an error.
final class Report {
    let file: String
    private(set) var errors: [ConfigurationError] = []
    private(set) var notes: [String] = []
    /// Where keys stand that were written before in the same mapping; their error is reported already.
    var duplicates: Set<Spot> = []
    private var left = 0

    init(file: String) { self.file = file }

    func error(_ spot: Spot, _ message: String, meant: String? = nil) {
        guard errors.count < errorsMax else {
            left += 1
            return
        }
        let error = ConfigurationError(file: file, line: spot.line, column: spot.column, message: message, meant: meant)
        // An anchored value is met again at each of its aliases.
        if !errors.contains(error) { errors.append(error) }
    }

    /// Takes over what was found in a file that this one refers to.
    func adopt(_ other: Report) { errors += other.errors.prefix(errorsMax) }

    /// Takes over one error of another file.
    func adopt(_ error: ConfigurationError) {
        guard errors.count < errorsMax else {
            left += 1
            return
        }
        errors.append(error)
    }

    func note(_ text: String) { notes.append(text) }

    /// In the order of the file.
    var all: ConfigurationErrors {
        var sorted = errors.sorted { a, b in
            let (own, others) = (a.file == file ? 0 : 1, b.file == file ? 0 : 1)
            return (own, a.line, a.column, a.message) < (others, b.line, b.column, b.message)
        }
        if sorted.isEmpty {
            sorted = [ConfigurationError(file: file, line: 1, column: 1, message: "The file says nothing that can be used.")]
        }
        if left > 0, let last = sorted.last {
            sorted.append(
                ConfigurationError(file: file, line: last.line, column: last.column, message: "…and \(left) more errors."))
        }
        return ConfigurationErrors(errors: sorted)
    }
}

/// The longest word of the file that a message repeats.
private let quotedMax = 40

/// A key or name of the file in backquotes, if it is a plain word that cannot be a secret put in the wrong place; otherwise
/// `other`. Values are never quoted.
func quoted(_ word: String, or other: String) -> String {
    let bytes = word.utf8
    guard let first = bytes.first, isLetter(first) || isDigit(first), bytes.count <= quotedMax,
        bytes.allSatisfy({ isLetter($0) || isDigit($0) || "-_./:".utf8.contains($0) }),
        !looksSecret(word)
    else { return other }
    return "`\(word)`"
}

/// What issuers of keys and tokens put at the front.
private let secretPrefixes = ["sk-", "sk_", "rk_", "ghp_", "gho_", "github_pat_", "xox", "akia", "ltai", "eyj", "aiza", "weir_"]

/// Whether a word begins as keys and tokens do.
func hasSecretPrefix(_ word: String) -> Bool {
    let lower = word.lowercased()
    return secretPrefixes.contains { lower.hasPrefix($0) }
}

/// Whether a word could be a key or token: an issuer's prefix, or a long run of letters and digits mixed.
func looksSecret(_ word: String) -> Bool {
    hasSecretPrefix(word)
        || word.utf8.split { !isLetter($0) && !isDigit($0) }.contains { $0.count >= 16 && $0.count(where: isDigit) >= 3 }
}

func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) }
func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
