/// Some of a number of things, by their numbers.
struct Bits: Hashable {
    private var words: [UInt64]

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    /// Those of `count` for which it holds.
    init(count: Int, where holds: (Int) -> Bool) {
        self.init(count: count)
        for number in 0..<count where holds(number) { insert(number) }
    }

    func contains(_ number: Int) -> Bool { words[number / 64] >> UInt64(number % 64) & 1 == 1 }
    mutating func insert(_ number: Int) { words[number / 64] |= 1 << UInt64(number % 64) }

    /// The lowest number.
    var first: Int? {
        for (index, word) in words.enumerated() where word != 0 { return index * 64 + word.trailingZeroBitCount }
        return nil
    }

    func intersection(_ other: Bits) -> Bits {
        var both = self
        for index in words.indices { both.words[index] &= other.words[index] }
        return both
    }

    func subtracting(_ other: Bits) -> Bits {
        var rest = self
        for index in words.indices { rest.words[index] &= ~other.words[index] }
        return rest
    }

    func isDisjoint(with other: Bits) -> Bool { words.indices.allSatisfy { words[$0] & other.words[$0] == 0 } }
}
