import Core

/// Which of several equal endpoints a prompt belongs to: calls that begin alike go where their beginning may be cached. Each endpoint draws a
/// number from the prompt's key and its own name, and the least wins (weighted rendezvous hashing); so when one comes or goes, only
/// the prompts that it wins or held move.
struct Affinity {
    let key: UInt64

    /// Answers that take less count as fast alike: a cache saves more than so much of a long prompt's time.
    private static let alikeMicroseconds: Int64 = 100_000

    /// Sorts equal endpoints by their draws. A slower one's weight halves with each doubling of the time of a typical answer, in whole
    /// steps: a prompt must not wander because an average moved a little, and must leave an endpoint that is swamped.
    func order(_ group: inout ArraySlice<Int>, in catalogue: Catalogue, health: [Health]) {
        let fastest = max(Self.alikeMicroseconds, fastestMicroseconds(of: group, health))
        let draws = group.map { endpoint in
            let slower = max(health[endpoint].expectedMicroseconds ?? fastest, fastest) / fastest
            let halvings = UInt64(63 - slower.leadingZeroBitCount)
            let weight = UInt64(max(0, catalogue.endpoints[endpoint].weight)) * 1024 >> halvings
            return (draw: draw(catalogue.endpoints[endpoint].name, weight: weight), endpoint: endpoint)
        }.sorted { $0.draw < $1.draw }
        for (index, drawn) in zip(group.indices, draws) { group[index] = drawn.endpoint }
    }

    /// Shares follow the weights: of exponential draws at rates of the weights, each is the least in proportion to its own.
    private func draw(_ name: String, weight: UInt64) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(key)
        hasher.combine(name)
        let uniform = UInt64(bitPattern: Int64(hasher.finalize()))
        return (negativeLogarithm(uniform) << Self.scaleBits) / max(1, weight)
    }

    /// Above what a weight has of bits, below what a logarithm leaves.
    private static let scaleBits: UInt64 = 32
    /// Fractional bits of a logarithm.
    static let fractionBits: UInt64 = 20

    /// −log₂ of `x`/2⁶⁴, with `fractionBits` after the point. In whole numbers, since Policy has no Foundation.
    func negativeLogarithm(_ x: UInt64) -> UInt64 {
        let x = x | 1
        let whole = UInt64(63 - x.leadingZeroBitCount)
        // The mantissa in 1…2 with 31 bits after the point; each squaring yields one more bit of its logarithm.
        var mantissa = (x << UInt64(x.leadingZeroBitCount)) >> 32
        var fraction: UInt64 = 0
        for _ in 0..<Self.fractionBits {
            mantissa = (mantissa * mantissa) >> 31
            fraction <<= 1
            if mantissa >> 32 > 0 {
                fraction |= 1
                mantissa >>= 1
            }
        }
        return (64 << Self.fractionBits) - (whole << Self.fractionBits | fraction)
    }
}
