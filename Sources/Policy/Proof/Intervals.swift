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

extension ExportCount {
    /// Counts that stand for all counts. There are never more persons with sensitive data than persons.
    static func all(persons: Set<Int64>, sensitive: Set<Int64>) -> [ExportCount] {
        let all = Intervals(0...Int64.max, cutAt: persons).pieces
        let some = Intervals(0...Int64.max, cutAt: sensitive).pieces
        return all.flatMap { persons in
            some.filter { $0.lowerBound <= persons.upperBound }.map { sensitive in
                ExportCount(persons: max(persons.lowerBound, sensitive.lowerBound), sensitivePersons: sensitive.lowerBound)
            }
        }
    }
}
