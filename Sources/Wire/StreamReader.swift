public import Core
public import NIOCore

/// Why a stream is not what its dialect says; it is then given up.
public enum StreamViolation: String, Error, Sendable, Hashable, CaseIterable {
    case eventTooLong = "weir_stream_event_too_long"
    case malformedEvent = "weir_stream_malformed_event"
    case notAnEventStream = "weir_stream_not_an_event_stream"
    case eventAfterEnd = "weir_stream_event_after_end"
    case endOutOfPlace = "weir_stream_end_out_of_place"
    case unusableID = "weir_stream_unusable_id"

    public var message: String {
        switch self {
        case .eventTooLong: "The provider sent an event longer than the limit."
        case .malformedEvent: "The provider sent an event that is not one JSON object."
        case .notAnEventStream: "The provider's answer is not an event stream."
        case .eventAfterEnd: "The provider sent an event after the end of its stream."
        case .endOutOfPlace: "The provider ended its stream in a way that its dialect does not have."
        case .unusableID: "The provider named stored state in a way that cannot be passed on."
        }
    }
}

/// What one read of a stream came to.
public struct StreamStep: Sendable, Hashable {
    public enum Progress: Sendable, Hashable {
        case open
        /// The dialect's own end was read.
        case ended
        /// The provider reported an error inside the stream; the body is for `readError`.
        case failed(ByteBuffer)
        /// What follows `forward` is not to be delivered, and the stream is given up.
        case violated(StreamViolation)
    }

    /// Whole events for the caller, as they came; nil when this read completed none. An error event is among them.
    public var forward: ByteBuffer?
    public var progress: Progress
}

/// How a stream's last byte was reached.
public enum StreamClose: Sendable, Hashable {
    /// After the end of its dialect, or after an error that it reported.
    case complete
    /// Before it: the provider or the network cut it.
    case cut
}

/// Reads one streamed answer for its usage, errors and end, and hands back whole events only.
///
/// What it says does not depend on how the bytes were cut into reads. A read that ends between two events costs no copy and no
/// allocation; an event that spreads over reads is collected once.
public struct StreamReader: Sendable {
    public static let eventBytesMax = 4 * 1024 * 1024
    /// Of the generated text that is kept for an estimate; beyond it, the rest is estimated by its bytes.
    public static let textBytesMax = 64 * 1024

    /// The last usage that was reported; nil when there was none, or one that cannot be true.
    public private(set) var usage: Usage?
    /// The last usage object as it came; of the Messages dialect an object of the two that make it up.
    public private(set) var rawUsage: ByteBuffer?
    /// The usage came where the dialect's last one does, so that nothing is generated after it.
    public private(set) var usageIsLast = false
    /// What the Messages dialect reports before anything is generated: its input is final unless tools run at the provider.
    public private(set) var usageAtStart: Usage?
    /// The tier that the provider says it serves, as last told; nil when it says nothing, or a word that Weir does not know.
    public private(set) var servedTier: ServiceTier?
    /// The last word it told is one that Weir does not know, so that nobody knows the price.
    public private(set) var hasUnknownTier = false
    /// The model that the provider says it uses.
    public private(set) var reportedModel: ByteBuffer?
    /// Events that carried generated content.
    public private(set) var outputEvents = 0
    /// Bytes of generated content as written in JSON: an upper bound of its tokens.
    public private(set) var outputBytes = 0
    /// The beginning of what was generated, as written in JSON, where it is kept; for an estimate by a tokenizer.
    public private(set) var text = ByteBuffer()
    /// Events with data, the end included.
    public private(set) var eventsSeen = 0
    /// Whether the usage event that only Weir asked for was taken out.
    public private(set) var hidUsage = false
    /// The bytes of an event that is not whole yet.
    public private(set) var rest = ByteBuffer()

    /// The dialect's own end was read; it stays so when a violation follows.
    public private(set) var ended = false
    public var hasPartialEvent: Bool { rest.readableBytes > 0 }

    private enum LineFeed { case none, forward, drop }

    private let dialect: Dialect
    private let hideUsage: Bool
    private let keepsText: Bool
    private var ids: StateIDs?
    private let maxEventBytes: Int
    private var progress = StreamStep.Progress.open
    private var rawUsageAtStart: ByteBuffer?
    /// Nothing is taken any more.
    private var closed = false
    private var frame = SSEFrame()
    private var atStart = true
    /// The last block ended in CR: what becomes of an LF that comes first now.
    private var lineFeed = LineFeed.none

    /// - Parameter hideUsage: usage was asked for by Weir alone: the event that has it and no choices is removed whole.
    /// - Parameter keepsText: the beginning of the generated text is kept, at most `textBytesMax` of it.
    /// - Parameter ids: puts the caller's ids of stored state in the place of the provider's.
    public init(
        dialect: Dialect, hideUsage: Bool, keepsText: Bool = false, ids: StateIDs? = nil,
        maxEventBytes: Int = StreamReader.eventBytesMax
    ) {
        self.dialect = dialect
        self.keepsText = keepsText
        self.ids = ids
        self.hideUsage = hideUsage
        self.maxEventBytes = maxEventBytes
    }

    /// Takes the next bytes. After a violation nothing is taken any more, nor after what may not follow a failure.
    public mutating func read(_ bytes: ByteBuffer) -> StreamStep {
        if closed { return StreamStep(forward: nil, progress: progress) }
        var input = bytes
        let collected = rest.readableBytes > 0
        if collected {
            rest.writeImmutableBuffer(bytes)
            // Taken out, so that it has one owner while it is read and can grow in place afterwards.
            input = rest
            rest = ByteBuffer()
        }
        var output = Output()
        let consumed = input.withUnsafeReadableBytes { raw in take(raw, of: input, &output) }
        keep(input, from: consumed, collected: collected)
        return StreamStep(forward: output.finish(input, consumed), progress: progress)
    }

    /// Tells how the stream closed. An end whose blank line is missing still counts: `rest` then holds its bytes.
    public mutating func endOfInput() -> StreamClose {
        if ended { return .complete }
        if case .failed = progress { return .complete }
        guard !closed, hasPartialEvent else { return .cut }
        var last = self
        let blank = ByteBuffer(string: "\n\n")
        let step = last.read(blank)
        guard last.ended, step.progress == .ended else { return .cut }
        var bytes = rest
        if ids != nil, let whole = step.forward {
            // As it was edited, without the blank line that was not there.
            bytes = whole.getSlice(at: whole.readerIndex, length: whole.readableBytes - blank.readableBytes) ?? ByteBuffer()
        }
        self = last
        rest = bytes
        return .complete
    }

    /// Takes all whole blocks of `raw`; how many bytes they are.
    private mutating func take(_ raw: UnsafeRawBufferPointer, of input: ByteBuffer, _ output: inout Output) -> Int {
        var start = 0
        if atStart {
            guard let mark = byteOrderMark(raw) else { return 0 }
            atStart = false
            start = mark
        }
        if lineFeed != .none, start < raw.count {
            if raw[start] == 0x0A {
                if lineFeed == .drop { output.drop(start..<start + 1, input) }
                start += 1
            }
            lineFeed = .none
        }
        while start < raw.count {
            let block = UnsafeRawBufferPointer(rebasing: raw[start...])
            guard let (length, kind) = frame.advance(block) else {
                if block.count > maxEventBytes { refuse(.eventTooLong) }
                break
            }
            var isHidden = false
            // An LF after the last CR may come with the next read; it does not count.
            let endsInCRLF = length >= 2 && block[length - 2] == 0x0D && block[length - 1] == 0x0A
            if length - (endsInCRLF ? 1 : 0) > maxEventBytes {
                refuse(.eventTooLong)
            } else if kind == .event {
                let whole = UnsafeRawBufferPointer(rebasing: block[..<length])
                isHidden = event(whole, at: start, input)
                if ids != nil, !closed { replaceIDs(whole, at: start, input, &output) }
            }
            if closed { break }
            if isHidden { output.drop(start..<start + length, input) }
            lineFeed = frame.endsInCR ? (isHidden ? .drop : .forward) : .none
            start += length
            frame = SSEFrame()
        }
        return start
    }

    /// Gives the stream up. What was reported before as a failure stays one: it says more.
    private mutating func refuse(_ violation: StreamViolation) {
        closed = true
        if case .failed = progress { return }
        progress = .violated(violation)
    }

    /// Keeps the bytes of an unfinished event in a buffer of their own: the input's memory goes back to its pool.
    private mutating func keep(_ input: ByteBuffer, from consumed: Int, collected: Bool) {
        let left = input.readableBytes - consumed
        if closed || left == 0 { return }
        if consumed == 0, collected {
            rest = input
            return
        }
        rest = ByteBufferAllocator().buffer(capacity: max(512, left * 2))
        if let slice = input.getSlice(at: input.readerIndex + consumed, length: left) { rest.writeImmutableBuffer(slice) }
    }
}

/// The length of the byte order mark at the start of a stream; nil while it may still become one.
private func byteOrderMark(_ raw: UnsafeRawBufferPointer) -> Int? {
    let mark: (UInt8, UInt8, UInt8) = (0xEF, 0xBB, 0xBF)
    guard raw.count >= 1 else { return nil }
    if raw[0] != mark.0 { return 0 }
    guard raw.count >= 2 else { return nil }
    if raw[1] != mark.1 { return 0 }
    guard raw.count >= 3 else { return nil }
    return raw[2] == mark.2 ? 3 : 0
}

/// What of one input goes on: a slice of it, or a copy where something was taken out.
private struct Output {
    private var copy: ByteBuffer?
    private var copied = 0

    mutating func drop(_ range: Range<Int>, _ input: ByteBuffer) { replace(range, by: [], input) }

    mutating func replace(_ range: Range<Int>, by bytes: [UInt8], _ input: ByteBuffer) {
        var out = copy ?? ByteBufferAllocator().buffer(capacity: input.readableBytes)
        if let kept = input.getSlice(at: input.readerIndex + copied, length: range.lowerBound - copied) {
            out.writeImmutableBuffer(kept)
        }
        if !bytes.isEmpty { out.writeBytes(bytes) }
        copy = out
        copied = range.upperBound
    }

    func finish(_ input: ByteBuffer, _ end: Int) -> ByteBuffer? {
        let slice = end > copied ? input.getSlice(at: input.readerIndex + copied, length: end - copied) : nil
        guard var out = copy else { return slice }
        if let slice { out.writeImmutableBuffer(slice) }
        return out.readableBytes > 0 ? out : nil
    }
}

// MARK: - One event

extension StreamReader {
    /// Reads one whole event; true when the caller is not to see it.
    private mutating func event(_ block: UnsafeRawBufferPointer, at start: Int, _ input: ByteBuffer) -> Bool {
        if ended {
            // Some servers end these dialects with chat's end as well.
            let isDone = !dialect.endsWithDone && frame.dataLines == 1 && isDoneMark(block, frame.data)
            if !isDone { refuse(.eventAfterEnd) }
            return false
        }
        if frame.hasUnknownField {
            refuse(.notAnEventStream)
            return false
        }
        if frame.dataLines == 0 || (frame.dataLines == 1 && frame.data.isEmpty) { return false }
        eventsSeen += 1
        if frame.dataLines == 1 {
            let first = input.readerIndex + start + frame.data.lowerBound
            return data(UnsafeRawBufferPointer(rebasing: block[frame.data]), block) { range in
                input.getSlice(at: first + range.lowerBound, length: range.count)
            }
        }
        let joined = joinedData(block)
        return joined.withUnsafeBytes { bytes in
            data(bytes, block) { range in ByteBuffer(bytes: bytes[range]) }
        }
    }

    private mutating func data(
        _ data: UnsafeRawBufferPointer, _ block: UnsafeRawBufferPointer, slice: (Range<Int>) -> ByteBuffer?
    ) -> Bool {
        if isDoneMark(data, 0..<data.count) {
            if case .failed = progress { return false }
            if dialect.endsWithDone { end() } else { refuse(.endOutOfPlace) }
            return false
        }
        let event: StreamEvent
        do {
            event = try StreamEvent(data, name: UnsafeRawBufferPointer(rebasing: block[frame.name]), dialect: dialect)
        } catch {
            refuse(.malformedEvent)
            return false
        }
        if case .failed = progress {
            // An error may be told twice (`error`, then `response.failed`); nothing else follows one.
            if event.meaning != .failure { refuse(.eventAfterEnd) }
            return false
        }
        if let raw = event.rawUsage {
            if dialect == .messages {
                take(messagesUsage: event, slice(raw))
            } else {
                usage = event.usage
                rawUsage = slice(raw)
            }
            usageIsLast = event.hasNoChoices || event.meaning == .end || (dialect == .messages && !event.isUsageAtStart)
        }
        if let tier = event.tier {
            servedTier = tier.known
            hasUnknownTier = tier.known == nil
        }
        if reportedModel == nil, let model = event.model { reportedModel = slice(model).map { ByteBuffer(copying: $0) } }
        if event.contentBytes > 0 {
            outputEvents += 1
            outputBytes += event.contentBytes
            if keepsText { keep(event, data) }
        }
        switch event.meaning {
        case .progress: break
        case .end: end()
        case .failure:
            let body = event.error.flatMap { dialect.endsWithDone ? slice(0..<data.count) : slice($0) }
            progress = .failed(body ?? ByteBuffer())
        }
        guard hideUsage, dialect.endsWithDone, event.meaning == .progress, event.hasNoChoices, event.rawUsage != nil
        else { return false }
        hidUsage = true
        return true
    }
}

extension StreamReader {
    /// Puts the caller's ids into an event that is passed on.
    private mutating func replaceIDs(
        _ block: UnsafeRawBufferPointer, at start: Int, _ input: ByteBuffer, _ output: inout Output
    ) {
        if frame.dataLines == 0 { return }
        let isFailure = if case .failed = progress { true } else { false }
        guard frame.dataLines == 1 else {
            // Nobody sends such events in pieces; what lies where in them is not worth knowing.
            let edits = joinedData(block).withUnsafeBytes { ids?.edits(ofEvent: $0, isFailure: isFailure) }
            if edits?.isEmpty != true { (closed, progress) = (true, .violated(.unusableID)) }
            return
        }
        let data = UnsafeRawBufferPointer(rebasing: block[frame.data])
        guard let edits = ids?.edits(ofEvent: data, isFailure: isFailure) else {
            // Also of a reported failure: the caller must see that something is missing.
            return (closed, progress) = (true, .violated(.unusableID))
        }
        let first = start + frame.data.lowerBound
        for edit in edits {
            output.replace(first + edit.range.lowerBound..<first + edit.range.upperBound, by: edit.replacement, input)
        }
    }

    private mutating func keep(_ event: StreamEvent, _ data: UnsafeRawBufferPointer) {
        func add(_ piece: Range<Int>, to text: inout ByteBuffer) {
            let room = min(piece.count, Self.textBytesMax - text.writerIndex)
            if room > 0 { text.writeBytes(UnsafeRawBufferPointer(rebasing: data[piece.lowerBound..<piece.lowerBound + room])) }
        }
        if let piece = event.content { add(piece, to: &text) }
        for piece in event.moreContent { add(piece, to: &text) }
    }

    /// Joins what was reported at the start with what is reported at the end, which may leave out what it does not change.
    private mutating func take(messagesUsage event: StreamEvent, _ raw: ByteBuffer?) {
        guard let raw else { return }
        if event.isUsageAtStart {
            usageAtStart = event.usage
            rawUsageAtStart = ByteBuffer(copying: raw)
            return
        }
        var joined = ByteBufferAllocator().buffer(capacity: raw.readableBytes + (rawUsageAtStart?.readableBytes ?? 2) + 36)
        joined.writeString("{\"message_start\":")
        if let start = rawUsageAtStart { joined.writeImmutableBuffer(start) } else { joined.writeString("{}") }
        joined.writeString(",\"message_delta\":")
        joined.writeImmutableBuffer(raw)
        joined.writeString("}")
        usage = joined.withUnsafeReadableBytes { readUsage($0) }
        rawUsage = joined
    }

    private mutating func end() {
        ended = true
        progress = .ended
    }
}

private func isDoneMark(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    bytesEqual(UnsafeRawBufferPointer(rebasing: bytes[range]), "[DONE]")
}

extension ByteBuffer {
    /// A copy with memory of its own, so that a few bytes do not keep a whole read alive.
    fileprivate init(copying other: ByteBuffer) {
        self = ByteBufferAllocator().buffer(capacity: other.readableBytes)
        writeImmutableBuffer(other)
    }
}
