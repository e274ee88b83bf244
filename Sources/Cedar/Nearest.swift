/// Longer names are not compared: nobody mistypes one into another.
private let comparedLengthMax = 64

/// The candidate that a misspelt name most likely meant: at most a third of its letters away. Ties go to the first.
public func nearest(_ name: String, _ candidates: some Sequence<String>) -> String? {
    let letters = Array(name.lowercased().utf8)
    guard letters.count <= comparedLengthMax else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates where candidate.utf8.count <= comparedLengthMax {
        let distance = editDistance(letters, Array(candidate.lowercased().utf8))
        if distance <= max(1, letters.count / 3), distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    return best?.name
}

/// How many letters to insert, remove, replace or exchange with the next to get from one to the other (Damerau and Levenshtein, no
/// letter being touched twice).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var before: [Int] = []
    var row = Array(0...right.count)
    for (i, letter) in left.enumerated() {
        var next = [i + 1]
        next.reserveCapacity(row.count)
        for (j, other) in right.enumerated() {
            var least = min(row[j] + (letter == other ? 0 : 1), row[j + 1] + 1, next[j] + 1)
            if i > 0, j > 0, letter == right[j - 1], left[i - 1] == other { least = min(least, before[j - 1] + 1) }
            next.append(least)
        }
        before = row
        row = next
    }
    return row[right.count]
}
