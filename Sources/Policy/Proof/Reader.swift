import Cedar
import Core

/// A form in which a condition reads a label and that no finite number of values stands for.
struct Complaint: Error, Hashable {
    var range: SourceRange
    /// What is wrong with it, and what to write instead.
    var reason: String
    var hint: String
}

/// Collects what a residue asks of one dimension.
struct Reader {
    let dimension: Dimension
    /// Only its entities matter: a residue has no variables but the context.
    let evaluator: Evaluator
    private(set) var readings = Readings()

    init(_ dimension: Dimension, _ evaluator: Evaluator) {
        self.dimension = dimension
        self.evaluator = evaluator
    }

    /// - Parameter whole: what it is a part of, for complaints.
    mutating func read(_ expression: Expression, in whole: Expression) throws(Complaint) {
        if dimension.isListedWhole { return }
        if expression.field != nil {
            throw Complaint(
                range: whole.range, reason: "it takes \(expression) as a value instead of asking something of it",
                hint: Self.hint(dimension))
        }
        switch expression.kind {
        case .has(_, let names): if names.first == "purpose" { readings.asksForOne = true }
        case .isEmpty(let set) where set.field != nil: return ask(.lies([]))
        case .like(let text, let pattern) where text.field != nil: ask(pattern)
        case .binary(let operation, let left, let right) where left.field != nil || right.field != nil:
            guard left.origins.isEmpty || right.origins.isEmpty else {
                throw Complaint(
                    range: expression.range, reason: "it compares two things that the call brings, in \(expression)",
                    hint: Self.hint(dimension))
            }
            if let field = left.field {
                try compare(field, operation, right, expression)
            } else if let field = right.field {
                try compare(left, operation, field, expression)
            }
        default: for child in expression.kind.children { try read(child, in: expression) }
        }
    }

    /// `field <operation> constant`
    private mutating func compare(
        _ field: Text, _ operation: BinaryOperator, _ constant: Expression, _ whole: Expression
    ) throws(Complaint) {
        asksForOne(field)
        // What errs here errs whatever the label is.
        guard let value = value(constant) else { return }
        switch (operation, value) {
        case (.contains, _): if let word = word(value) { ask(.meets([word])) }
        case (.containsAll, .set(let set)): askHolds(set)
        case (.containsAny, .set(let set)): ask(.meets(words(set)))
        case (.equal, _), (.notEqual, _): equals(field, value)
        case (.less, _), (.lessOrEqual, _), (.greater, _), (.greaterOrEqual, _): number(field, value)
        default: throw notUnderstood(whole)
        }
    }

    /// `constant <operation> field`
    private mutating func compare(
        _ constant: Expression, _ operation: BinaryOperator, _ field: Text, _ whole: Expression
    ) throws(Complaint) {
        asksForOne(field)
        guard let value = value(constant) else { return }
        switch (operation, value) {
        case (.contains, .set(let set)): for element in set.elements { equals(field, element) }
        case (.containsAll, .set(let set)): ask(.lies(words(set)))
        case (.containsAny, .set(let set)): ask(.meets(words(set)))
        case (.equal, _), (.notEqual, _): equals(field, value)
        case (.less, _), (.lessOrEqual, _), (.greater, _), (.greaterOrEqual, _): number(field, value)
        default: throw notUnderstood(whole)
        }
    }

    /// The purpose is there only where one alone is possible, whatever it is compared with.
    private mutating func asksForOne(_ field: Text) { if field == "purpose" { readings.asksForOne = true } }

    private mutating func ask(_ question: LabelQuestion) { readings.questions.insert(question) }

    private mutating func ask(_ pattern: Pattern) {
        readings.patterns.insert(pattern)
        readings.asksForOne = true
    }

    /// A set with something in it that no label can be is held by no label.
    private mutating func askHolds(_ set: ValueSet) {
        let words = words(set)
        if words.count == set.elements.count { readings.together.insert(words) }
    }

    private mutating func equals(_ field: Text, _ value: Value) {
        switch value {
        case .set(let set):
            ask(.lies(words(set)))
            askHolds(set)
        case .string(let text): ask(Pattern(text.string.unicodeScalars.map { .scalar($0) }))
        default: number(field, value)
        }
    }

    private mutating func number(_ field: Text, _ value: Value) {
        switch value {
        case .long(let number): readings.numbers[field, default: []].insert(number)
        case .datetime(let moment): readings.numbers[field, default: []].insert(moment.milliseconds)
        default: break
        }
    }

    private func value(_ constant: Expression) -> Value? {
        do throws(EvaluationError) { return try evaluator.value(constant) } catch { return nil }
    }

    /// Words that the dimension can have at all; nothing else can be in a call's label.
    private func words(_ set: ValueSet) -> Set<String> { Set(set.elements.compactMap(word)) }

    private func word(_ value: Value) -> String? {
        guard case .string(let text) = value else { return nil }
        let word = text.string
        let isPossible =
            switch dimension {
            case .categories: DataCategory(rawValue: word) != nil
            case .subjects: isCountry(word) || word == anywhere
            case .purposes, .exportTags: CallLabels.isExportTag(word)
            case .dataClass, .exports, .now: false
            }
        return isPossible ? word : nil
    }

    private func notUnderstood(_ expression: Expression) -> Complaint {
        Complaint(
            range: expression.range, reason: "what it asks in \(expression) holds for no finite number of values",
            hint: Self.hint(dimension))
    }

    static func hint(_ dimension: Dimension) -> String {
        switch dimension {
        case .now: "compare context.now itself with datetime(\"…\"), or date the policy with @effective and @until"
        case .exports: "compare the count itself with a number, as in context.exportedPersons < 100000"
        case .categories, .subjects, .exportTags:
            "ask with contains, containsAll, containsAny, == or isEmpty, and with words or endpoint labels on the other side"
        case .purposes: "ask context.purpose with == or like, and context.purposes with contains, containsAll or containsAny"
        case .dataClass: "ask with in or =="
        }
    }
}

extension Expression {
    /// The label that it is, and nothing else.
    var field: Text? {
        guard case .attribute(let owner, let name) = kind, owner.kind == .variable(.context), name != Origins.modelField else {
            return nil
        }
        return name
    }

    /// The dimensions that it reads.
    ///
    /// Throws where it reads something that no dimension has, or the context as a whole.
    func dimensions() throws(Complaint) -> Set<Dimension> {
        func known(_ name: Text?) throws(Complaint) -> Set<Dimension> {
            if name == Origins.modelField { return [] }
            guard let name, let dimension = Dimension.of(name) else {
                throw Complaint(
                    range: range, reason: "it reads \(self), which proofs know nothing of", hint: "leave it to tests of cases")
            }
            return [dimension]
        }
        switch kind {
        case .variable(.context):
            throw Complaint(
                range: range, reason: "it takes the context as a whole", hint: "ask for its fields one by one")
        case .attribute(let owner, let name) where owner.kind == .variable(.context): return try known(name)
        case .has(let owner, let names) where owner.kind == .variable(.context): return try known(names.first)
        default:
            var all: Set<Dimension> = []
            for child in kind.children { all.formUnion(try child.dimensions()) }
            return all
        }
    }
}
