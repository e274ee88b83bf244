import Cedar
import Core

/// Cases that are alike: all that is known of each dimension, and one case of which it is true.
struct Box {
    enum Choice {
        /// Candidates, by number; the first is the example.
        case listed([Int])
        case sets(LabelSpace.Known)
    }

    /// By dimension.
    var choices: [Choice]

    /// All cases.
    init(_ axes: [Axis]) throws(Undecided) {
        choices = []
        for axis in axes {
            switch axis {
            case .listed(let candidates): choices.append(.listed(Array(candidates.all.indices)))
            case .sets(let space): choices.append(.sets(try space.nothingKnown()))
            }
        }
    }

    /// By dimension, the example's value.
    func values(_ axes: [Axis]) -> [Coordinate] {
        zip(axes, choices).map { axis, choice in
            switch (axis, choice) {
            case (.listed(let candidates), .listed(let some)): candidates.all[some.first ?? 0]
            case (_, .sets(let known)): known.value
            case (.sets, .listed): preconditionFailure("a box is made from its axes")
            }
        }
    }

    /// What is true of all its labels, by dimension; nothing where nothing is known: `class personal or sensitive`, `subjects with CN`.
    func words(_ axes: [Axis]) -> [String] {
        zip(zip(axes, choices), Dimension.allCases).filter { !isFree($1, axes) }.map { pair, dimension in
            switch pair {
            case (.listed(let candidates), .listed(let some)):
                return "\(dimension.name) \(some.map { candidates.kinds[$0].words }.joined(separator: " or "))"
            case (_, .sets(let known)):
                let told = known.told.count > 1 ? known.told.filter { $0.question != .isKnown } : known.told
                return "\(dimension.name) \(told.map { $0.question.words($0.answer) }.joined(separator: ", "))"
            case (.sets, .listed): return ""
            }
        }
    }

    /// Whether nothing is known of a dimension.
    func isFree(_ dimension: Dimension, _ axes: [Axis]) -> Bool {
        switch (axes[dimension.rawValue], choices[dimension.rawValue]) {
        case (.listed(let candidates), .listed(let some)): some.count == candidates.all.count
        case (_, .sets(let known)): known.told.isEmpty
        case (.sets, .listed): false
        }
    }
}

/// One case under way: what is asked of it narrows its box, and what answers otherwise becomes a box of its own. Another case of the box
/// has the same answers, and so comes to the same.
final class Trace {
    let axes: [Axis]
    private(set) var box: Box
    /// What answered otherwise.
    private(set) var others: [Box] = []
    private let countries: Countries
    private var knownFields: [[(Text, Value)]?]

    init(_ axes: [Axis], _ box: Box, _ countries: Countries) {
        self.axes = axes
        self.box = box
        self.countries = countries
        knownFields = [[(Text, Value)]?](repeating: nil, count: axes.count)
    }

    /// Asks something of a listed dimension.
    ///
    /// - Parameters:
    ///   - number: the same for the same question only.
    ///   - table: what it comes to for each candidate.
    func ask(_ number: Int, _ dimension: Dimension, _ table: (Candidates) -> [Int32]) -> Int32 {
        guard case .listed(let list) = axes[dimension.rawValue], case .listed(let some) = box.choices[dimension.rawValue] else {
            preconditionFailure("\(dimension) is not listed")
        }
        let answers: [Int32]
        if let known = list.tables[number] {
            answers = known
        } else {
            answers = table(list)
            list.tables[number] = answers
        }
        let answer = answers[some.first ?? 0]
        let rest = some.filter { answers[$0] != answer }
        if !rest.isEmpty {
            var other = box
            other.choices[dimension.rawValue] = .listed(rest)
            others.append(other)
            box.choices[dimension.rawValue] = .listed(some.filter { answers[$0] == answer })
        }
        return answer
    }

    /// Asks something of a label that is a set of words.
    func ask(_ question: LabelQuestion, _ dimension: Dimension) throws(Undecided) -> Bool {
        guard case .sets(let space) = axes[dimension.rawValue], case .sets(let known) = box.choices[dimension.rawValue] else {
            preconditionFailure("\(dimension) is listed")
        }
        if let answer = known.answers[question] { return answer }
        let answer = space.answer(question, of: known.value)
        var here = known
        if var other = try space.adding(question, !answer, to: known) {
            other.told.append(LabelSpace.Known.Told(question: question, answer: !answer))
            var box = box
            box.choices[dimension.rawValue] = .sets(other)
            others.append(box)
            here.told.append(LabelSpace.Known.Told(question: question, answer: answer))
        }
        // The example answers so already, and stays.
        guard let after = try space.adding(question, answer, to: here) else {
            throw Undecided(
                reason: "a case does not answer as its example does, which is a mistake in Weir",
                hint: "report it with the configuration; nothing is proved")
        }
        if after.value != here.value { knownFields[dimension.rawValue] = nil }
        box.choices[dimension.rawValue] = .sets(after)
        return answer
    }

    /// Asks all that the value of a part depends on.
    func askAll(_ part: Part) throws(Undecided) {
        guard try ask(.isKnown, part.dimension) else { return }
        for question in part.questions { _ = try ask(question, part.dimension) }
        for words in part.readings.together {
            for word in words.sorted() where try !ask(.meets([word]), part.dimension) { break }
        }
        guard part.readings.asksForOne, try ask(.isSingle, part.dimension) else { return }
        for pattern in part.patterns { _ = try ask(.purpose(pattern), part.dimension) }
    }

    /// The example's fields of a dimension.
    func fields(_ dimension: Dimension) -> [(Text, Value)] {
        switch (axes[dimension.rawValue], box.choices[dimension.rawValue]) {
        case (.listed(let candidates), .listed(let some)): return candidates.fields[some.first ?? 0]
        case (_, .sets(let known)):
            if let fields = knownFields[dimension.rawValue] { return fields }
            let fields = known.value.fields(of: dimension, countries)
            knownFields[dimension.rawValue] = fields
            return fields
        case (.sets, .listed): return []
        }
    }

    /// The labels' part of the example's context.
    var fields: [(Text, Value)] { Dimension.allCases.flatMap(fields) }
}

/// Work that may still be done.
struct Budget {
    /// Policies that are looked at, in all cases and circumstances of one claim together: minutes at most.
    static let stepsMax = 100_000_000

    let casesMax: Int
    private(set) var cases = 0
    private var steps = 0

    init(casesMax: Int) { self.casesMax = casesMax }

    mutating func spendCase(policies: Int) throws(Undecided) {
        cases += 1
        if cases > casesMax { throw tooMany("there are more than \(casesMax) cases, and no more are judged") }
        try spend(policies)
    }

    mutating func spend(_ policies: Int) throws(Undecided) {
        steps += policies
        if steps > Self.stepsMax { throw tooMany("more than \(Self.stepsMax) times a policy would be looked at") }
    }

    private func tooMany(_ reason: String) -> Undecided {
        Undecided(reason: reason, hint: "name one tenant, or ask about fewer calls")
    }
}

/// Divides all cases into boxes within which a judgement is the same, and judges each box once.
///
/// It judges one case and notes what the judgement asked. What answers all of it alike is done; what answers the first question
/// otherwise, the second, and so on, are boxes that come later. So nothing is left out, and what no judgement asks divides nothing.
///
/// - Parameters:
///   - policies: how many a judgement looks at.
///   - goOn: takes a box with its judgement; false ends it.
func forEachBox<Judgement>(
    _ axes: [Axis], _ countries: Countries, budget: inout Budget, policies: Int,
    _ judge: (Trace) throws(Undecided) -> Judgement, _ goOn: (Box, Judgement) throws(Undecided) -> Bool
) throws(Undecided) {
    var open = [try Box(axes)]
    while let box = open.popLast() {
        try budget.spendCase(policies: policies)
        let trace = Trace(axes, box, countries)
        let judgement = try judge(trace)
        open += trace.others
        guard try goOn(trace.box, judgement) else { return }
    }
}

/// Saturates.
func product(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return overflow ? .max : product
}

/// Saturates.
func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? .max : sum
}
