public import Core

/// Framing tokens that a chat template can add around one message; generous against every template read so far.
public let framingTokensPerMessage: Int64 = 16
/// Framing tokens that a call can have besides its messages (system preamble, tool header, priming of the answer).
public let framingTokensPerCall: Int64 = 64

/// The most input tokens a body can be read as: each token of a byte-level BPE covers at least one byte.
/// `nil` when the call has images and nobody has bounded what one costs.
public func inputTokenBound(inputBytes: Int, messages: Int, images: Int, imageBound: Int64?) -> Int64? {
    var bound = saturated(Int64(inputBytes), plus: framingTokensPerCall)
    bound = saturated(bound, plus: saturated(Int64(messages), times: framingTokensPerMessage))
    guard images > 0 else { return bound }
    guard let imageBound else { return nil }
    return saturated(bound, plus: saturated(Int64(images), times: imageBound))
}

/// The most tokens that one attempt can use, and of which kinds.
public struct TokenBound: Sendable, Hashable {
    public var input: Int64
    /// Over all choices.
    public var output: Int64
    /// The call has or asks for audio, whose tokens have prices of their own.
    public var hasAudio: Bool
    /// The tier that the call asks for; whatever it is, it may be served as standard. A call that leaves the choice to the provider
    /// (`auto`) asks for the dearest tier that its price has.
    public var tier: ServiceTier

    public init(input: Int64, output: Int64, hasAudio: Bool = false, tier: ServiceTier = .standard) {
        self.input = input
        self.output = output
        self.hasAudio = hasAudio
        self.tier = tier
    }
}

/// The most that one attempt can cost, rounded up: each token at the dearest meter it can be counted by.
/// `nil` when the price knows too little to bound it.
public func upperBound(_ bound: TokenBound, _ price: Price) -> Money? {
    DearestPrices(bound, price)?.upperBound(bound)
}

/// The longest output of each of `choices` that a headroom still pays for; `nil` when not even the input fits.
public func affordableOutput(_ headroom: Money, _ bound: TokenBound, choices: Int64, _ price: Price) -> Int64? {
    guard let dearest = DearestPrices(bound, price) else { return nil }
    let left = Int128(headroom.nanos) * 1000 - product(bound.input, dearest.input)
    guard left >= 0 else { return nil }
    guard dearest.output > 0 else { return Int64.max }
    return Int64(clamping: left / Int128(dearest.output) / Int128(max(1, choices)))
}

/// What one attempt did cost: meters times price, rounded half-even once. `nil` when a meter it used has no price.
public func charge(_ usage: Usage, _ price: Price, tier: ServiceTier = .standard, startedAt moment: Timestamp) -> Money? {
    guard let rates = price.rates(inputTokens: usage.inputTokens, tier: tier, startedAt: moment) else { return nil }
    return charge(usage, rates)
}

/// The same at rates that are known to be this usage's.
public func charge(_ usage: Usage, _ rates: Rates) -> Money? {
    var picos: Int128 = 0
    for meter in Meter.all where usage[meter] > 0 {
        guard let rate = rates.charged(meter) else { return nil }
        picos += product(usage[meter], rate.picos)
    }
    return Money(picos: picos, rounding: .halfEven)
}

/// What a call of so many tokens probably uses, to compare prices by: a quarter of what generates is output.
public func probableUsage(_ tokens: Int64, of operation: Operation) -> Usage {
    let output = operation.generates ? tokens / 4 : 0
    return Usage(input: tokens - output, output: output)
}

/// The most that one token of a call can cost, by the dearest meters that it can be counted by, in pico-dollars.
public struct DearestPrices: Sendable, Hashable {
    public let input: Int64
    public let output: Int64

    /// `nil` when the price knows too little.
    public init?(_ bound: TokenBound, _ price: Price) {
        guard let rates = price.dearest(inputTokensAtMost: bound.input, tier: bound.tier) else { return nil }
        let noOutput: Int64? = price.makesNoOutput && bound.output == 0 ? 0 : nil
        guard var input = rates[.input]?.picos, var output = rates[.output]?.picos ?? noOutput else { return nil }
        for meter in [Meter.cachedInput, .cacheWrite, .cacheWriteHour, .imageInput] {
            input = max(input, rates[meter]?.picos ?? 0)
        }
        output = max(output, rates[.reasoning]?.picos ?? 0, rates[.imageOutput]?.picos ?? 0)
        if bound.hasAudio {
            guard let audioIn = rates[.audioInput]?.picos, let audioOut = rates[.audioOutput]?.picos else { return nil }
            input = max(input, audioIn)
            output = max(output, audioOut)
        }
        (self.input, self.output) = (input, output)
    }

    /// The most that so many tokens cost at these prices, rounded up.
    public func upperBound(_ bound: TokenBound) -> Money {
        // Two products of 63 bits each stay below 2^127 together.
        Money(picos: product(bound.input, input) + product(bound.output, output), rounding: .up)
    }
}

/// Negative meters are no usage; each product of two 63-bit numbers is clamped so that ten of them add up within 127 bits.
private func product(_ tokens: Int64, _ picos: Int64) -> Int128 {
    min(Int128(max(0, tokens)) * Int128(max(0, picos)), Int128.max / 16)
}

private func saturated(_ a: Int64, plus b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? Int64.max : sum
}

private func saturated(_ a: Int64, times b: Int64) -> Int64 {
    let (product, overflow) = max(0, a).multipliedReportingOverflow(by: max(0, b))
    return overflow ? Int64.max : product
}
