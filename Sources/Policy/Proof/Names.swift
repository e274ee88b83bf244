import Cedar
import Core

/// What the name of a purpose looks like: 1 to 64 letters, digits, `.`, `_` and `-`. Configurations take fewer names, keys take all these.
enum NameGrammar {
    static let bytesMax = CallLabels.exportTagBytesMax

    /// Every character of a name.
    static let scalars: [Unicode.Scalar] = Array(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.".unicodeScalars)
}

/// Finds names that stand for all names but some: two for each combination of patterns that a name can match.
struct NameClasses {
    /// How often a pattern takes one more character of a name.
    static let stepsMax = 2_000_000
    /// Two, since it matters whether a set of purposes has one or more.
    private static let wordsOfClass = 2

    /// Easier to read in an example than the first letters of the alphabet.
    private static let readable = ["other", "another"]

    private let patterns: [[Pattern.Element]]
    private let wanted: [Pattern]
    /// Names that stand for themselves.
    private let named: Set<String>

    init(_ patterns: Set<Pattern>, besides named: Set<String>) {
        wanted = Array(patterns)
        self.patterns = wanted.map(\.elements)
        self.named = named
    }

    /// nil where it would take more than `stepsMax` steps.
    ///
    /// Goes through all names by length and keeps the first ones to reach each state: the places in all patterns that the name so far
    /// may stand at. Names in one state match the same patterns, however they go on. It keeps so many of each state that two are left
    /// where all those that stand for themselves are among them, whatever is written behind.
    func words() -> [String]? {
        let kept = Self.wordsOfClass + named.count
        let start = State(places: patterns.map { reach([0], $0) }, isEmpty: true)
        var words: [State: [String]] = [start: [""]]
        var queue = [(start, "")]
        var next = 0
        var steps = 0
        let alphabet = alphabet
        while next < queue.count {
            let (state, word) = queue[next]
            next += 1
            guard word.utf8.count < NameGrammar.bytesMax else { continue }
            for scalar in alphabet {
                steps += patterns.count + 1
                guard steps <= Self.stepsMax else { return nil }
                let after = State(places: zip(state.places, patterns).map { step($0, scalar, $1) }, isEmpty: false)
                guard words[after, default: []].count < kept else { continue }
                words[after, default: []].append(word + String(Character(scalar)))
                queue.append((after, word + String(Character(scalar))))
            }
        }
        return chosen(words)
    }

    private struct State: Hashable {
        var places: [Set<Int>]
        var isEmpty: Bool
    }

    private func chosen(_ words: [State: [String]]) -> [String] {
        var classes: [[Bool]: [String]] = [:]
        for word in Self.readable where !named.contains(word) {
            classes[wanted.map { $0.matches(Text(word)) }, default: []].append(word)
        }
        for (state, found) in words where !state.isEmpty {
            let matches = zip(state.places, patterns).map { $0.contains($1.count) }
            classes[matches, default: []] += found.filter { !named.contains($0) && !Self.readable.contains($0) }
        }
        let all = classes.values.flatMap { words in
            words.enumerated().sorted { a, b in
                let (first, second) = (Self.readable.contains(a.element), Self.readable.contains(b.element))
                if first != second { return first }
                return first ? a.offset < b.offset : (a.element.utf8.count, a.element) < (b.element.utf8.count, b.element)
            }.prefix(Self.wordsOfClass).map(\.element)
        }
        let readable = Self.readable.filter(all.contains)
        return readable + all.filter { !readable.contains($0) }.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
    }

    /// The characters of the patterns, and one that stands for all others.
    private var alphabet: [Unicode.Scalar] {
        let used = Set(patterns.joined())
        return NameGrammar.scalars.filter { used.contains(.scalar($0)) }
            + NameGrammar.scalars.filter { !used.contains(.scalar($0)) }.prefix(1)
    }

    /// The places that a star lets pass without a character.
    private func reach(_ places: Set<Int>, _ pattern: [Pattern.Element]) -> Set<Int> {
        var all = places
        for var place in places {
            while place < pattern.count, pattern[place] == .wildcard {
                place += 1
                all.insert(place)
            }
        }
        return all
    }

    private func step(_ places: Set<Int>, _ scalar: Unicode.Scalar, _ pattern: [Pattern.Element]) -> Set<Int> {
        var after: Set<Int> = []
        for place in places where place < pattern.count {
            switch pattern[place] {
            case .wildcard: after.insert(place)
            case .scalar(scalar): after.insert(place + 1)
            case .scalar: break
            }
        }
        return reach(after, pattern)
    }
}
