import Cedar
import Core

/// Which counts of exported persons a call can bring: the data path counts for calls that may carry personal data of mainland China, and
/// for no others. So the count is the one thing in the space that depends on labels.
struct Counted {
    private let classes: DataClasses
    private let countries: Countries
    /// Of the questions that it asks of candidates.
    private let firstNumber: Int

    init(_ world: PolicyWorld, firstNumber: Int) {
        classes = world.classes
        countries = world.countries
        self.firstNumber = firstNumber
    }

    private static let places: [LabelQuestion] = [.meets([ChinaExport.mainland]), .meets([anywhere])]
    private static let sensitive: LabelQuestion = .meets(Set(ChinaExport.sensitiveCategories.map(\.rawValue)))

    /// What has to be told apart in labels where a count is asked for.
    static let readings: [Dimension: Readings] = [
        .dataClass: Readings(),
        .subjects: Readings(questions: Set(places)),
        .categories: Readings(questions: [sensitive]),
        .exports: Readings(numbers: ["exportedPersons": [0], "exportedSensitivePersons": [0]]),
    ]

    /// Whether calls with these labels bring this count; asks the labels only where a count was asked for.
    func isPossible(_ trace: Trace) throws(Undecided) -> Bool {
        guard !trace.box.isFree(.exports, trace.axes) else { return true }
        for dimension in [Dimension.dataClass, .exports] {
            _ = trace.ask(firstNumber - 1 - dimension.rawValue, dimension) { $0.all.map(kind) }
        }
        if try trace.ask(.isKnown, .subjects) {
            for question in Self.places { _ = try trace.ask(question, .subjects) }
        }
        if try trace.ask(.isKnown, .categories) { _ = try trace.ask(Self.sensitive, .categories) }
        var call = CallContext(model: "", labels: .unknown, now: Timestamp(nanoseconds: 0))
        for value in trace.box.values(trace.axes) { value.put(into: &call) }
        switch ChinaExport.kind(call.labels, in: classes, countries: countries) {
        case nil: return call.exports == nil
        // The call's own person is among those counted.
        case .personal: return (call.exports?.persons ?? 0) > 0
        case .sensitive: return (call.exports?.sensitivePersons ?? 0) > 0
        }
    }

    /// A count that a call with these labels can bring.
    func example(_ labels: CallLabels) -> ExportCount? {
        ChinaExport.kind(labels, in: classes, countries: countries).map {
            ExportCount(persons: 1, sensitivePersons: $0 == .sensitive ? 1 : 0)
        }
    }

    /// Values of one kind cannot be told apart here.
    private func kind(of coordinate: Coordinate) -> Int32 {
        switch coordinate {
        case .dataClass(let name):
            guard let name, classes.rank(of: name) != nil else { return 0 }
            return classes.isSensitive(name) ? 3 : classes.isPersonal(name) ? 2 : 1
        case .exports(let count): return count.map { $0.sensitivePersons > 0 ? 3 : $0.persons > 0 ? 2 : 1 } ?? 0
        default: return 0
        }
    }
}
