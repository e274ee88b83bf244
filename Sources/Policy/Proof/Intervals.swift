import Core

/// The whole numbers from one to another, cut where conditions compare with them: within a piece no condition tells two apart.
struct Intervals {
    private(set) var pieces: [ClosedRange<Int64>] = []

    /// - Parameter cuts: numbers that are compared with; each is a piece of its own.
    init(_ whole: ClosedRange<Int64>, cutAt cuts: some Sequence<Int64>) {
        var start = whole.lowerBound
        for cut in Set(cuts).sorted() where whole.contains(cut) {
            if start < cut { pieces.append(start...(cut - 1)) }
            pieces.append(cut...cut)
            guard cut < whole.upperBound else { return }
            start = cut + 1
        }
        pieces.append(start...whole.upperBound)
    }
}

/// Counts that nothing tells apart, and one that stands for them. There are never more persons with sensitive data than persons.
struct CountKind {
    var example: ExportCount
    var persons: ClosedRange<Int64>
    var sensitive: ClosedRange<Int64>

    static func all(persons: Set<Int64>, sensitive: Set<Int64>) -> [CountKind] {
        let all = Intervals(0...Int64.max, cutAt: persons).pieces
        let some = Intervals(0...Int64.max, cutAt: sensitive).pieces
        return all.flatMap { persons in
            some.filter { $0.lowerBound <= persons.upperBound }.map { sensitive in
                CountKind(
                    example: ExportCount(
                        persons: max(persons.lowerBound, sensitive.lowerBound), sensitivePersons: sensitive.lowerBound),
                    persons: persons, sensitive: sensitive)
            }
        }
    }

    /// `1 to 99999, 0 with sensitive data`
    var words: String {
        func words(_ range: ClosedRange<Int64>) -> String {
            if range.lowerBound == range.upperBound { return "\(range.lowerBound)" }
            return range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
        }
        return "\(words(persons)), \(words(sensitive)) with sensitive data"
    }
}
