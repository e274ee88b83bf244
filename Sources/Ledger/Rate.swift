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

/// The most that one attempt can cost, rounded up: input at the dearer of read-anew and cached, every choice at its full output.
/// `nil` when the call has images and nobody has bounded what one costs.
public func upperBound(
    inputBytes: Int, messages: Int, images: Int, imageBound: Int64?, choices: Int64, maxOutput: Int64, price: Price
) -> Money? {
    guard
        let input = inputTokenBound(
            inputBytes: inputBytes, messages: messages, images: images, imageBound: imageBound)
    else { return nil }
    return upperBound(inputTokens: input, outputTokens: saturated(choices, times: maxOutput), price: price)
}

/// The same from bounds that are already in tokens, the output over all choices.
public func upperBound(inputTokens: Int64, outputTokens: Int64, price: Price) -> Money {
    // Two products of 63 bits each stay below 2^127 together.
    let dearer = max(price.input.picos, price.cachedInput.picos)
    let picos = product(inputTokens, dearer) + product(outputTokens, price.output.picos)
    return Money(picos: picos, rounding: .up)
}

/// The longest output of each of `choices` that a headroom still pays for; `nil` when not even the input fits.
public func affordableOutput(_ headroom: Money, inputTokens: Int64, choices: Int64, price: Price) -> Int64? {
    let dearer = max(price.input.picos, price.cachedInput.picos)
    let left = Int128(headroom.nanos) * 1000 - product(inputTokens, dearer)
    guard left >= 0 else { return nil }
    guard price.output.picos > 0 else { return Int64.max }
    let tokens = left / Int128(price.output.picos) / Int128(max(1, choices))
    return Int64(clamping: tokens)
}

/// What one attempt did cost: meters times price, rounded half-even once.
public func charge(_ usage: Usage, _ price: Price) -> Money {
    let picos =
        product(usage.input, price.input.picos) + product(usage.cachedInput, price.cachedInput.picos)
        + product(usage.output, price.output.picos) + product(usage.reasoning, price.output.picos)
    return Money(picos: picos, rounding: .halfEven)
}

/// Negative meters are no usage; each product of two 63-bit numbers is clamped so that four of them add up within 127 bits.
private func product(_ tokens: Int64, _ picos: Int64) -> Int128 {
    min(Int128(max(0, tokens)) * Int128(max(0, picos)), Int128.max / 4)
}

private func saturated(_ a: Int64, plus b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? Int64.max : sum
}

private func saturated(_ a: Int64, times b: Int64) -> Int64 {
    let (product, overflow) = max(0, a).multipliedReportingOverflow(by: max(0, b))
    return overflow ? Int64.max : product
}
