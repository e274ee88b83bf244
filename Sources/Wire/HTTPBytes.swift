/// The classes of bytes that HTTP/1.1 tells apart, as bit sets: two words cover ASCII, and nothing above it is a member.
struct ByteSet {
    let low: UInt64
    let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        let word = byte & 64 == 0 ? low : high
        return byte < 128 && (word &>> UInt64(byte & 63)) & 1 == 1
    }

    /// `token`, RFC 9110 section 5.6.2: names of fields and methods.
    static let token = ByteSet(low: 0x03FF_6CFA_0000_0000, high: 0x57FF_FFFF_C7FF_FFFE)
    /// What path and query of a request target may hold, RFC 3986 section 3.3 and 3.4.
    static let target = ByteSet(low: 0xAFFF_FFF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF)
    /// Host and port, without the sub-delimiters that no real host has: a comma there is an attack on a cache or a list.
    static let host = ByteSet(low: 0x07FF_6020_0000_0000, high: 0x07FF_FFFE_AFFF_FFFE)
}

let carriageReturn: UInt8 = 0x0D
let lineFeed: UInt8 = 0x0A
let space: UInt8 = 0x20
let tab: UInt8 = 0x09

/// From `at`, the first byte that a field value may not hold (RFC 9110 section 5.5: visible, space, tab, or above ASCII), or `end`.
@inline(__always)
func endOfFieldBytes(_ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Int {
    var at = start
    while at &+ 8 <= end {
        let word = UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self)
        // Eight bytes at once: is one below 0x20, or is one 0x7F? Both tests may only err towards the slow loop.
        let control = (word &- 0x2020_2020_2020_2020) & ~word
        let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
        if (control | ((delete &- 0x0101_0101_0101_0101) & ~delete)) & 0x8080_8080_8080_8080 != 0 { break }
        at &+= 8
    }
    while at < end {
        let byte = base[at]
        guard byte >= space ? byte != 0x7F : byte == tab else { return at }
        at &+= 1
    }
    return at
}

/// Whether `count` bytes are `name` (which is lower case), letters in any case. The bytes hold no carriage return.
@inline(__always)
func isName(_ base: UnsafePointer<UInt8>, _ count: Int, _ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    let expected = name.utf8Start
    var at = 0
    while at < count {
        // Setting the bit of lower case is exact for letters, and for `-` but for the carriage return.
        if base[at] | 0x20 != expected[at] { return false }
        at &+= 1
    }
    return true
}
