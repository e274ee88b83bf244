/// Reads one request head as its bytes arrive; offsets count from the head's first byte.
struct RequestScanState: Sendable {
    private enum Phase { case method, target, version, fields }

    /// The longest method that is known, `OPTIONS`.
    private static let methodBytesMax = 7

    private(set) var method = RequestMethod.get
    private(set) var minorVersion = 1
    private(set) var targetStart = 0
    private(set) var targetEnd = 0
    private(set) var queryMark: Int?
    private(set) var fieldsStart = 0
    private(set) var fields = HTTPFieldScan()
    private var phase = Phase.method
    private var word: UInt64 = 0

    var isUntouched: Bool { fields.at == 0 }

    /// Whether the head is whole; false: it looked at all bytes before `end` and needs more.
    mutating func run(_ base: UnsafePointer<UInt8>, end: Int, limits: HTTPLimits) throws(HTTPViolation) -> Bool {
        while true {
            switch phase {
            case .method: guard try readMethod(base, end) else { return false }
            case .target: guard try readTarget(base, end, max: limits.targetBytes) else { return false }
            case .version: guard try readVersion(base, end) else { return false }
            case .fields: return try fields.run(base, end: end, maxCount: limits.headerCount, isRequest: true)
            }
        }
    }

    private mutating func readMethod(_ base: UnsafePointer<UInt8>, _ end: Int) throws(HTTPViolation) -> Bool {
        while fields.at < end {
            let byte = base[fields.at]
            if byte == space, fields.at > 0 {
                method = try RequestMethod(packed: word)
                fields.at &+= 1
                targetStart = fields.at
                phase = .target
                return true
            }
            guard ByteSet.token.contains(byte) else { throw .malformedRequestLine }
            guard fields.at < Self.methodBytesMax else { throw .unknownMethod }
            word = word &<< 8 | UInt64(byte)
            fields.at &+= 1
        }
        return false
    }

    private mutating func readTarget(_ base: UnsafePointer<UInt8>, _ end: Int, max: Int) throws(HTTPViolation) -> Bool {
        var at = fields.at
        defer { fields.at = at }
        while at < end, ByteSet.target.contains(base[at]) {
            let byte = base[at]
            if at == targetStart, byte != UInt8(ascii: "/"), byte != UInt8(ascii: "*") || method != .options {
                throw .targetForm
            }
            guard at &- targetStart < max else { throw .targetTooLong }
            if byte == UInt8(ascii: "?"), queryMark == nil { queryMark = at }
            at &+= 1
        }
        guard at < end else { return false }
        guard base[at] == space, at > targetStart else {
            throw base[at] == space || base[at] == carriageReturn || base[at] == lineFeed ? .malformedRequestLine : .badTarget
        }
        guard base[targetStart] == UInt8(ascii: "/") || at == targetStart &+ 1 else { throw .targetForm }
        targetEnd = at
        at &+= 1
        phase = .version
        return true
    }

    /// `HTTP/1.1` or `HTTP/1.0` and the line end: ten bytes, looked at again if they come in pieces.
    private mutating func readVersion(_ base: UnsafePointer<UInt8>, _ end: Int) throws(HTTPViolation) -> Bool {
        let start = targetEnd &+ 1
        guard let minor = try readHTTPVersion(base + start, Swift.min(end &- start, 8), malformed: .malformedRequestLine) else {
            return false
        }
        guard start &+ 8 < end else { return false }
        guard base[start &+ 8] == carriageReturn else {
            throw base[start &+ 8] == lineFeed ? .bareLineFeed : .malformedRequestLine
        }
        guard start &+ 9 < end else { return false }
        guard base[start &+ 9] == lineFeed else { throw .bareCarriageReturn }
        minorVersion = minor
        fields.at = start &+ 10
        fieldsStart = fields.at
        phase = .fields
        return true
    }

    /// What the whole head means, once `run` is done.
    func parts(_ base: UnsafePointer<UInt8>) throws(HTTPViolation) -> RequestHead.Parts {
        if let host = fields.known[.host] {
            guard host.count > 0 else { throw .badHost }
            for at in host.range where !ByteSet.host.contains(base[at]) { throw .badHost }
        } else if minorVersion == 1 {
            // HTTP/1.0 knows no Host; load balancers still probe that way.
            throw .missingHost
        }
        let framing = try fields.framing(base, minorVersion: minorVersion) ?? .none
        var expectContinue = false
        if minorVersion == 1, let expect = fields.known[.expect] {
            guard isName(base + Int(expect.start), Int(expect.count), "100-continue") else { throw .unknownExpectation }
            expectContinue = framing != .none
        }
        return RequestHead.Parts(
            framing: framing, keepAlive: fields.keepAlive(base, minorVersion: minorVersion), expectContinue: expectContinue)
    }
}

/// The minor version at the front, of `count` bytes that are there (at most eight); `nil` while it is not whole.
@inline(__always)
func readHTTPVersion(
    _ base: UnsafePointer<UInt8>, _ count: Int, malformed: HTTPViolation
) throws(HTTPViolation) -> Int? {
    let expected: StaticString = "HTTP/"
    var at = 0
    while at < count {
        let byte = base[at]
        switch at {
        case 0..<5: guard byte == expected.utf8Start[at] else { throw malformed }
        case 6: guard byte == UInt8(ascii: ".") else { throw malformed }
        default:
            guard byte &- UInt8(ascii: "0") < 10 else { throw malformed }
            guard byte == UInt8(ascii: "1") || at == 7 && byte == UInt8(ascii: "0") else { throw .unsupportedVersion }
        }
        at &+= 1
    }
    return count == 8 ? Int(base[7] &- UInt8(ascii: "0")) : nil
}

extension RequestMethod {
    /// From its bytes in one big-endian word, as they were read.
    @inline(__always)
    init(packed word: UInt64) throws(HTTPViolation) {
        switch word {
        case 0x47_4554: self = .get
        case 0x4845_4144: self = .head
        case 0x504F_5354: self = .post
        case 0x50_5554: self = .put
        case 0x50_4154_4348: self = .patch
        case 0x4445_4C45_5445: self = .delete
        case 0x4F_5054_494F_4E53: self = .options
        default: throw .unknownMethod
        }
    }
}
