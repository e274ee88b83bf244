/// Reads one answer's head as its bytes arrive; offsets count from the head's first byte.
struct ResponseScanState: Sendable {
    private enum Phase { case version, status, reason, lineEnd, fields }

    private(set) var status = 0
    private(set) var minorVersion = 1
    private(set) var fieldsStart = 0
    private(set) var fields = HTTPFieldScan()
    private var phase = Phase.version

    var isUntouched: Bool { !wasTouched }
    private var wasTouched = false

    /// Whether the head is whole; false: it looked at all bytes before `end` and needs more.
    mutating func run(_ base: UnsafePointer<UInt8>, end: Int, limits: HTTPLimits) throws(HTTPViolation) -> Bool {
        wasTouched = wasTouched || end > 0
        while true {
            switch phase {
            case .version:
                guard let minor = try readHTTPVersion(base, min(end, 8), malformed: .malformedStatusLine) else { return false }
                minorVersion = minor
                fields.at = 8
                phase = .status
            case .status: guard try readStatus(base, end) else { return false }
            case .reason:
                fields.at = endOfFieldBytes(base, fields.at, end)
                guard fields.at < end else { return false }
                guard base[fields.at] == carriageReturn else {
                    throw base[fields.at] == lineFeed ? .bareLineFeed : .malformedStatusLine
                }
                fields.at &+= 1
                phase = .lineEnd
            case .lineEnd:
                guard fields.at < end else { return false }
                guard base[fields.at] == lineFeed else { throw .bareCarriageReturn }
                fields.at &+= 1
                fieldsStart = fields.at
                phase = .fields
            case .fields: return try fields.run(base, end: end, maxCount: limits.headerCount, isRequest: false)
            }
        }
    }

    /// A space and three digits; the space after them may be missing together with the reason.
    private mutating func readStatus(_ base: UnsafePointer<UInt8>, _ end: Int) throws(HTTPViolation) -> Bool {
        while fields.at < end {
            let byte = base[fields.at]
            switch fields.at {
            case 8: guard byte == space else { throw .malformedStatusLine }
            case 9..<12:
                let digit = byte &- UInt8(ascii: "0")
                guard digit < 10 else { throw .malformedStatusLine }
                guard fields.at > 9 || 1...5 ~= digit else { throw .badStatus }
                status = status * 10 + Int(digit)
            default:
                guard byte == space || byte == carriageReturn else {
                    throw byte == lineFeed ? .bareLineFeed : .malformedStatusLine
                }
                phase = .reason
                return true
            }
            fields.at &+= 1
        }
        return false
    }

    /// What the whole head means, once `run` is done. RFC 9112 section 6.3, less what it leaves to guessing.
    func parts(_ base: UnsafePointer<UInt8>, isHeadRequest: Bool) throws(HTTPViolation) -> ResponseHead.Parts {
        guard status != 101 else { throw .switchedProtocols }
        let announced = try fields.framing(base, minorVersion: minorVersion)
        let keepAlive = fields.keepAlive(base, minorVersion: minorVersion)
        let framing: HTTPFraming
        switch status {
        case ..<200:
            guard announced == nil else { throw .unexpectedBody }
            // From an HTTP/1.0 server, or with `close`: whether an answer follows is then read both ways.
            guard keepAlive else { throw .closingInformational }
            framing = .none
        case 204:
            // Some servers announce the length 0 of a body that there cannot be; that much is clear.
            guard announced == nil || announced == .length(0) else { throw .unexpectedBody }
            framing = .none
        case 304: framing = .none
        default:
            if isHeadRequest {
                framing = .none
            } else if let announced {
                framing = announced
            } else {
                throw .unframedBody
            }
        }
        return ResponseHead.Parts(framing: framing, keepAlive: keepAlive)
    }
}
