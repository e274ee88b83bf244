import Core

/// What a scalar's text says, or what is wrong with it. The text itself is never repeated: it could be a secret.
enum Reading<T> {
    case value(T)
    case wrong(String, meant: String? = nil)
}

/// Which characters a name may have, and how many.
enum NameForm {
    /// Nodes, zones, engines, endpoints, tenants, teams.
    case label
    /// Models and price lists: also `/` and `:`.
    case model
    /// An Azure deployment or a provider's model id.
    case upstream

    /// The end of a sentence, or nil when the name is good.
    func problem(_ name: String) -> String? {
        let (longest, extra, words) =
            switch self {
            case .label: (64, "._-", "letters, digits, `.`, `_` and `-`")
            case .model: (128, "._-:/", "letters, digits, `.`, `_`, `-`, `:` and `/`")
            case .upstream: (256, "._-:/@", "letters, digits, `.`, `_`, `-`, `:`, `/` and `@`")
            }
        guard let first = name.utf8.first else { return "is empty." }
        guard name.utf8.count <= longest else { return "is longer than \(longest) characters." }
        guard isLetter(first) || isDigit(first) else { return "has to begin with a letter or digit." }
        guard name.utf8.allSatisfy({ isLetter($0) || isDigit($0) || extra.utf8.contains($0) }) else {
            return "may hold only \(words)."
        }
        guard !name.contains("//"), !name.contains(".."), !name.hasSuffix("/") else { return "has empty parts." }
        return nil
    }
}

func readName(_ text: String, _ key: String, _ form: NameForm) -> Reading<String> {
    if let problem = form.problem(text) { return .wrong("`\(key)` \(problem)") }
    return .value(text)
}

func readPath(_ text: String, _ key: String) -> Reading<String> {
    guard !text.isEmpty, text.utf8.count <= 1024, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
        return .wrong("`\(key)` takes a path of 1 to 1024 bytes.")
    }
    guard text.utf8.first != UInt8(ascii: "~") else { return .wrong("`\(key)`: `~` is not expanded; write the path out.") }
    return .value(text)
}

/// Free text for people: a contract, an operator's name.
func readProse(_ text: String, _ key: String, max: Int) -> Reading<String> {
    guard !text.isEmpty, text.utf8.count <= max, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }),
        text.first != " ", text.last != " "
    else { return .wrong("`\(key)` takes one line of 1 to \(max) bytes.") }
    return .value(text)
}

func readWhole(_ text: String, _ key: String, _ bounds: ClosedRange<Int64>) -> Reading<Int64> {
    guard let number = digits(text) else {
        return .wrong("`\(key)` takes a whole number without a unit, from \(bounds.lowerBound) to \(bounds.upperBound).")
    }
    guard bounds.contains(number) else {
        return .wrong("`\(key)` has to be from \(bounds.lowerBound) to \(bounds.upperBound).")
    }
    return .value(number)
}

func readChoice<T: RawRepresentable<String> & CaseIterable>(_ text: String, _ key: String) -> Reading<T> {
    if let value = T(rawValue: text) { return .value(value) }
    let words = T.allCases.map(\.rawValue)
    return .wrong(
        "`\(key)` has to be one of \(words.map { "`\($0)`" }.joined(separator: ", ")).", meant: likely(text, among: words))
}

// MARK: - Numbers with units

/// A unit and what one of it is in the smallest one.
struct Unit {
    var name: String
    var scale: Int64

    static let bytes = [
        Unit(name: "B", scale: 1), Unit(name: "KiB", scale: 1 << 10), Unit(name: "MiB", scale: 1 << 20),
        Unit(name: "GiB", scale: 1 << 30),
    ]
    static let microseconds = [
        Unit(name: "us", scale: 1), Unit(name: "ms", scale: 1000), Unit(name: "s", scale: 1_000_000),
        Unit(name: "m", scale: 60_000_000), Unit(name: "h", scale: 3_600_000_000), Unit(name: "d", scale: 86_400_000_000),
    ]
    static let percent = [Unit(name: "%", scale: 1)]
}

/// Words that people write for units.
private let unitSynonyms = [
    "b": "B", "byte": "B", "bytes": "B", "k": "KiB", "kb": "KiB", "kib": "KiB", "ki": "KiB", "m": "MiB", "mb": "MiB",
    "mib": "MiB", "mi": "MiB", "g": "GiB", "gb": "GiB", "gib": "GiB", "gi": "GiB", "µs": "us", "usec": "us", "micros": "us",
    "msec": "ms", "millis": "ms", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m",
    "minute": "m", "minutes": "m", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d",
    "percent": "%",
]

/// Reads `32MiB`: digits and a unit, no space and no fraction. The answer is in the smallest unit.
func readQuantity(_ text: String, _ key: String, _ units: [Unit], _ bounds: ClosedRange<Int64>) -> Reading<Int64> {
    let number = text.prefix { $0.isASCII && $0.isNumber }
    let unit = text.dropFirst(number.count)
    let example = "`\(shown(bounds.lowerBound, units))` to `\(shown(bounds.upperBound, units))`"
    let names = units.map { "`\($0.name)`" }.joined(separator: ", ")
    let explanation = units.count == 1 ? "a whole number and \(names)" : "a whole number and a unit (\(names))"
    guard let amount = digits(number) else { return .wrong("`\(key)` takes \(explanation), from \(example).") }
    guard let known = units.first(where: { $0.name == unit }) else {
        let word = unit.trimmingSpaces.lowercased()
        // `m` is a minute where time is meant, so a synonym counts only where its unit exists.
        let meant = units.first { $0.name == unitSynonyms[word] || $0.name.lowercased() == word }
        return .wrong("`\(key)` takes \(explanation), from \(example).", meant: meant.map { "\(amount)\($0.name)" })
    }
    let (value, overflow) = amount.multipliedReportingOverflow(by: known.scale)
    guard !overflow, bounds.contains(value) else { return .wrong("`\(key)` has to be from \(example).") }
    return .value(value)
}

/// In the largest unit that divides it.
private func shown(_ value: Int64, _ units: [Unit]) -> String {
    let unit = units.last { value % $0.scale == 0 && (value != 0 || $0.scale == 1) } ?? units[0]
    return "\(value / unit.scale)\(unit.name)"
}

extension Section {
    func bytes(_ key: String, _ standard: Int, in bounds: ClosedRange<Int64>) -> Int {
        value(optionalText(key)) { readQuantity($0, key, Unit.bytes, bounds) }.map(Int.init) ?? standard
    }

    /// Bounds are in microseconds.
    func microseconds(_ key: String, _ standard: Int64, in bounds: ClosedRange<Int64>) -> Int64 {
        value(optionalText(key)) { readQuantity($0, key, Unit.microseconds, bounds) } ?? standard
    }

    /// Bounds are in milliseconds; a finer time is refused.
    func milliseconds(_ key: String, _ standard: Int64, in bounds: ClosedRange<Int64>) -> Int64 {
        let units = Unit.microseconds.dropFirst().map { Unit(name: $0.name, scale: $0.scale / 1000) }
        return value(optionalText(key)) { readQuantity($0, key, units, bounds) } ?? standard
    }

    func count(_ key: String, _ standard: Int, in bounds: ClosedRange<Int64>) -> Int {
        optionalWhole(key, in: bounds).map(Int.init) ?? standard
    }
}

/// Only digits, at most what fits.
func digits(_ text: some StringProtocol) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy(isDigit) else { return nil }
    return Int64(text)
}

extension StringProtocol {
    var trimmingSpaces: SubSequence {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return rest
    }
}
