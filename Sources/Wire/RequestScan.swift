public import Core
public import NIOCore

/// A whole number as a request gives it; `value` is nil where it says `null`.
public struct IntegerField: Sendable, Hashable {
    public var value: Int64?
    /// Where the value lies in the body.
    public var range: Range<Int>
    /// Where its name lies, inside its quotes, if it may have another.
    public var name: Range<Int>?
}

/// A truth value as a request gives it; `value` is nil where it says `null`.
public struct BoolField: Sendable, Hashable {
    public var value: Bool?
    public var range: Range<Int>
}

/// The `stream_options` member.
public struct StreamOptions: Sendable, Hashable {
    /// The whole value, braces included.
    public var range: Range<Int>
    public var isNull: Bool
    /// `{}`: a spliced member needs no comma.
    public var isEmpty: Bool
    public var includeUsage: BoolField?
}

/// What one pass over a request's body found: what Weir acts on, and what the body's size does not bound.
///
/// All ranges are offsets into the body.
public struct RequestScan: Sendable, Hashable {
    /// The object, braces included.
    public var object: Range<Int> = 0..<0
    /// `{}`: a spliced first member needs no comma.
    public var isEmpty = true

    /// The model's name, inside its quotes.
    public var model: Range<Int>?
    public var stream = false
    /// From the key's quote to the end of the value.
    public var streamMember: Range<Int>?
    public var streamOptions: StreamOptions?
    public var maxTokens: IntegerField?
    public var maxCompletionTokens: IntegerField?
    public var maxOutputTokens: IntegerField?
    /// llama.cpp's own `n_predict`, which wins over `max_tokens` there.
    public var nPredict: IntegerField?
    public var n: IntegerField?
    public var bestOf: IntegerField?
    public var store: BoolField?
    /// The prompt is said again before what is generated, and not billed as output.
    public var echo = false
    /// Inside its quotes; nil when absent or null.
    public var serviceTier: Range<Int>?

    // MARK: What the size of the body does not bound; null counts as absent.

    /// The id of a stored response, inside its quotes.
    public var previousResponseID: Range<Int>?
    /// The id of a conversation, inside its quotes.
    public var conversation: Range<Int>?
    public var background = false
    /// The name under which vLLM is to keep the response.
    public var requestID = false
    /// The `prompt` object of the Responses API, kept at the provider.
    public var storedPrompt = false
    /// The type of the first tool that is neither `function` nor `custom`; the tool itself where it names no type.
    public var hostedTool: Range<Int>?
    public var webSearchOptions = false
    /// Other output than text was asked for.
    public var modalitiesAudio = false
    /// Predicted output, whose rejected tokens are billed as output.
    public var prediction = false
    /// Compaction at the provider: a model call of its own.
    public var contextManagement = false
    /// Moderation by another model, of what goes in and what comes out.
    public var moderation = false
    /// The key of the first member that has the provider search or retrieve, e.g. Azure's `data_sources`.
    public var retrieval: Range<Int>?
    /// The key of the first member that changes the price by a factor: Anthropic's `speed` and `inference_geo`.
    public var uplift: Range<Int>?

    // MARK: DashScope's own dialect

    /// Its `parameters`, braces included.
    public var parameters: Range<Int>?
    /// They are `{}`.
    public var hasNoParameters = true
    /// Where they are null.
    public var nullParameters: Range<Int>?

    /// Of them.
    public var incrementalOutput: BoolField?

    // MARK: What providers read in different ways, or not at all

    /// The members that turn thinking on or off, in their order; in DashScope's own dialect those among its parameters.
    public var thinking: [ThinkingMember] = []
    /// What of the tools is to be called, where that is not `auto`.
    public var toolChoice: Range<Int>?
    public var hasLogitBias = false
    /// Of Anthropic's Messages: the key of `top_k`, and a choice of tools that lets them be called one at a time only.
    public var topK: Range<Int>?
    public var disablesParallelTools = false
    /// The key of Ark's `caching`, where it is switched on.
    public var caching: Range<Int>?

    // MARK: By what a provider's cache may know the prompt again

    /// Where the first member begins that is long enough to be cached: messages, input, a system prompt, tools.
    public var longStart: Int?
    /// OpenAI's `prompt_cache_key`, inside its quotes and as written; nil when absent, null or no string.
    public var promptCacheKey: Range<Int>?

    // MARK: What it holds.

    /// Messages, input items, or separate inputs of completions and embeddings; one token list is one input.
    public var messages = 0
    public var images = 0
    /// Images that the provider fetches itself: every one that is not a `data:` URL.
    public var imageURLs = 0
    public var audioParts = 0
    public var tools = 0
    public var files = 0
    public var itemReferences = 0
    /// Reasoning, and items of unknown kinds, with an id and without `encrypted_content`: a provider may take what it keeps under
    /// the id.
    public var itemsByID = 0
    /// The type of the first part or item that Weir does not know, or the part itself where it names no type.
    public var unknownPart: Range<Int>?

    public init() {}

    /// Bytes from which a prompt counts as long: about 1,024 tokens, the least that OpenAI, Anthropic and Alibaba cache
    /// (developers.openai.com/api/docs/guides/prompt-caching, read 2026-12-01).
    public static let longBytes = 4_096

    /// The smallest output limit that the request sets, if it sets one.
    public var outputLimit: Int64? {
        var least: Int64?
        func take(_ field: IntegerField?) {
            if let value = field?.value, value < least ?? .max { least = value }
        }
        take(maxTokens)
        take(maxCompletionTokens)
        take(maxOutputTokens)
        take(nPredict)
        return least
    }
}

/// Scans a request's body once, from end to end, and refuses what is ambiguous.
///
/// - Parameter maxDepth: the deepest nesting, the object itself counted; at most 128 has effect.
public func scanRequest(_ body: UnsafeRawBufferPointer, dialect: Dialect, maxDepth: Int) throws(ScanError) -> RequestScan {
    guard body.count <= UInt32.max else { throw ScanError(.tooLarge, at: 0) }
    return try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: KeyTable.capacity) { slots throws(ScanError) in
        var scanner = RequestScanner(body, dialect: dialect, maxDepth: maxDepth)
        return try scanner.scan(KeyTable(slots))
    }
}

/// Scans the readable bytes; offsets count from its reader index.
public func scanRequest(_ body: ByteBuffer, dialect: Dialect, maxDepth: Int) throws(ScanError) -> RequestScan {
    try body.withUnsafeReadableBytes { bytes throws(ScanError) in
        try scanRequest(bytes, dialect: dialect, maxDepth: maxDepth)
    }
}

struct RequestScanner {
    var cursor: JSONCursor
    let dialect: Dialect
    var found = RequestScan()

    init(_ body: UnsafeRawBufferPointer, dialect: Dialect, maxDepth: Int) {
        cursor = JSONCursor(body, depthMax: maxDepth, isStrict: true)
        self.dialect = dialect
    }

    mutating func scan(_ keys: consuming KeyTable) throws(ScanError) -> RequestScan {
        cursor.skipSpace()
        guard cursor.peek == UInt8(ascii: "{") else {
            throw cursor.at < cursor.end ? cursor.fault(.notAnObject) : cursor.fault()
        }
        let start = cursor.at
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            try keys.add(key, cursor)
            let value = cursor.at
            try member(key)
            if cursor.at - value >= RequestScan.longBytes, found.longStart == nil { found.longStart = value }
        }
        found.object = start..<cursor.at
        found.isEmpty = first
        try cursor.finish()
        return found
    }

    /// Passes the value of one top-level member. Keys are told apart by length first.
    private mutating func member(_ key: JSONString) throws(ScanError) {
        if dialect == .conversations {
            return cursor.matches(key, "items") ? try conversationItems() : try cursor.skip()
        }
        switch key.end - key.start {
        case 1 where cursor.matches(key, "n"): found.n = try integer("n", least: 1)
        case 4 where cursor.matches(key, "echo"): found.echo = try bool("echo").value ?? false
        case 5 where cursor.matches(key, "model"): found.model = try name("model")
        case 5 where cursor.matches(key, "store"): found.store = try bool("store")
        case 5 where cursor.matches(key, "tools"): try tools()
        case 5 where cursor.matches(key, "input"): try input()
        case 5 where cursor.matches(key, "audio"): if try present() { found.modalitiesAudio = true }
        case 6 where cursor.matches(key, "stream"):
            let field = try bool("stream")
            found.stream = field.value ?? false
            found.streamMember = key.start - 1..<field.range.upperBound
        case 6 where cursor.matches(key, "prompt"): try prompt()
        case 7 where cursor.matches(key, "best_of"): found.bestOf = try integer("best_of", least: 1)
        case 8 where cursor.matches(key, "messages"): try messages()
        case 9 where cursor.matches(key, "n_predict"): found.nPredict = try integer("n_predict", least: 0)
        case 10 where cursor.matches(key, "max_tokens"): found.maxTokens = try integer("max_tokens", least: 0, key)
        case 10 where cursor.matches(key, "request_id"): if try present() { found.requestID = true }
        case 10 where cursor.matches(key, "background"):
            if try bool("background").value == true { found.background = true }
        case 10 where cursor.matches(key, "modalities"): try modalities()
        case 10 where cursor.matches(key, "prediction"): if try present() { found.prediction = true }
        case 10 where cursor.matches(key, "moderation"): if try present() { found.moderation = true }
        case 11 where cursor.matches(key, "dataSources"): try retrieval(key)
        case 12 where cursor.matches(key, "service_tier"): found.serviceTier = try optionalName("service_tier")
        case 12 where cursor.matches(key, "conversation"): try conversation()
        case 12 where cursor.matches(key, "data_sources"): try retrieval(key)
        case 13 where cursor.matches(key, "enable_search"):
            if try bool("enable_search").value == true { found.retrieval = found.retrieval ?? key.range }
        case 14 where cursor.matches(key, "stream_options"): try streamOptions()
        case 14 where cursor.matches(key, "search_options"): try retrieval(key)
        case 16 where cursor.matches(key, "prompt_cache_key") && cursor.peek == UInt8(ascii: "\""):
            found.promptCacheKey = try cursor.string().range
        case 17 where cursor.matches(key, "max_output_tokens"):
            found.maxOutputTokens = try integer("max_output_tokens", least: 0)
        case 18 where cursor.matches(key, "context_management"): if try present() { found.contextManagement = true }
        case 18 where cursor.matches(key, "web_search_options"): if try present() { found.webSearchOptions = true }
        case 20 where cursor.matches(key, "previous_response_id"):
            guard dialect == .responses else { return try cursor.skip() }
            found.previousResponseID = try optionalName("previous_response_id")
        case 21 where cursor.matches(key, "max_completion_tokens"):
            found.maxCompletionTokens = try integer("max_completion_tokens", least: 0, key)
        default: try dialectMember(key)
        }
    }
}

// MARK: - Values of one kind

extension RequestScanner {
    /// Passes any value; false when it is null.
    mutating func present() throws(ScanError) -> Bool {
        let isNull = cursor.peek == UInt8(ascii: "n")
        try cursor.skip()
        return !isNull
    }

    mutating func bool(_ name: StaticName) throws(ScanError) -> BoolField {
        let start = cursor.at
        var value: Bool?
        switch cursor.peek {
        case UInt8(ascii: "t"):
            try cursor.literal("true")
            value = true
        case UInt8(ascii: "f"):
            try cursor.literal("false")
            value = false
        case UInt8(ascii: "n"): try cursor.literal("null")
        default: throw wrongType(name)
        }
        return BoolField(value: value, range: start..<cursor.at)
    }

    /// A number of tokens or choices; none is larger than the tokens that one attempt can have.
    mutating func integer(_ name: StaticName, least: Int64, _ key: JSONString? = nil) throws(ScanError) -> IntegerField {
        let start = cursor.at
        if cursor.peek == UInt8(ascii: "n") {
            try cursor.literal("null")
            return IntegerField(value: nil, range: start..<cursor.at, name: key?.range)
        }
        guard cursor.peek == UInt8(ascii: "-") || cursor.peek &- 0x30 < 10 else { throw wrongType(name) }
        let number = try cursor.number()
        guard number.whole else { throw ScanError(.notAnInteger, at: start, parameter: name) }
        guard let value = cursor.integer(number.range), value >= least, value <= tokensMax else {
            throw ScanError(.outOfRange, at: start, parameter: name)
        }
        return IntegerField(value: value, range: number.range, name: key?.range)
    }

    /// A string that is acted on, inside its quotes: plain and not empty.
    mutating func name(_ name: StaticName) throws(ScanError) -> Range<Int> {
        guard cursor.peek == UInt8(ascii: "\"") else { throw wrongType(name) }
        let text = try cursor.string()
        if text.escaped || text.isEmpty { throw ScanError(.escapedValue, at: text.start, parameter: name) }
        return text.range
    }

    mutating func optionalName(_ field: StaticName) throws(ScanError) -> Range<Int>? {
        guard cursor.peek == UInt8(ascii: "n") else { return try name(field) }
        try cursor.literal("null")
        return nil
    }

    func wrongType(_ name: StaticName) -> ScanError {
        cursor.at < cursor.end ? ScanError(.wrongType, at: cursor.at, parameter: name) : cursor.fault()
    }
}

// MARK: - Small members

extension RequestScanner {
    private mutating func retrieval(_ key: JSONString) throws(ScanError) {
        if try present(), found.retrieval == nil { found.retrieval = key.range }
    }

    /// The id of a conversation, alone or in an object.
    private mutating func conversation() throws(ScanError) {
        guard dialect == .responses else { return try cursor.skip() }
        guard cursor.peek == UInt8(ascii: "{") else { return found.conversation = try optionalName("conversation") }
        var id: Range<Int>?
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "id") {
                guard id == nil else { throw ScanError(.duplicateKey, at: key.start) }
                id = try name("conversation")
            } else {
                try cursor.skip()
            }
        }
        guard let id else { throw wrongType("conversation") }
        found.conversation = id
    }

    private mutating func streamOptions() throws(ScanError) {
        let start = cursor.at
        if cursor.peek == UInt8(ascii: "n") {
            try cursor.literal("null")
            found.streamOptions = StreamOptions(range: start..<cursor.at, isNull: true, isEmpty: true)
            return
        }
        guard cursor.peek == UInt8(ascii: "{") else { throw wrongType("stream_options") }
        var includeUsage: BoolField?
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            if cursor.matches(key, "include_usage") {
                guard includeUsage == nil else { throw ScanError(.duplicateKey, at: key.start) }
                includeUsage = try bool("stream_options.include_usage")
            } else {
                try cursor.skip()
            }
        }
        found.streamOptions = StreamOptions(
            range: start..<cursor.at, isNull: false, isEmpty: first, includeUsage: includeUsage)
    }

    private mutating func modalities() throws(ScanError) {
        if cursor.peek == UInt8(ascii: "n") { return try cursor.literal("null") }
        guard cursor.peek == UInt8(ascii: "[") else { throw wrongType("modalities") }
        try cursor.enter()
        var first = true
        while try cursor.nextElement(&first) {
            guard cursor.peek == UInt8(ascii: "\"") else { throw wrongType("modalities") }
            let kind = try cursor.string()
            if !cursor.matches(kind, "text") { found.modalitiesAudio = true }
        }
    }
}
