import Cedar
import Core

/// All values of one label that is a set of words, as far as calls of some callers can have them.
///
/// A set is made of elements. Where words have no end, those that conditions name are elements, and beside them two for each kind that
/// conditions cannot tell apart: whether a set has one of a kind, two or more is all that an answer can depend on.
final class LabelSpace {
    let dimension: Dimension
    private let elements: [String]
    /// By element, the words that policies see.
    private let words: [Set<String>]
    /// In every set.
    private let base: Set<String>
    private let canBeUnknown: Bool
    /// So many elements a known label has at least.
    private let least: Int
    private let countries: Countries
    private var masks: [LabelQuestion: Bits] = [:]

    /// Throws when names fall into more kinds than are gone through.
    init(_ question: Axis.Question, _ countries: Countries) throws(Undecided) {
        dimension = question.dimension
        self.countries = countries
        let bound = question.bound
        let named = question.readings.words
        var base: Set<String> = []
        var canBeUnknown = true
        var least = 0
        let elements: [String]
        switch question.dimension {
        case .categories:
            base = Set((bound.categories ?? []).map(\.rawValue))
            canBeUnknown = bound.categories == nil
            elements = Self.sorted(DataCategory.allCases.map(\.rawValue), first: named)
        case .exportTags:
            base = bound.exportTags ?? []
            canBeUnknown = bound.exportTags == nil
            elements = named.sorted() + Self.others(besides: named.union(base))
        case .subjects:
            least = 1
            let isFree = bound.subjects.isUnknown || bound.subjects.isAnywhere
            elements =
                Self.sorted(isFree ? Array(countryCodes) : Array(bound.subjects), first: named) + (isFree ? [anywhere] : [])
        default:
            least = 1
            elements =
                bound.purposes.isEmpty
                ? try Self.purposes(question.readings) : Self.sorted(Array(bound.purposes), first: named)
        }
        let kept = base
        self.elements = elements.filter { !kept.contains($0) }
        self.base = base
        self.canBeUnknown = canBeUnknown
        self.least = least
        let isPlace = question.dimension == .subjects
        words = self.elements.map { isPlace ? countries.possible(in: [$0]) : [$0] }
    }

    /// Words that conditions name come first: examples are made of the first ones.
    private static func sorted(_ words: [String], first: Set<String>) -> [String] {
        words.filter(first.contains).sorted() + words.filter { !first.contains($0) }.sorted()
    }

    private static func others(besides named: Set<String>) -> [String] {
        ["other", "another"].map { word in
            var word = word
            while named.contains(word) { word += "-" }
            return word
        }
    }

    private static func purposes(_ readings: Readings) throws(Undecided) -> [String] {
        // A pattern without a star is a name that is compared with.
        let names = readings.patterns.filter { !$0.elements.contains(.wildcard) }.compactMap(\.name).filter(
            CallLabels.isExportTag)
        let named = readings.words.union(names)
        let stars = readings.patterns.filter { $0.elements.contains(.wildcard) }
        guard let others = NameClasses(stars, besides: named).words() else {
            throw Undecided(
                reason: "the patterns that purposes are compared with divide names into more kinds than are gone through",
                hint: "give the tenant `purposes`, so that its calls have one of a list, or use fewer stars")
        }
        return named.sorted() + others
    }

    // MARK: Answers

    /// What is known of a label, and a value of which all of it is true.
    struct Known: Hashable {
        var isKnown: Bool?
        var isSingle: Bool?
        /// Elements that may be in it.
        fileprivate var allowed: Bits
        /// Of each of these it has one.
        fileprivate var wanted: [Bits] = []
        var answers: [LabelQuestion: Bool] = [:]
        /// The answers that could have been others, in the order of the questions.
        var told: [Told] = []
        var value: Coordinate

        struct Told: Hashable {
            var question: LabelQuestion
            var answer: Bool
        }
    }

    /// What is known before any question.
    func nothingKnown() throws(Undecided) -> Known {
        let known = Known(allowed: Bits(count: elements.count) { _ in true }, value: coordinate([]))
        if let value = try value(known) { return with(value, known) }
        var unknown = known
        unknown.value = unknownValue
        return unknown
    }

    /// The same with one more answer; nil when no call's label is so.
    func adding(_ question: LabelQuestion, _ answer: Bool, to known: Known) throws(Undecided) -> Known? {
        var after = known
        after.answers[question] = answer
        switch question {
        case .isKnown:
            after.isKnown = answer
            if !answer {
                after.value = unknownValue
                return canBeUnknown ? after : nil
            }
        case .meets, .lies:
            let touching = mask(question)
            let isTouched = isMeets(question) == answer
            if isTouched {
                if !touches(base, question) { after.wanted.append(touching) }
            } else {
                if touches(base, question) { return nil }
                after.allowed = after.allowed.subtracting(touching)
            }
        case .isSingle: after.isSingle = answer
        case .purpose:
            after.allowed = answer ? after.allowed.intersection(mask(question)) : after.allowed.subtracting(mask(question))
        }
        return try value(after).map { with($0, after) }
    }

    /// Whether the value of what is known answers so.
    func answer(_ question: LabelQuestion, of value: Coordinate) -> Bool {
        let words = value.words(countries)
        return switch question {
        case .isKnown: !value.isUnknown
        case .meets(let some): !words.isDisjoint(with: some)
        case .lies(let all): words.isSubset(of: all)
        case .isSingle: words.count == 1
        case .purpose(let pattern): words.allSatisfy { pattern.matches(Text($0)) }
        }
    }

    private func with(_ value: Coordinate, _ known: Known) -> Known {
        var known = known
        known.value = value
        return known
    }

    /// A known label of which all is true; nil when there is none.
    ///
    /// To have a word helps with every set that is wanted and hurts nothing that is not forbidden, so it is enough to take, for each
    /// wanted set, any element that is allowed.
    private func value(_ known: Known) throws(Undecided) -> Coordinate? {
        if known.isSingle == true {
            return known.wanted.reduce(known.allowed) { $0.intersection($1) }.first.map { coordinate([elements[$0]]) }
        }
        var chosen = Bits(count: elements.count)
        var count = 0
        func take(_ wanted: Bits) -> Bool {
            guard let element = wanted.intersection(known.allowed).first else { return false }
            chosen.insert(element)
            count += 1
            return true
        }
        for wanted in known.wanted where wanted.isDisjoint(with: chosen) {
            if !take(wanted) { return nil }
        }
        while count < (known.isSingle == false ? 2 : least) {
            if !take(Bits(count: elements.count) { !chosen.contains($0) }) { return nil }
        }
        let words = Set(elements.indices.filter(chosen.contains).map { elements[$0] })
        if dimension == .exportTags, base.count + count > max(CallLabels.exportTagsMax, base.count) {
            throw Undecided(
                reason: "conditions ask for more than \(CallLabels.exportTagsMax) export tags of one call",
                hint: "ask for fewer tags together")
        }
        return coordinate(words)
    }

    private func isMeets(_ question: LabelQuestion) -> Bool { if case .meets = question { true } else { false } }

    /// Whether a set of words with this in it meets the question's, or lies no longer within them.
    private func touches(_ words: Set<String>, _ question: LabelQuestion) -> Bool {
        switch question {
        case .meets(let some): !words.isDisjoint(with: some)
        case .lies(let all): !words.isSubset(of: all)
        case .purpose(let pattern): words.contains { pattern.matches(Text($0)) }
        case .isKnown, .isSingle: false
        }
    }

    private func mask(_ question: LabelQuestion) -> Bits {
        if let known = masks[question] { return known }
        let mask = Bits(count: elements.count) { touches(words[$0], question) }
        masks[question] = mask
        return mask
    }

    private var unknownValue: Coordinate {
        switch dimension {
        case .categories: .categories(nil)
        case .exportTags: .exportTags(nil)
        case .subjects: .subjects([])
        default: .purposes([])
        }
    }

    private func coordinate(_ some: Set<String>) -> Coordinate {
        let words = base.union(some)
        return switch dimension {
        case .categories: .categories(Set(words.compactMap { DataCategory(rawValue: $0) }))
        case .exportTags: .exportTags(words)
        case .subjects: .subjects(words.isAnywhere ? [anywhere] : words)
        default: .purposes(words)
        }
    }

    /// Any value, for tests of many.
    func randomValue(using random: inout some RandomNumberGenerator) -> Coordinate {
        if canBeUnknown, Int.random(in: 0..<8, using: &random) == 0 { return unknownValue }
        if Int.random(in: 0..<16, using: &random) == 0 { return coordinate(Set(elements).subtracting([anywhere])) }
        var some: Set<String> = []
        let count = Int.random(in: least...max(least, 4), using: &random)
        for _ in 0..<count { if let element = elements.randomElement(using: &random) { some.insert(element) } }
        return some.count < least ? unknownValue : coordinate(some)
    }
}

extension Pattern {
    /// What it matches, where it has no star.
    fileprivate var name: String? {
        var name = ""
        for element in elements {
            guard case .scalar(let scalar) = element else { return nil }
            name.unicodeScalars.append(scalar)
        }
        return name
    }
}
