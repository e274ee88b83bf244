/// The keys of one object seen so far, kept as places in the text.
///
/// Its size is bounded, so that an object of a million keys costs no more than its bytes.
struct KeyTable {
    /// More members than any API has at its top level. Eight bytes each: the table stays on the stack.
    static let capacity = 128

    private let slots: UnsafeMutableBufferPointer<UInt64>
    private var count = 0

    init(_ slots: UnsafeMutableBufferPointer<UInt64>) { self.slots = slots }

    /// Adds a key; refuses one that is written with escapes, is there already, or is one too many.
    @inline(__always)
    mutating func add(_ key: JSONString, _ cursor: borrowing JSONCursor) throws(ScanError) {
        if key.escaped { throw ScanError(.escapedKey, at: key.start) }
        guard count < slots.count else { throw ScanError(.tooManyKeys, at: key.start) }
        let length = key.end &- key.start
        for i in 0..<count where Int(slots[i] & 0xFFFF_FFFF) == length {
            let start = Int(slots[i] >> 32)
            if cursor.equal(start, key.start, length) { throw ScanError(.duplicateKey, at: key.start) }
        }
        slots[count] = UInt64(key.start) << 32 | UInt64(length)
        count &+= 1
    }
}

/// A set of fields of one object, to notice the second of a kind.
struct SeenFields {
    private var bits: UInt32 = 0

    @inline(__always)
    mutating func mark(_ bit: UInt32, _ key: JSONString) throws(ScanError) {
        guard bits & (1 << bit) == 0 else { throw ScanError(.duplicateKey, at: key.start) }
        bits |= 1 << bit
    }
}
