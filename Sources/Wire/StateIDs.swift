import Core
public import NIOCore

/// What an id in an answer of the Responses API names.
public enum StatePlace: Sendable, Hashable {
    /// What the answer is about.
    case own
    /// The response that it builds on.
    case previous
    case conversation
}

/// Puts the caller's ids of stored state in the place of the provider's, wherever an answer has them.
///
/// A value that is changed as it reads: it remembers the ids it has seen, since an error may repeat them in its words.
public struct StateIDs: Sendable {
    /// What becomes of one id.
    public enum Verdict: Sendable, Hashable {
        case keep
        case replace([UInt8])
        /// The caller cannot be told anything for it, so that the answer cannot be passed on.
        case unusable
    }

    /// An id as the provider knows it, and as the caller does.
    public struct Pair: Sendable, Hashable {
        public var provider: [UInt8]
        public var caller: [UInt8]

        public init(provider: [UInt8], caller: [UInt8]) {
            self.provider = provider
            self.caller = caller
        }
    }

    /// Ids that are remembered; no answer has more.
    private static let pairsMax = 8

    private var known: [Pair]
    private let verdict: @Sendable (StatePlace, UnsafeRawBufferPointer) -> Verdict

    /// - Parameter sent: the ids that the request was sent with.
    /// - Parameter verdict: asked for each id that an answer has and that was not sent.
    public init(sent: [Pair], verdict: @escaping @Sendable (StatePlace, UnsafeRawBufferPointer) -> Verdict) {
        known = sent
        self.verdict = verdict
    }

    /// The edits of a whole answer; nil when it cannot be passed on.
    public mutating func edits(ofAnswer body: ByteBuffer) -> [Splice]? {
        body.withUnsafeReadableBytes { raw in
            var spans = StateSpans()
            var cursor = JSONCursor(raw, depthMax: jsonDepthMax, isStrict: false)
            do {
                cursor.skipSpace()
                try cursor.keptObject(&spans)
                try cursor.finish()
            } catch {
                return nil
            }
            return edits(raw, spans)
        }
    }

    /// The edits of an error, in whose words ids may stand.
    public func edits(ofError body: ByteBuffer) -> [Splice] {
        body.withUnsafeReadableBytes { mentions(in: $0, beside: []) }
    }

    /// The edits of a stream's event, as offsets into its data; nil when it cannot be passed on.
    mutating func edits(ofEvent data: UnsafeRawBufferPointer, isFailure: Bool) -> [Splice]? {
        var spans = StateSpans()
        var cursor = JSONCursor(data, depthMax: jsonDepthMax, isStrict: false)
        do {
            cursor.skipSpace()
            // The end of other dialects, which some servers send as well.
            guard cursor.peek == UInt8(ascii: "{") else { return [] }
            try cursor.event(&spans)
            try cursor.finish()
        } catch {
            return nil
        }
        guard let edits = edits(data, spans) else { return nil }
        guard isFailure else { return edits }
        return (edits + mentions(in: data, beside: edits)).sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    private mutating func edits(_ bytes: UnsafeRawBufferPointer, _ spans: StateSpans) -> [Splice]? {
        if spans.hasEscapes { return nil }
        var edits: [Splice] = []
        for (place, range) in spans.found {
            let id = UnsafeRawBufferPointer(rebasing: bytes[range])
            if let pair = known.first(where: { $0.provider.elementsEqual(id) }) {
                edits.append(Splice(range: range, replacement: pair.caller))
                continue
            }
            switch verdict(place, id) {
            case .keep: break
            case .unusable: return nil
            case .replace(let caller):
                edits.append(Splice(range: range, replacement: caller))
                if known.count < Self.pairsMax { known.append(Pair(provider: Array(id), caller: caller)) }
            }
        }
        return edits
    }

    /// Known ids anywhere in a text, where they stand for themselves and are no part of another word.
    private func mentions(in bytes: UnsafeRawBufferPointer, beside others: [Splice]) -> [Splice] {
        var found: [Splice] = []
        for pair in known where !pair.provider.isEmpty {
            var at = 0
            while let range = bytes.firstRange(of: pair.provider, from: at) {
                at = range.upperBound
                let isWord =
                    (range.lowerBound == 0 || !isIDByte(bytes[range.lowerBound - 1]))
                    && (range.upperBound == bytes.count || !isIDByte(bytes[range.upperBound]))
                if isWord, !(others + found).contains(where: { $0.range.overlaps(range) }) {
                    found.append(Splice(range: range, replacement: pair.caller))
                }
            }
        }
        return found.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }
}

/// Where the ids of one answer or event lie, inside their quotes.
private struct StateSpans {
    var found: [(place: StatePlace, range: Range<Int>)] = []
    /// Another reader could see another id.
    var hasEscapes = false
}

extension JSONCursor {
    /// Passes an event; what it tells of is its `response`.
    fileprivate mutating func event(_ spans: inout StateSpans) throws(ScanError) {
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            if key.escaped { spans.hasEscapes = true }
            switch key.end - key.start {
            case 8 where matches(key, "response"): try keptObject(&spans)
            case 11 where matches(key, "response_id"): try id(.own, &spans)
            default: try skip()
            }
        }
    }

    /// Passes what a provider keeps: a response or a conversation, or what it says of one.
    fileprivate mutating func keptObject(_ spans: inout StateSpans) throws(ScanError) {
        guard peek == UInt8(ascii: "{") else { return try skip() }
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            if key.escaped { spans.hasEscapes = true }
            switch key.end - key.start {
            case 2 where matches(key, "id"): try id(.own, &spans)
            case 12 where matches(key, "conversation"): try conversation(&spans)
            case 20 where matches(key, "previous_response_id"): try id(.previous, &spans)
            default: try skip()
            }
        }
    }

    private mutating func conversation(_ spans: inout StateSpans) throws(ScanError) {
        guard peek == UInt8(ascii: "{") else { return try id(.conversation, &spans) }
        try enter()
        var first = true
        while let key = try nextKey(&first) {
            if key.escaped { spans.hasEscapes = true }
            if matches(key, "id") { try id(.conversation, &spans) } else { try skip() }
        }
    }

    /// Passes any value; notes it if it is a text.
    private mutating func id(_ place: StatePlace, _ spans: inout StateSpans) throws(ScanError) {
        guard peek == UInt8(ascii: "\"") else { return try skip() }
        let text = try string()
        if text.escaped { spans.hasEscapes = true }
        spans.found.append((place, text.range))
    }
}

/// Letters, digits and what ids of providers have besides.
private func isIDByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
}

extension UnsafeRawBufferPointer {
    fileprivate func firstRange(of needle: [UInt8], from start: Int) -> Range<Int>? {
        var at = start
        while at + needle.count <= count {
            if self[at] == needle[0], UnsafeRawBufferPointer(rebasing: self[at..<at + needle.count]).elementsEqual(needle) {
                return at..<at + needle.count
            }
            at += 1
        }
        return nil
    }
}
