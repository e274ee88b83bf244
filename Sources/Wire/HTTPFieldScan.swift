/// How the names of fields begin that clients say something to Weir with.
private let ownPrefix: StaticString = "weir-"

/// Reads the field lines of one head as its bytes arrive: every byte is looked at once, however it was cut.
struct HTTPFieldScan: Sendable {
    private enum Phase { case lineStart, name, beforeValue, value, lineEnd }

    private(set) var known = HTTPFieldIndex()
    private(set) var count = 0
    /// A field that is Weir's own came: its name begins with `weir-`.
    private(set) var hasOwnFields = false
    /// Offset of the next byte to look at, from the head's first byte.
    var at = 0
    private var phase = Phase.lineStart
    private var nameStart = 0
    private var nameEnd = 0
    private var valueStart = 0

    /// Whether it passed the empty line; false: it looked at all bytes before `end` and needs more.
    mutating func run(
        _ base: UnsafePointer<UInt8>, end: Int, maxCount: Int, isRequest: Bool
    ) throws(HTTPViolation) -> Bool {
        var at = self.at
        defer { self.at = at }
        while true {
            switch phase {
            case .lineStart:
                guard at < end else { return false }
                if base[at] == carriageReturn {
                    guard at &+ 1 < end else { return false }
                    guard base[at &+ 1] == lineFeed else { throw .bareCarriageReturn }
                    at &+= 2
                    return true
                }
                guard count < maxCount else { throw .tooManyFields }
                nameStart = at
                phase = .name

            case .name:
                while at < end, ByteSet.token.contains(base[at]) { at &+= 1 }
                guard at < end else { return false }
                guard base[at] == UInt8(ascii: ":"), at > nameStart else { throw badName(base[at], isFirst: at == nameStart) }
                nameEnd = at
                at &+= 1
                phase = .beforeValue

            case .beforeValue:
                while at < end, base[at] == space || base[at] == tab { at &+= 1 }
                guard at < end else { return false }
                valueStart = at
                phase = .value

            case .value:
                at = endOfFieldBytes(base, at, end)
                guard at < end else { return false }
                guard base[at] == carriageReturn else { throw base[at] == lineFeed ? .bareLineFeed : .badFieldValue }
                at &+= 1
                phase = .lineEnd

            case .lineEnd:
                guard at < end else { return false }
                guard base[at] == lineFeed else { throw .bareCarriageReturn }
                try add(base, lineEnd: at &- 1, isRequest: isRequest)
                at &+= 1
                phase = .lineStart
            }
        }
    }

    private mutating func add(_ base: UnsafePointer<UInt8>, lineEnd: Int, isRequest: Bool) throws(HTTPViolation) {
        count &+= 1
        guard let field = HTTPField(base + nameStart, nameEnd &- nameStart) else {
            if nameEnd &- nameStart >= ownPrefix.utf8CodeUnitCount,
                isName(base + nameStart, ownPrefix.utf8CodeUnitCount, ownPrefix)
            {
                hasOwnFields = true
            }
            return
        }
        var valueEnd = lineEnd
        while valueEnd > valueStart, base[valueEnd &- 1] == space || base[valueEnd &- 1] == tab { valueEnd &-= 1 }
        // Servers differ in what white space after these two they forgive, and a difference there is a smuggled request.
        if valueEnd != lineEnd {
            if field == .contentLength { throw .badContentLength }
            if field == .transferEncoding { throw .unsupportedTransferEncoding }
        }
        guard !known.add(field, HTTPSpan(valueStart, valueEnd)) else { return }
        switch field {
        case .contentLength: throw .duplicateContentLength
        case .transferEncoding: throw .duplicateTransferEncoding
        case .host where isRequest: throw .duplicateHost
        // Who asks, and what the body is, must not depend on which of two values a reader takes.
        case .authorization where isRequest, .apiKey where isRequest, .xAPIKey where isRequest, .contentType where isRequest,
            .contentEncoding where isRequest, .expect where isRequest:
            throw .duplicateField
        default: break
        }
    }

    private func badName(_ byte: UInt8, isFirst: Bool) -> HTTPViolation {
        switch byte {
        case UInt8(ascii: ":"): .emptyFieldName
        case space, tab: isFirst ? .foldedLine : .spaceBeforeColon
        case lineFeed: .bareLineFeed
        default: .badFieldName
        }
    }
}

/// What both kinds of head say about their body and their connection, read after the last field.
extension HTTPFieldScan {
    /// The framing that the fields announce; `nil` when they announce none.
    func framing(_ base: UnsafePointer<UInt8>, minorVersion: Int) throws(HTTPViolation) -> HTTPFraming? {
        if let coding = known[.transferEncoding] {
            guard known[.contentLength] == nil else { throw .contentLengthAndTransferEncoding }
            guard minorVersion == 1 else { throw .transferEncodingInOldVersion }
            let isChunked = isName(base + Int(coding.start), Int(coding.count), "chunked")
            guard isChunked else { throw .unsupportedTransferEncoding }
            return .chunked
        }
        guard let length = known[.contentLength] else { return nil }
        // 18 digits stay below Int64.max, so the sum cannot overflow.
        guard length.count > 0, length.count <= 18 else { throw .badContentLength }
        var value = 0
        for at in length.range {
            let digit = base[at] &- UInt8(ascii: "0")
            guard digit < 10 else { throw .badContentLength }
            value = value &* 10 &+ Int(digit)
        }
        return .length(value)
    }

    /// Whether another message may follow on the connection: HTTP/1.1 without `close` among its connection options.
    func keepAlive(_ base: UnsafePointer<UInt8>, minorVersion: Int) -> Bool {
        guard minorVersion == 1 else { return false }
        guard let first = known[.connection] else { return true }
        // More than one such field is rare; every one of them would have to be looked for again, so the connection ends.
        guard !known.isRepeated(.connection) else { return false }
        var at = Int(first.start)
        let end = at + Int(first.count)
        while at < end {
            var stop = at
            while stop < end, base[stop] != UInt8(ascii: ",") { stop &+= 1 }
            var last = stop
            while at < last, base[at] == space || base[at] == tab { at &+= 1 }
            while last > at, base[last &- 1] == space || base[last &- 1] == tab { last &-= 1 }
            if isName(base + at, last &- at, "close") { return false }
            at = stop &+ 1
        }
        return true
    }
}
