// Strings of JSON: the part of a scan where nearly all bytes are.

private let ones: UInt64 = 0x0101_0101_0101_0101
private let highs: UInt64 = 0x8080_8080_8080_8080

/// Marks the bytes of a word that need a look inside a string: `"`, `\`, controls and everything beyond ASCII.
///
/// Each test can mark a byte wrongly only above one that it marks rightly, so the lowest mark is always right.
@inline(__always) private func special(_ word: UInt64) -> UInt64 {
    let quote = word ^ (ones &* 0x22)
    let slash = word ^ (ones &* 0x5C)
    let marks = ((quote &- ones) & ~quote) | ((slash &- ones) & ~slash) | ((word &- ones &* 0x20) & ~word) | word
    return marks & highs
}

extension JSONCursor {
    /// Passes the string at the cursor, whose opening quote the caller has seen.
    mutating func string() throws(ScanError) -> JSONString {
        let start = at &+ 1
        var i = start
        var escaped = false
        while true {
            while i &+ 8 <= end {
                let word = UInt64(littleEndian: UnsafeRawPointer(base + i).loadUnaligned(as: UInt64.self))
                let marks = special(word)
                if marks != 0 {
                    i &+= marks.trailingZeroBitCount &>> 3
                    break
                }
                i &+= 8
            }
            guard i < end else {
                at = end
                throw fault(.incomplete)
            }
            let byte = base[i]
            if byte == UInt8(ascii: "\"") {
                at = i &+ 1
                return JSONString(start: start, end: i, escaped: escaped)
            } else if byte == UInt8(ascii: "\\") {
                escaped = true
                i = try escape(i)
            } else if byte < 0x20 {
                at = i
                throw fault()
            } else if byte < 0x80 {
                i &+= 1
            } else {
                repeat { i = try multibyte(i) } while i < end && base[i] >= 0x80
            }
        }
    }

    /// Passes one character beyond ASCII (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
    @inline(__always) private mutating func multibyte(_ i: Int) throws(ScanError) -> Int {
        let lead = base[i]
        let left = end &- i
        var good = false
        var length = 1
        if lead >= 0xC2, lead < 0xE0 {
            length = 2
            good = left >= 2 && continues(i &+ 1)
        } else if lead >= 0xE0, lead < 0xF0 {
            length = 3
            if left >= 3, continues(i &+ 1), continues(i &+ 2) {
                let second = base[i &+ 1]
                good = lead == 0xE0 ? second >= 0xA0 : lead == 0xED ? second < 0xA0 : true
            }
        } else if lead >= 0xF0, lead < 0xF5 {
            length = 4
            if left >= 4, continues(i &+ 1), continues(i &+ 2), continues(i &+ 3) {
                let second = base[i &+ 1]
                good = lead == 0xF0 ? second >= 0x90 : lead == 0xF4 ? second < 0x90 : true
            }
        }
        guard good else {
            at = i
            throw fault(.notUTF8)
        }
        return i &+ length
    }

    @inline(__always) private func continues(_ i: Int) -> Bool { base[i] & 0xC0 == 0x80 }

    /// Passes one escape.
    private mutating func escape(_ i: Int) throws(ScanError) -> Int {
        at = i
        guard i &+ 1 < end else {
            at = end
            throw fault(.incomplete)
        }
        switch base[i &+ 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return i &+ 2
        case UInt8(ascii: "u"):
            guard let unit = hexadecimal(i &+ 2) else { throw fault() }
            if unit & 0xF800 != 0xD800 || !isStrict { return i &+ 6 }
            guard unit < 0xDC00, i &+ 7 < end, base[i &+ 6] == UInt8(ascii: "\\"), base[i &+ 7] == UInt8(ascii: "u"),
                let low = hexadecimal(i &+ 8), low & 0xFC00 == 0xDC00
            else { throw fault() }
            return i &+ 12
        default:
            throw fault()
        }
    }

    private func hexadecimal(_ i: Int) -> UInt32? {
        guard i &+ 4 <= end else { return nil }
        var value: UInt32 = 0
        for offset in 0..<4 {
            let byte = base[i &+ offset]
            let digit: UInt8
            if byte &- 0x30 < 10 {
                digit = byte &- 0x30
            } else if (byte | 0x20) &- 0x61 < 6 {
                digit = (byte | 0x20) &- 0x61 &+ 10
            } else {
                return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
