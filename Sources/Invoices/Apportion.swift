/// Divides a total by weights, so that the parts sum to it exactly: each gets its share rounded down, and what is left goes one
/// unit each to the largest remainders; of equal remainders the earlier is first. Weights that sum to nothing divide evenly.
public func apportion(_ total: Int128, _ weights: [Int128]) -> [Int128] {
    precondition(weights.allSatisfy { $0 >= 0 }, "a weight is not negative")
    guard !weights.isEmpty else { return [] }
    var sum = weights.reduce(0, +)
    let weights = sum == 0 ? weights.map { _ in Int128(1) } : weights
    if sum == 0 { sum = Int128(weights.count) }
    let whole = total.magnitude
    var parts: [UInt128] = []
    var remainders: [(rest: UInt128, index: Int)] = []
    var given: UInt128 = 0
    for (index, weight) in weights.enumerated() {
        // A product of two large numbers is divided at full width.
        let product = whole.multipliedFullWidth(by: UInt128(weight))
        let (quotient, rest) = sum.magnitude.dividingFullWidth(product)
        parts.append(quotient)
        remainders.append((rest, index))
        given += quotient
    }
    let left = Int(whole - given)
    remainders.sort { ($1.rest, $0.index) < ($0.rest, $1.index) }
    for (_, index) in remainders.prefix(left) { parts[index] += 1 }
    return parts.map { total < 0 ? -Int128($0) : Int128($0) }
}
