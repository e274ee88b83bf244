/// What came of each question of a set of policies, two bits each: it holds, it fails, it errs, or nobody had to ask. Equal outcomes
/// mean equal verdicts.
struct Outcomes: Hashable, Sendable {
    enum Outcome: UInt64 { case unasked = 0, holds = 1, errs = 2, fails = 3 }

    private static let perWord = 32
    private(set) var words: [UInt64]

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + Self.perWord - 1) / Self.perWord) }

    subscript(question: Int) -> Outcome {
        get {
            Outcome(rawValue: words[question / Self.perWord] >> UInt64(2 * (question % Self.perWord)) & 3) ?? .errs
        }
        set {
            let shift = UInt64(2 * (question % Self.perWord))
            words[question / Self.perWord] &= ~(3 << shift)
            words[question / Self.perWord] |= newValue.rawValue << shift
        }
    }
}

/// Some of the endpoints of a catalogue, by their numbers.
public struct EndpointSet: Hashable, Sendable {
    private var words: [UInt64]

    /// Of a catalogue with so many endpoints: none of them.
    public init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    public func contains(_ endpoint: Int) -> Bool {
        endpoint / 64 < words.count && words[endpoint / 64] >> UInt64(endpoint % 64) & 1 == 1
    }

    public mutating func insert(_ endpoint: Int) { words[endpoint / 64] |= 1 << UInt64(endpoint % 64) }

    public mutating func formUnion(_ other: EndpointSet) {
        for index in words.indices { words[index] |= other.words[index] }
    }

    public mutating func subtract(_ other: EndpointSet) {
        for index in words.indices { words[index] &= ~other.words[index] }
    }

    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
}
