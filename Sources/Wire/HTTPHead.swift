import NIOCore

/// What a parser accepts before it gives up; sizes in bytes.
public struct HTTPLimits: Sendable, Hashable {
    /// Offsets into a head are 16 bits wide.
    public static let headBytesMax = 65_535

    /// Start line and fields with their line ends, the empty line included. At most `headBytesMax`.
    public var headBytes: Int { didSet { headBytes = min(headBytes, Self.headBytesMax) } }
    public var headerCount: Int
    public var targetBytes: Int
    /// What a body may hold, whether announced or counted.
    public var bodyBytes: Int

    public init(headBytes: Int = 32 * 1024, headerCount: Int = 100, targetBytes: Int = 8 * 1024, bodyBytes: Int = .max) {
        self.headBytes = min(headBytes, Self.headBytesMax)
        self.headerCount = headerCount
        self.targetBytes = targetBytes
        self.bodyBytes = bodyBytes
    }
}

/// A piece of a head: offset and length in `HTTPHead.bytes`.
public struct HTTPSpan: Sendable, Hashable {
    public let start: UInt16
    public let count: UInt16

    @inline(__always)
    init(_ start: Int, _ end: Int) {
        self.start = UInt16(truncatingIfNeeded: start)
        self.count = UInt16(truncatingIfNeeded: end &- start)
    }

    public var range: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}

/// The fields that Weir acts on; found while the head is parsed, so that looking one up costs nothing.
public enum HTTPField: UInt8, Sendable, CaseIterable {
    case host, date, expect, apiKey, upgrade, region, xAPIKey, connection, traceparent, retryAfter, contentType, xRequestID
    case authorization, contentLength, contentEncoding, transferEncoding
}

/// How a message's body ends.
public enum HTTPFraming: Sendable, Hashable {
    case none
    case length(Int)
    case chunked
}

/// A head as it came: one buffer and where in it the fields are. Nothing is copied until asked, and nothing is allocated.
/// It shares storage with the bytes it was read from, so it is cheap to keep and a write to that storage meanwhile copies.
public struct HTTPHead: Sendable {
    /// The raw head, from its first byte through the empty line.
    public let bytes: ByteBuffer
    public let fieldCount: Int
    let known: HTTPFieldIndex
    let firstField: UInt16
    /// Whether a field is there whose name begins with `weir-`.
    public let hasOwnFields: Bool

    /// The first value of a field, without the white space around it.
    public subscript(field: HTTPField) -> HTTPSpan? { known[field] }

    /// Whether a field came more than once.
    public func isRepeated(_ field: HTTPField) -> Bool { known.isRepeated(field) }

    /// The first value of any field; `name` is lower case. It walks the head: for the named fields use the subscript.
    public func value(of name: StaticString) -> HTTPSpan? {
        for field in fields where matches(field.name, name) { return field.value }
        return nil
    }

    public func count(of name: StaticString) -> Int {
        fields.reduce(0) { $0 + (matches($1.name, name) ? 1 : 0) }
    }

    public func withBytes<Result>(of span: HTTPSpan, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeReadableBytes { body(UnsafeRawBufferPointer(rebasing: $0[span.range])) }
    }

    public func string(_ span: HTTPSpan) -> String { withBytes(of: span) { String(decoding: $0, as: UTF8.self) } }

    public func view(_ span: HTTPSpan) -> ByteBufferView {
        let start = bytes.readerIndex + Int(span.start)
        return bytes.viewBytes(at: start, length: Int(span.count)) ?? ByteBufferView(ByteBuffer())
    }

    /// A slice that shares the head's storage.
    public func slice(_ span: HTTPSpan) -> ByteBuffer {
        bytes.getSlice(at: bytes.readerIndex + Int(span.start), length: Int(span.count)) ?? ByteBuffer()
    }

    /// Byte for byte equal.
    public func equals(_ span: HTTPSpan, _ text: StaticString) -> Bool {
        withBytes(of: span) { raw in
            raw.count == text.utf8CodeUnitCount
                && raw.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    /// Equal with ASCII letters in any case; `text` is lower case.
    public func matches(_ span: HTTPSpan, _ text: StaticString) -> Bool {
        withBytes(of: span) { raw in
            guard raw.count == text.utf8CodeUnitCount else { return false }
            let expected = text.utf8Start
            for (at, byte) in raw.enumerated() {
                let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
                if lower != expected[at] { return false }
            }
            return true
        }
    }

    public var fields: HTTPFields { HTTPFields(bytes: bytes, at: Int(firstField), remaining: fieldCount) }
}

/// The fields of a head in their order, read from its bytes on the way.
public struct HTTPFields: Sequence, IteratorProtocol, Sendable {
    public struct Element: Sendable {
        public let name: HTTPSpan
        public let value: HTTPSpan
        /// The whole line with its line end, to forward it as it came.
        public let line: HTTPSpan
    }

    let bytes: ByteBuffer
    var at: Int
    var remaining: Int

    public mutating func next() -> Element? {
        guard remaining > 0 else { return nil }
        remaining -= 1
        let start = at
        let element = bytes.withUnsafeReadableBytes { raw -> Element in
            // The head was accepted, so each line has its colon and its line end.
            var colon = start
            while raw[colon] != UInt8(ascii: ":") { colon += 1 }
            var value = colon + 1
            while raw[value] == space || raw[value] == tab { value += 1 }
            var lineEnd = value
            while raw[lineEnd] != carriageReturn { lineEnd += 1 }
            var valueEnd = lineEnd
            while valueEnd > value, raw[valueEnd - 1] == space || raw[valueEnd - 1] == tab { valueEnd -= 1 }
            return Element(name: HTTPSpan(start, colon), value: HTTPSpan(value, valueEnd), line: HTTPSpan(start, lineEnd + 2))
        }
        at = start + Int(element.line.count)
        return element
    }
}

/// Where the first value of each known field is; 16 slots, in registers rather than on the heap.
struct HTTPFieldIndex: Sendable {
    private var starts = SIMD16<UInt16>()
    private var counts = SIMD16<UInt16>()
    private var present: UInt16 = 0
    private var repeated: UInt16 = 0

    subscript(field: HTTPField) -> HTTPSpan? {
        let slot = Int(field.rawValue)
        guard present &>> UInt16(slot) & 1 == 1 else { return nil }
        return HTTPSpan(Int(starts[slot]), Int(starts[slot]) + Int(counts[slot]))
    }

    func isRepeated(_ field: HTTPField) -> Bool { repeated &>> UInt16(field.rawValue) & 1 == 1 }

    /// False when the field was there already; the first value stays.
    mutating func add(_ field: HTTPField, _ span: HTTPSpan) -> Bool {
        let slot = Int(field.rawValue)
        let bit = UInt16(1) &<< UInt16(slot)
        guard present & bit == 0 else {
            repeated |= bit
            return false
        }
        present |= bit
        starts[slot] = span.start
        counts[slot] = span.count
        return true
    }
}

extension HTTPField {
    /// Recognises a name by its length and first letter, then wholly.
    @inline(__always)
    init?(_ name: UnsafePointer<UInt8>, _ count: Int) {
        let found: (HTTPField, StaticString)
        switch (count, name[0] | 0x20) {
        case (4, UInt8(ascii: "h")): found = (.host, "host")
        case (4, UInt8(ascii: "d")): found = (.date, "date")
        case (6, UInt8(ascii: "e")): found = (.expect, "expect")
        case (7, UInt8(ascii: "a")): found = (.apiKey, "api-key")
        case (7, UInt8(ascii: "u")): found = (.upgrade, "upgrade")
        case (9, UInt8(ascii: "x")): found = (.xAPIKey, "x-api-key")
        case (10, UInt8(ascii: "c")): found = (.connection, "connection")
        case (11, UInt8(ascii: "t")): found = (.traceparent, "traceparent")
        case (11, UInt8(ascii: "r")): found = (.retryAfter, "retry-after")
        case (11, UInt8(ascii: "x")): found = (.region, "x-ms-region")
        case (12, UInt8(ascii: "c")): found = (.contentType, "content-type")
        case (12, UInt8(ascii: "x")): found = (.xRequestID, "x-request-id")
        case (13, UInt8(ascii: "a")): found = (.authorization, "authorization")
        case (14, UInt8(ascii: "c")): found = (.contentLength, "content-length")
        case (16, UInt8(ascii: "c")): found = (.contentEncoding, "content-encoding")
        case (17, UInt8(ascii: "t")): found = (.transferEncoding, "transfer-encoding")
        default: return nil
        }
        guard isName(name, count, found.1) else { return nil }
        self = found.0
    }
}
