#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The deepest nesting that any caller may ask for: the kinds of open containers fit in one word.
let jsonDepthMax = 128

/// The inside of a JSON string: where it lies, and whether it is written with escapes.
struct JSONString {
    var start: Int
    var end: Int
    var escaped: Bool

    var range: Range<Int> { start..<end }
    var isEmpty: Bool { start == end }
}

/// A cursor that moves over JSON text in one pass and checks every byte it passes: RFC 8259 grammar, UTF-8, depth.
///
/// It makes no copies and no allocations. Strings are passed eight bytes at a time.
struct JSONCursor {
    let base: UnsafePointer<UInt8>
    let end: Int
    let depthMax: Int
    /// Text from a caller. What grammar allows and parsers disagree on is refused there: halves of surrogate pairs and numbers that no
    /// Double holds. From providers both pass: they cut text between tokens.
    let isStrict: Bool
    var at = 0
    var depth = 0

    init(_ bytes: UnsafeRawBufferPointer, depthMax: Int, isStrict: Bool) {
        base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) ?? emptyText.utf8Start
        end = bytes.count
        self.depthMax = min(depthMax, jsonDepthMax)
        self.isStrict = isStrict
    }

    /// The byte at the cursor; 0, which begins no value, at the end.
    @inline(__always) var peek: UInt8 { at < end ? base[at] : 0 }

    @inline(__always) func fault(_ code: ScanError.Code = .malformed) -> ScanError {
        ScanError(at >= end && code == .malformed ? .incomplete : code, at: at)
    }

    @inline(__always) mutating func skipSpace() {
        while at < end, base[at] <= 0x20, base[at] == 0x20 || base[at] == 0x0A || base[at] == 0x0D || base[at] == 0x09 {
            at &+= 1
        }
    }

    /// Passes one whole value of any kind.
    @inline(__always) mutating func skip() throws(ScanError) {
        if peek == UInt8(ascii: "{") || peek == UInt8(ascii: "[") { try skipContainer() } else { try skipScalar() }
    }

    private mutating func skipContainer() throws(ScanError) {
        // Innermost container in the lowest bit: 1 is an object, 0 an array.
        var kinds: UInt128 = 0
        var open = 0
        value: while true {
            switch peek {
            case UInt8(ascii: "{"):
                if depth &+ open >= depthMax { throw fault(.tooDeep) }
                at &+= 1
                skipSpace()
                kinds = kinds << 1 | 1
                open &+= 1
                if peek != UInt8(ascii: "}") {
                    _ = try key()
                    continue value
                }
            case UInt8(ascii: "["):
                if depth &+ open >= depthMax { throw fault(.tooDeep) }
                at &+= 1
                skipSpace()
                kinds = kinds << 1
                open &+= 1
                if peek != UInt8(ascii: "]") { continue value }
            default:
                try skipScalar()
            }
            while true {
                if open == 0 { return }
                skipSpace()
                let isObject = kinds & 1 == 1
                let byte = peek
                if byte == UInt8(ascii: ",") {
                    at &+= 1
                    skipSpace()
                    if isObject { _ = try key() }
                    continue value
                }
                guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { throw fault() }
                at &+= 1
                kinds >>= 1
                open &-= 1
            }
        }
    }

    @inline(__always) private mutating func skipScalar() throws(ScanError) {
        switch peek {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try number()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        default: _ = try number()
        }
    }
}

private let emptyText: StaticString = ""

// MARK: - Containers, one member at a time

extension JSONCursor {
    /// Enters the container at the cursor, which the caller has looked at.
    mutating func enter() throws(ScanError) {
        if depth >= depthMax { throw fault(.tooDeep) }
        depth &+= 1
        at &+= 1
    }

    /// Moves to the next member's value and returns its key; nil after the last one, with the object passed.
    mutating func nextKey(_ first: inout Bool) throws(ScanError) -> JSONString? {
        guard try more(until: UInt8(ascii: "}"), &first) else { return nil }
        return try key()
    }

    /// Moves to the next element; false after the last one, with the array passed.
    mutating func nextElement(_ first: inout Bool) throws(ScanError) -> Bool {
        try more(until: UInt8(ascii: "]"), &first)
    }

    @inline(__always) private mutating func more(until close: UInt8, _ first: inout Bool) throws(ScanError) -> Bool {
        skipSpace()
        if peek == close {
            at &+= 1
            depth &-= 1
            return false
        }
        if first {
            first = false
        } else {
            guard peek == UInt8(ascii: ",") else { throw fault() }
            at &+= 1
            skipSpace()
        }
        return true
    }

    /// Passes a key and its colon, up to the value.
    @inline(__always) mutating func key() throws(ScanError) -> JSONString {
        guard peek == UInt8(ascii: "\"") else { throw fault() }
        let key = try string()
        skipSpace()
        guard peek == UInt8(ascii: ":") else { throw fault() }
        at &+= 1
        skipSpace()
        return key
    }

    /// Nothing but space may follow.
    mutating func finish() throws(ScanError) {
        skipSpace()
        if at < end { throw fault(.trailingBytes) }
    }
}

// MARK: - Scalars

extension JSONCursor {
    mutating func literal(_ text: StaticString) throws(ScanError) {
        let count = text.utf8CodeUnitCount
        for i in 0..<count {
            guard at < end, base[at] == text.utf8Start[i] else { throw fault() }
            at &+= 1
        }
    }

    /// Passes a number and says whether it is written as a whole number.
    mutating func number() throws(ScanError) -> (range: Range<Int>, whole: Bool) {
        let start = at
        var whole = true
        if peek == UInt8(ascii: "-") { at &+= 1 }
        let firstDigit = at
        if peek == UInt8(ascii: "0") { at &+= 1 } else { try digits() }
        let wholeDigits = at &- firstDigit
        if isStrict, wholeDigits >= 309 { throw ScanError(.outOfRange, at: start) }
        if peek == UInt8(ascii: ".") {
            whole = false
            at &+= 1
            try digits()
        }
        if peek | 0x20 == UInt8(ascii: "e") {
            whole = false
            at &+= 1
            let isNegative = peek == UInt8(ascii: "-")
            if isNegative || peek == UInt8(ascii: "+") { at &+= 1 }
            let firstExponentDigit = at
            try digits()
            if isStrict, !isNegative, !fitsDouble(wholeDigits, exponent: firstExponentDigit..<at) {
                throw ScanError(.outOfRange, at: start)
            }
        }
        return (start..<at, whole)
    }

    @inline(__always) private mutating func digits() throws(ScanError) {
        guard at < end, base[at] &- 0x30 < 10 else { throw fault() }
        repeat { at &+= 1 } while at < end && base[at] &- 0x30 < 10
    }

    /// Whether digits before the point and an exponent stay below 10³⁰⁸.
    private func fitsDouble(_ wholeDigits: Int, exponent: Range<Int>) -> Bool {
        var power = 0
        for i in exponent where power < 1000 { power = power * 10 + Int(base[i] &- 0x30) }
        return wholeDigits + power <= 308
    }

    /// The value of a whole number that was passed; nil beyond Int64.
    func integer(_ range: Range<Int>) -> Int64? {
        var i = range.lowerBound
        let negative = base[i] == UInt8(ascii: "-")
        if negative { i += 1 }
        var value: Int64 = 0
        while i < range.upperBound {
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = scaled.subtractingReportingOverflow(Int64(base[i] &- 0x30))
            if overflow || carry { return nil }
            value = next
            i += 1
        }
        // Counted downwards, since the least Int64 has no positive twin.
        if negative { return value }
        return value == Int64.min ? nil : -value
    }

    /// Whether the bytes of `range` are `text`.
    @inline(__always) func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        range.count == text.utf8CodeUnitCount && memcmp(base + range.lowerBound, text.utf8Start, range.count) == 0
    }

    @inline(__always) func matches(_ string: JSONString, _ text: StaticString) -> Bool {
        string.end &- string.start == text.utf8CodeUnitCount
            && memcmp(base + string.start, text.utf8Start, text.utf8CodeUnitCount) == 0
    }

    /// Whether two stretches of the text are the same bytes.
    @inline(__always) func equal(_ a: Int, _ b: Int, _ count: Int) -> Bool {
        memcmp(base + a, base + b, count) == 0
    }
}
