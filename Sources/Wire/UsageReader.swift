public import Core
public import NIOCore

/// More tokens than one attempt can have; a number above it is a mistake, and nothing is charged by a mistake.
public let tokensMax: Int64 = 1_000_000_000

/// What a whole JSON answer says about itself. Ranges are offsets into it.
public struct AnswerScan: Sendable, Hashable {
    /// nil when the answer has none, or one that cannot be true.
    public var usage: Usage?
    /// The usage object as it came, to be kept beside the meters. Ollama's own dialect has none.
    public var rawUsage: Range<Int>?
    /// The tier that the provider says it served; nil when it says nothing, or a word that Weir does not know.
    public var servedTier: ServiceTier?
    /// It says a word that Weir does not know, so that nobody knows the price.
    public var hasUnknownTier = false
    /// The `error` member, when it is not null.
    public var error: Range<Int>?
    /// The model that the provider says it used, inside its quotes.
    public var model: Range<Int>?

    public init() {}

    fileprivate mutating func take(_ tier: StatedTier) {
        servedTier = tier.known
        hasUnknownTier = tier.known == nil
    }
}

/// Reads a whole answer; throws when it is not exactly one complete JSON object.
public func readAnswer(_ body: UnsafeRawBufferPointer) throws(ScanError) -> AnswerScan {
    var cursor = JSONCursor(body, depthMax: jsonDepthMax, isStrict: false)
    var answer = AnswerScan()
    var ollama = WrittenUsage()
    cursor.skipSpace()
    guard cursor.peek == UInt8(ascii: "{") else {
        throw cursor.at < cursor.end ? cursor.fault(.notAnObject) : cursor.fault()
    }
    try cursor.enter()
    var first = true
    while let key = try cursor.nextKey(&first) {
        switch key.end - key.start {
        case 5 where cursor.matches(key, "usage"):
            let start = cursor.at
            let read = try cursor.usage()
            if cursor.base[start] == UInt8(ascii: "{") {
                answer.usage = read.meters
                answer.rawUsage = start..<cursor.at
                // Anthropic tells the tier in its usage.
                if read.statesTier { answer.take(StatedTier(known: read.tier)) }
            }
        case 5 where cursor.matches(key, "error"): answer.error = try cursor.valueUnlessNull() ?? answer.error
        case 5 where cursor.matches(key, "model"): answer.model = try cursor.textUnlessEmpty() ?? answer.model
        case 10 where cursor.matches(key, "eval_count"): ollama.output = try cursor.tokens(ollama.output, &ollama)
        case 12 where cursor.matches(key, "service_tier"):
            if let tier = try cursor.serviceTier() { answer.take(tier) }
        case 17 where cursor.matches(key, "prompt_eval_count"): ollama.input = try cursor.tokens(ollama.input, &ollama)
        default: try cursor.skip()
        }
    }
    try cursor.finish()
    if answer.rawUsage == nil { answer.usage = ollama.meters }
    return answer
}

/// Reads the readable bytes; offsets count from its reader index.
public func readAnswer(_ body: ByteBuffer) throws(ScanError) -> AnswerScan {
    try body.withUnsafeReadableBytes { bytes throws(ScanError) in try readAnswer(bytes) }
}

/// Reads a usage object that was kept, of any dialect, so that it can be rated again; nil when it cannot be true.
public func readUsage(_ raw: UnsafeRawBufferPointer) -> Usage? {
    var cursor = JSONCursor(raw, depthMax: jsonDepthMax, isStrict: false)
    cursor.skipSpace()
    do {
        let read = try cursor.usage()
        try cursor.finish()
        return read.meters
    } catch {
        return nil
    }
}

/// Meters as the APIs write them. OpenAI, Azure, DashScope and DeepSeek count parts again in the whole; Anthropic leaves what
/// its cache read and wrote out of `input_tokens`.
struct WrittenUsage {
    var input: Int64?
    var output: Int64?
    var total: Int64?
    /// The input is called `prompt_tokens`, which is the whole in every dialect.
    var isPrompt = false
    /// Three names for the same: in the details, at DeepSeek, at Anthropic.
    var cached: Int64?
    var cacheHit: Int64?
    var cacheRead: Int64?
    var cacheMiss: Int64?
    /// Cache writes: all of them, and those kept for minutes and for an hour.
    var written: Int64?
    var writtenMinutes: Int64?
    var writtenHour: Int64?
    /// The writes stand in the details of the input, and are part of it.
    var writesAreInside = false
    var audioInput: Int64?
    var imageInput: Int64?
    var reasoning: Int64?
    var audioOutput: Int64?
    var imageOutput: Int64?
    var tier: ServiceTier?
    var statesTier = false
    var isSound = true

    /// The same as meters that do not overlap; nil when the numbers cannot be true.
    var meters: Usage? {
        guard isSound, let input else { return nil }
        // Embeddings have no output, and say so by a total that is all input.
        guard let output = output ?? (total == nil || total == input ? 0 : nil) else { return nil }
        guard let (write, hour) = writes, let cached = agreed else { return nil }
        let reasoning = reasoning ?? 0
        var usage = Usage(cachedInput: cached, cacheWrite: write, cacheWriteHour: hour, audioInput: audioInput ?? 0)
        usage.reasoning = reasoning
        usage.audioOutput = audioOutput ?? 0
        usage.imageOutput = imageOutput ?? 0

        let cacheIsOutside = !isPrompt && (cacheRead != nil || hasWritesOutside)
        var text = input - usage.audioInput
        if !cacheIsOutside { text -= cached + write + hour }
        guard text >= 0 else { return nil }
        if let cacheMiss, cached + cacheMiss != input { return nil }
        // Only images are counted in the cache's tokens as well (DashScope): what was cached is no image read anew.
        usage.imageInput = min(imageInput ?? 0, text)
        usage.input = text - usage.imageInput

        var spoken = output - usage.audioOutput - usage.imageOutput
        if !cacheIsOutside, let total, total != input + output {
            // Some count reasoning beside the output instead of in it (xAI), and only the total tells.
            guard reasoning > 0, total == input + output + reasoning else { return nil }
        } else {
            spoken -= reasoning
        }
        guard spoken >= 0 else { return nil }
        usage.output = spoken
        return usage
    }

    private var hasWritesOutside: Bool {
        !writesAreInside && (written != nil || writtenMinutes != nil || writtenHour != nil)
    }

    /// What was read from the cache, if all that is said of it agrees.
    private var agreed: Int64? {
        let value = cached ?? cacheHit ?? cacheRead ?? 0
        return (cacheHit ?? value) == value && (cacheRead ?? value) == value ? value : nil
    }

    /// What was written to the cache, for minutes and for an hour, if the parts make up the whole.
    private var writes: (minutes: Int64, hour: Int64)? {
        guard writtenMinutes != nil || writtenHour != nil else { return (written ?? 0, 0) }
        let (minutes, hour) = (writtenMinutes ?? 0, writtenHour ?? 0)
        return (written ?? minutes + hour) == minutes + hour ? (minutes, hour) : nil
    }

    /// What a stream's later report says, and of its earlier one what the later leaves out.
    func over(_ earlier: WrittenUsage) -> WrittenUsage {
        var merged = self
        merged.isSound = isSound && earlier.isSound
        merged.input = input ?? earlier.input
        merged.output = output ?? earlier.output
        merged.cacheRead = cacheRead ?? earlier.cacheRead
        merged.written = written ?? earlier.written
        if writtenMinutes == nil, writtenHour == nil {
            let parts = (earlier.writtenMinutes ?? 0) + (earlier.writtenHour ?? 0)
            if let written, written != parts, (earlier.writtenHour ?? 0) > 0 {
                // More was written, and nobody says for how long.
                merged.isSound = false
            } else if written == nil || written == parts {
                merged.writtenMinutes = earlier.writtenMinutes
                merged.writtenHour = earlier.writtenHour
            }
        }
        if !statesTier { (merged.tier, merged.statesTier) = (earlier.tier, earlier.statesTier) }
        return merged
    }
}

/// A tier that an answer states; `known` is nil when Weir does not know the word.
struct StatedTier {
    var known: ServiceTier?
}

/// What was read of a usage value.
struct ReadUsage {
    /// nil when it was no object or cannot be true.
    var meters: Usage?
    var tier: ServiceTier?
    var statesTier = false
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

    /// Passes any value; if it is a string, the tier that it names, where Weir knows the word. `auto` repeats the question and
    /// states nothing.
    mutating func serviceTier() throws(ScanError) -> StatedTier? {
        guard let word = try textUnlessEmpty() else { return nil }
        let bytes = UnsafeRawBufferPointer(start: base + word.lowerBound, count: word.count)
        if bytesEqual(bytes, "auto") { return nil }
        let tier: ServiceTier? =
            if bytesEqual(bytes, "default") || bytesEqual(bytes, "standard") || bytesEqual(bytes, "on_demand") {
                .standard
            } else if bytesEqual(bytes, "priority") {
                .priority
            } else if bytesEqual(bytes, "flex") {
                .flex
            } else if bytesEqual(bytes, "batch") {
                .batch
            } else {
                nil
            }
        return StatedTier(known: tier)
    }

    /// Passes a usage value of any dialect.
    mutating func usage() throws(ScanError) -> ReadUsage {
        guard peek == UInt8(ascii: "{") else {
            try skip()
            return ReadUsage()
        }
        let written = try writtenUsage()
        return ReadUsage(meters: written.meters, tier: written.tier, statesTier: written.statesTier)
    }

    /// Passes an object of usage.
    private mutating func writtenUsage() throws(ScanError) -> WrittenUsage {
        var written = WrittenUsage()
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            switch key.end - key.start {
            case 12 where matches(key, "input_tokens"): written.input = try tokens(written.input, &written)
            case 12 where matches(key, "total_tokens"): written.total = try tokens(written.total, &written)
            case 12 where matches(key, "service_tier"):
                if let tier = try serviceTier() { (written.tier, written.statesTier) = (tier.known, true) }
            // DashScope's own dialect counts images beside the details.
            case 12 where matches(key, "image_tokens"): written.imageInput = try tokens(written.imageInput, &written)
            case 13 where matches(key, "prompt_tokens"):
                written.isPrompt = true
                written.input = try tokens(written.input, &written)
            case 13 where matches(key, "output_tokens"): written.output = try tokens(written.output, &written)
            case 13 where matches(key, "cached_tokens"): written.cached = try tokens(written.cached, &written)
            case 13 where matches(key, "message_start") || matches(key, "message_delta"):
                if peek == UInt8(ascii: "{") { written = try writtenUsage().over(written) } else { try skip() }
            case 14 where matches(key, "cache_creation"): try cacheCreation(&written)
            case 17 where matches(key, "completion_tokens"): written.output = try tokens(written.output, &written)
            case 20 where matches(key, "input_tokens_details"): try inputDetails(&written)
            case 21 where matches(key, "prompt_tokens_details"): try inputDetails(&written)
            case 21 where matches(key, "output_tokens_details"): try outputDetails(&written)
            case 23 where matches(key, "cache_read_input_tokens"):
                written.cacheRead = try tokens(written.cacheRead, &written)
            case 23 where matches(key, "prompt_cache_hit_tokens"):
                written.cacheHit = try tokens(written.cacheHit, &written)
            case 24 where matches(key, "prompt_cache_miss_tokens"):
                written.cacheMiss = try tokens(written.cacheMiss, &written)
            case 25 where matches(key, "completion_tokens_details"): try outputDetails(&written)
            case 27 where matches(key, "cache_creation_input_tokens"):
                written.written = try tokens(written.written, &written)
            default: try skip()
            }
        }
        return written
    }

    /// What the input is made of: OpenAI and DashScope.
    private mutating func inputDetails(_ written: inout WrittenUsage) throws(ScanError) {
        guard peek == UInt8(ascii: "{") else { return try skip() }
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            switch key.end - key.start {
            case 12 where matches(key, "audio_tokens"): written.audioInput = try tokens(written.audioInput, &written)
            case 12 where matches(key, "image_tokens"): written.imageInput = try tokens(written.imageInput, &written)
            case 13 where matches(key, "cached_tokens"): written.cached = try tokens(written.cached, &written)
            case 14 where matches(key, "cache_creation"):
                written.writesAreInside = true
                try cacheCreation(&written)
            case 18 where matches(key, "cache_write_tokens"), 27 where matches(key, "cache_creation_input_tokens"):
                written.writesAreInside = true
                written.written = try tokens(written.written, &written)
            default: try skip()
            }
        }
    }

    private mutating func outputDetails(_ written: inout WrittenUsage) throws(ScanError) {
        guard peek == UInt8(ascii: "{") else { return try skip() }
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            switch key.end - key.start {
            case 12 where matches(key, "audio_tokens"): written.audioOutput = try tokens(written.audioOutput, &written)
            case 12 where matches(key, "image_tokens"): written.imageOutput = try tokens(written.imageOutput, &written)
            case 16 where matches(key, "reasoning_tokens"): written.reasoning = try tokens(written.reasoning, &written)
            default: try skip()
            }
        }
    }

    /// For how long the cache keeps what was written: Anthropic, and DashScope in its details.
    private mutating func cacheCreation(_ written: inout WrittenUsage) throws(ScanError) {
        guard peek == UInt8(ascii: "{") else { return try skip() }
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            switch key.end - key.start {
            case 25 where matches(key, "ephemeral_5m_input_tokens"):
                written.writtenMinutes = try tokens(written.writtenMinutes, &written)
            case 25 where matches(key, "ephemeral_1h_input_tokens"):
                written.writtenHour = try tokens(written.writtenHour, &written)
            default: try skip()
            }
        }
    }

    /// A count of tokens; null is none. Anything else that is no such count, or another one than `before`, makes the whole
    /// usage unsound.
    mutating func tokens(_ before: Int64?, _ written: inout WrittenUsage) throws(ScanError) -> Int64? {
        guard peek == UInt8(ascii: "-") || peek &- 0x30 < 10 else {
            if peek != UInt8(ascii: "n") { written.isSound = false }
            try skip()
            return before
        }
        let number = try number()
        guard number.whole, let value = integer(number.range), value >= 0, value <= tokensMax, value == before ?? value else {
            written.isSound = false
            return before
        }
        return value
    }
}
