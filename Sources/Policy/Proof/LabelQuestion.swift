import Cedar
import Core

/// A yes or no about a label that is a set of words. What conditions ask of such a label comes down to these.
enum LabelQuestion: Hashable {
    /// It is known. Asked before anything else; of an unknown label nothing else is asked.
    case isKnown
    /// It has one of these words.
    case meets(Set<String>)
    /// It has no other words than these.
    case lies(Set<String>)
    /// Only one purpose is possible, so that it is the purpose.
    case isSingle
    /// The purpose looks so; asked of one alone.
    case purpose(Pattern)
}

extension LabelQuestion {
    /// The answer in words: `with one of CN, RU`.
    func words(_ answer: Bool) -> String {
        func list(_ words: Set<String>) -> String { words.isEmpty ? "nothing" : words.sorted().joined(separator: ", ") }
        func oneOf(_ words: Set<String>) -> String { words.count > 1 ? "one of \(list(words))" : list(words) }
        return switch self {
        case .isKnown: answer ? "known" : "unknown"
        case .meets(let words): answer ? "with \(oneOf(words))" : "without \(list(words))"
        case .lies(let words): answer ? "of nothing but \(list(words))" : "with more than \(list(words))"
        case .isSingle: answer ? "one alone" : "more than one"
        case .purpose(let pattern):
            pattern.elements.contains(.wildcard) ? "\(answer ? "" : "not ")like \(pattern)" : "\(answer ? "" : "not ")\(pattern)"
        }
    }
}

/// What conditions ask of one dimension. Values that answer all of it alike cannot be told apart by these conditions.
struct Readings: Hashable {
    /// `meets` and `lies`.
    var questions: Set<LabelQuestion> = []
    /// Words that a set may have all of.
    var together: Set<Set<String>> = []
    /// Of a purpose; one without a star is a name to compare with.
    var patterns: Set<Pattern> = []
    /// Whether the one purpose is asked for, and not only the set of purposes.
    var asksForOne = false
    /// By field, the numbers that it is compared with. Moments are in milliseconds.
    var numbers: [Text: Set<Int64>] = [:]

    mutating func formUnion(_ other: Readings) {
        questions.formUnion(other.questions)
        together.formUnion(other.together)
        patterns.formUnion(other.patterns)
        asksForOne = asksForOne || other.asksForOne
        numbers.merge(other.numbers) { $0.union($1) }
    }

    /// The questions in an order that is the same each time.
    var order: [LabelQuestion] { questions.sorted { $0.words(true) < $1.words(true) } }

    /// Every word in it.
    var words: Set<String> {
        var words = together.reduce(into: Set<String>()) { $0.formUnion($1) }
        for question in questions {
            if case .meets(let more) = question { words.formUnion(more) }
            if case .lies(let more) = question { words.formUnion(more) }
        }
        return words
    }
}
