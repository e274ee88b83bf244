import Yams

/// One mapping of a scenario file, read key by key; what is left at the end is an error.
struct Table {
    private let what: String
    private let file: String
    private let line: Int
    private var values: [String: Node] = [:]
    private var lines: [String: Int] = [:]
    private var known: [String] = []

    init(_ node: Node, _ what: String, _ file: String) throws {
        self.what = what
        self.file = file
        line = node.mark?.line ?? 0
        guard let mapping = node.mapping else {
            throw ScenarioError(file: file, line: line, reason: "\(what) must be a mapping of keys and values")
        }
        for (key, value) in mapping {
            guard let name = key.scalar?.string else {
                throw ScenarioError(file: file, line: key.mark?.line ?? line, reason: "a key must be plain text")
            }
            values[name] = value
            lines[name] = key.mark?.line ?? line
        }
    }

    func wrong(_ key: String, _ reason: String) -> ScenarioError {
        ScenarioError(file: file, line: lines[key] ?? line, reason: "\(key) \(reason)")
    }

    /// Refuses keys that nobody asked for.
    func finish() throws {
        let unknown = values.keys.filter { !known.contains($0) }.min { (lines[$0] ?? 0) < (lines[$1] ?? 0) }
        if let unknown {
            throw ScenarioError(
                file: file, line: lines[unknown] ?? line,
                reason: "\(what) has no key \(unknown)" + suggestion(for: unknown, among: known))
        }
    }

    private mutating func take(_ key: String) -> Node? {
        known.append(key)
        return values[key]
    }

    mutating func text(_ key: String) throws -> String? {
        guard let node = take(key) else { return nil }
        guard let text = node.scalar?.string, !text.isEmpty else { throw wrong(key, "must be text") }
        return text
    }

    mutating func required(_ key: String) throws -> String {
        guard let text = try text(key) else { throw ScenarioError(file: file, line: line, reason: "\(what) needs \(key)") }
        return text
    }

    mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = try text(key) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            let most = range.upperBound == Int.max ? "" : " to \(range.upperBound)"
            throw wrong(key, "must be a whole number from \(range.lowerBound)\(most), not \(text)")
        }
        return number
    }

    mutating func number(_ key: String) throws -> Double? {
        guard let text = try text(key) else { return nil }
        guard let number = Double(text), number >= 0, number.isFinite else {
            throw wrong(key, "must be a number from 0, not \(text)")
        }
        return number
    }

    /// Milliseconds of `20ms`, `1.5s` or `2m`.
    mutating func duration(_ key: String) throws -> Int? {
        guard let text = try text(key) else { return nil }
        guard let value = milliseconds(text[...]) else { throw wrong(key, "must be a time such as 200ms or 2s, not \(text)") }
        return value
    }

    func milliseconds(_ text: Substring) -> Int? {
        for (suffix, factor) in [("ms", 1.0), ("s", 1_000.0), ("m", 60_000.0)] where text.hasSuffix(suffix) {
            guard let number = Double(text.dropLast(suffix.count)), number >= 0, number < 1e9 else { return nil }
            return Int(number * factor)
        }
        return nil
    }

    /// Counts of tokens; a span never asks for more.
    static func count(_ text: Substring) -> Int? { Int(text).flatMap { $0 <= 10_000_000 ? $0 : nil } }

    /// `low..high` or one value.
    mutating func span(_ key: String, unit: (Substring) -> Int?) throws -> Span? {
        guard let text = try text(key) else { return nil }
        let trimmed = text.filter { $0 != " " }
        var ends = [trimmed[...]]
        if let dots = trimmed.range(of: "..") { ends = [trimmed[..<dots.lowerBound], trimmed[dots.upperBound...]] }
        let read = ends.compactMap(unit)
        guard read.count == ends.count, let low = read.first, let high = read.last, low >= 0, high >= low else {
            throw wrong(key, "must be one value or low..high with its unit, not \(text)")
        }
        return Span(low, high)
    }

    mutating func choice<Choice: RawRepresentable<String>>(_ key: String, _ all: [Choice]) throws -> Choice? {
        guard let text = try text(key) else { return nil }
        return try choose(key, text, all)
    }

    mutating func choices<Choice: RawRepresentable<String>>(_ key: String, _ all: [Choice]) throws -> [Choice] {
        try list(key).map { try choose(key, $0.scalar?.string ?? "", all) }
    }

    private func choose<Choice: RawRepresentable<String>>(_ key: String, _ text: String, _ all: [Choice]) throws -> Choice {
        guard let choice = Choice(rawValue: text) else {
            let names = all.map(\.rawValue)
            throw wrong(key, "is one of \(names.joined(separator: ", ")), not \(text)" + suggestion(for: text, among: names))
        }
        return choice
    }

    mutating func table(_ key: String) throws -> Table? {
        try take(key).map { try Table($0, key, file) }
    }

    /// A list, or one value that stands for a list of one.
    mutating func list(_ key: String) throws -> [Node] {
        guard let node = take(key) else { return [] }
        return node.sequence.map { Array($0) } ?? [node]
    }

    mutating func headers(_ key: String) throws -> [Header] {
        guard let node = take(key) else { return [] }
        guard let mapping = node.mapping else { throw wrong(key, "must be a mapping of names and values") }
        return try mapping.map { name, value in
            guard let name = name.scalar?.string, let value = value.scalar?.string else {
                throw wrong(key, "must be a mapping of names and values")
            }
            return Header(name, value)
        }
    }
}

extension String {
    /// The first place of `part`.
    fileprivate func range(of part: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// ". Did you mean …?" when one of the words is near, else nothing.
func suggestion(for word: String, among words: [String]) -> String {
    let nearest = words.map { ($0, distance(word, $0)) }.min { $0.1 < $1.1 }
    guard let nearest, nearest.1 < word.count, nearest.1 <= max(2, word.count / 3) else { return "" }
    return ". Did you mean \(nearest.0)?"
}

/// Levenshtein's edit distance.
private func distance(_ one: String, _ other: String) -> Int {
    let other = Array(other)
    var row = Array(0...other.count)
    for (i, letter) in one.enumerated() {
        var corner = row[0]
        row[0] = i + 1
        for (j, letterOther) in other.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, corner + (letter == letterOther ? 0 : 1))
            corner = above
        }
    }
    return row[other.count]
}
