public import Core
public import NIOCore

/// More tokens than one attempt can have; a number above it is a mistake, and nothing is charged by a mistake.
public let tokensMax: Int64 = 1_000_000_000

/// What a whole JSON answer says about itself. Ranges are offsets into it.
public struct AnswerScan: Sendable, Hashable {
    /// nil when the answer has none, or one that cannot be true.
    public var usage: Usage?
    /// The usage object as it came, to be kept beside the meters.
    public var rawUsage: Range<Int>?
    /// The `error` member, when it is not null.
    public var error: Range<Int>?
    /// The model that the provider says it used, inside its quotes.
    public var model: Range<Int>?

    public init() {}
}

/// Reads a whole answer; throws when it is not exactly one complete JSON object.
public func readAnswer(_ body: UnsafeRawBufferPointer) throws(ScanError) -> AnswerScan {
    var cursor = JSONCursor(body, depthMax: jsonDepthMax, isStrict: false)
    var answer = AnswerScan()
    cursor.skipSpace()
    guard cursor.peek == UInt8(ascii: "{") else {
        throw cursor.at < cursor.end ? cursor.fault(.notAnObject) : cursor.fault()
    }
    try cursor.enter()
    var first = true
    while let key = try cursor.nextKey(&first) {
        if cursor.matches(key, "usage") {
            let start = cursor.at
            let usage = try cursor.usage()
            if cursor.base[start] == UInt8(ascii: "{") {
                answer.usage = usage
                answer.rawUsage = start..<cursor.at
            }
        } else if cursor.matches(key, "error") {
            answer.error = try cursor.valueUnlessNull() ?? answer.error
        } else if cursor.matches(key, "model") {
            answer.model = try cursor.textUnlessEmpty() ?? answer.model
        } else {
            try cursor.skip()
        }
    }
    try cursor.finish()
    return answer
}

/// Reads the readable bytes; offsets count from its reader index.
public func readAnswer(_ body: ByteBuffer) throws(ScanError) -> AnswerScan {
    try body.withUnsafeReadableBytes { bytes throws(ScanError) in try readAnswer(bytes) }
}

/// Meters as the APIs write them, where parts are counted again in the whole.
private struct WrittenUsage {
    var input: Int64?
    var output: Int64?
    var cached: Int64?
    var cacheHit: Int64?
    var reasoning: Int64?
    var total: Int64?
    var isSound = true

    /// The same as meters that do not overlap; nil when the numbers cannot be true.
    var meters: Usage? {
        guard isSound, let input else { return nil }
        // Embeddings have no output, and say so by a total that is all input.
        guard let output = output ?? (total == nil || total == input ? 0 : nil) else { return nil }
        let cached = cached ?? cacheHit ?? 0
        let reasoning = reasoning ?? 0
        guard cached <= input, reasoning <= output else { return nil }
        return Usage(input: input - cached, cachedInput: cached, output: output - reasoning, reasoning: reasoning)
    }
}

extension JSONCursor {
    /// Passes any value; its range unless it is null.
    mutating func valueUnlessNull() throws(ScanError) -> Range<Int>? {
        let start = at
        let isNull = peek == UInt8(ascii: "n")
        try skip()
        return isNull ? nil : start..<at
    }

    /// Passes any value; the inside of its quotes if it is a string that is not empty.
    mutating func textUnlessEmpty() throws(ScanError) -> Range<Int>? {
        guard peek == UInt8(ascii: "\"") else {
            try skip()
            return nil
        }
        let text = try string()
        return text.isEmpty ? nil : text.range
    }

    /// Passes a usage value of any dialect; nil when it is no object or cannot be true.
    mutating func usage() throws(ScanError) -> Usage? {
        guard peek == UInt8(ascii: "{") else {
            try skip()
            return nil
        }
        var written = WrittenUsage()
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            switch key.end - key.start {
            case 12 where matches(key, "input_tokens"): written.input = try tokens(&written)
            case 12 where matches(key, "total_tokens"): written.total = try tokens(&written)
            case 13 where matches(key, "prompt_tokens"): written.input = try tokens(&written)
            case 13 where matches(key, "output_tokens"): written.output = try tokens(&written)
            case 17 where matches(key, "completion_tokens"): written.output = try tokens(&written)
            case 20 where matches(key, "input_tokens_details"): written.cached = try detail("cached_tokens", &written)
            case 21 where matches(key, "prompt_tokens_details"): written.cached = try detail("cached_tokens", &written)
            case 21 where matches(key, "output_tokens_details"):
                written.reasoning = try detail("reasoning_tokens", &written)
            case 23 where matches(key, "prompt_cache_hit_tokens"): written.cacheHit = try tokens(&written)
            case 25 where matches(key, "completion_tokens_details"):
                written.reasoning = try detail("reasoning_tokens", &written)
            default: try skip()
            }
        }
        return written.meters
    }

    private mutating func detail(_ name: StaticString, _ written: inout WrittenUsage) throws(ScanError) -> Int64? {
        guard peek == UInt8(ascii: "{") else {
            try skip()
            return nil
        }
        var value: Int64?
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            if matches(key, name) { value = try tokens(&written) } else { try skip() }
        }
        return value
    }

    /// A count of tokens; null is none. Anything else that is no such count makes the whole usage unsound.
    private mutating func tokens(_ written: inout WrittenUsage) throws(ScanError) -> Int64? {
        guard peek == UInt8(ascii: "-") || peek &- 0x30 < 10 else {
            if peek != UInt8(ascii: "n") { written.isSound = false }
            try skip()
            return nil
        }
        let number = try number()
        guard number.whole, let value = integer(number.range), value >= 0, value <= tokensMax else {
            written.isSound = false
            return nil
        }
        return value
    }
}
