import Core

/// What a client's header lines mean for its call's labels, told once more from the documentation and in another way than the product
/// reads them: line by line over bytes, without its parser and without `narrowed`.
enum LabelOracle {
    static let classes = ["public", "internal", "personal", "sensitive"]
    static let categories: Set<String> = [
        "important", "special", "genomic", "omic", "biometric", "geolocation", "health", "financial", "identifiers", "government",
    ]
    private static let names: Set<String> = [
        "weir-class", "weir-subject", "weir-purpose", "weir-categories", "weir-export-tags", "weir-person",
    ]
    private static let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    private static let tagLetters = Set("._-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

    /// The labels under which a call of these header lines is judged; nil: it is refused, and nothing of it leaves.
    static func labels(of lines: [[UInt8]], under key: CallLabels) -> CallLabels? {
        var said: [String: [UInt8]] = [:]
        for line in split(lines) {
            guard let colon = line.firstIndex(of: 0x3A), colon > 0, line[..<colon].allSatisfy(tokens.contains) else { return nil }
            let value = trimmed(line[(colon + 1)...])
            guard line[(colon + 1)...].allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }) else { return nil }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard name.hasPrefix("weir-") else { continue }
            guard names.contains(name), said[name] == nil else { return nil }
            said[name] = value
        }
        for (name, value) in said {
            let longest = name == "weir-person" ? 128 : 1024
            let least: UInt8 = name == "weir-person" ? 0x21 : 0x20
            guard !value.isEmpty, value.count <= longest, value.allSatisfy({ $0 >= least && $0 <= 0x7E }) else { return nil }
        }
        let words = said.mapValues { String(decoding: $0, as: UTF8.self) }
        if Set(words.keys).subtracting(["weir-person"]).isEmpty { return key }
        return key.clientNarrows == true ? narrowed(words, under: key) : nil
    }

    private static func narrowed(_ words: [String: String], under key: CallLabels) -> CallLabels? {
        var labels = key
        if let word = words["weir-class"] {
            guard let own = key.dataClass.flatMap(classes.firstIndex(of:)), let asked = classes.firstIndex(of: word), asked >= own
            else { return nil }
            labels.dataClass = word
        }
        if let word = words["weir-subject"] {
            guard key.subjects.contains(word) else { return nil }
            labels.subjects = [word]
        }
        if let word = words["weir-purpose"] {
            guard key.purposes.contains(word) else { return nil }
            labels.purposes = [word]
        }
        if let text = words["weir-categories"] {
            guard let own = key.categories, let list = list(text), categories.isSuperset(of: list) else { return nil }
            labels.categories = own.union(list.compactMap(DataCategory.init(rawValue:)))
        }
        if let text = words["weir-export-tags"] {
            guard let own = key.exportTags, let list = list(text),
                list.allSatisfy({ $0.utf8.count <= 64 && $0.utf8.allSatisfy(tagLetters.contains) }), own.union(list).count <= 32
            else { return nil }
            labels.exportTags = own.union(list)
        }
        return labels
    }

    /// Whether calls of these labels could be judged wider than those of the key: the one thing that must never be.
    static func isWider(_ labels: CallLabels, than key: CallLabels) -> Bool {
        func rank(_ labels: CallLabels) -> Int { labels.dataClass.flatMap(classes.firstIndex(of:)) ?? -1 }
        func lost<T: Hashable>(_ now: Set<T>?, _ before: Set<T>?) -> Bool {
            before == nil ? now != nil : !(now ?? []).isSuperset(of: before ?? [])
        }
        func grew(_ now: Set<String>, _ before: Set<String>) -> Bool {
            now.isEmpty != before.isEmpty || !now.isSubset(of: before)
        }
        return rank(labels) < rank(key) || lost(labels.categories, key.categories) || lost(labels.exportTags, key.exportTags)
            || grew(labels.subjects, key.subjects) || grew(labels.purposes, key.purposes)
    }

    /// A line that holds a line end is two lines on the wire.
    private static func split(_ lines: [[UInt8]]) -> [[UInt8]] {
        lines.flatMap { line -> [[UInt8]] in
            var parts: [[UInt8]] = [[]]
            var at = 0
            while at < line.count {
                if line[at] == 0x0D, at + 1 < line.count, line[at + 1] == 0x0A {
                    parts.append([])
                    at += 2
                } else {
                    parts[parts.count - 1].append(line[at])
                    at += 1
                }
            }
            return parts
        }
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var bytes = bytes
        while let first = bytes.first, first == 0x20 || first == 9 { bytes = bytes.dropFirst() }
        while let last = bytes.last, last == 0x20 || last == 9 { bytes = bytes.dropLast() }
        return Array(bytes)
    }

    private static func list(_ text: String) -> Set<String>? {
        var words = [""]
        for letter in text { if letter == "," { words.append("") } else { words[words.count - 1].append(letter) } }
        let plain = words.map { String(String($0.drop { $0 == " " }.reversed()).drop { $0 == " " }.reversed()) }
        guard plain.count <= 32, !plain.contains(""), Set(plain).count == plain.count else { return nil }
        return Set(plain)
    }
}
