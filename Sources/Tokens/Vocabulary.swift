#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The tokens of one encoding, by rank: a token's number is also how early its bytes are joined.
/// One block of bytes and a table of ranks (about 4 MB for 200,000 tokens), made once and only read afterwards.
/// Unchecked: nothing behind the pointers is written after `init`, and they live as long as the object.
public final class Vocabulary: @unchecked Sendable {
    /// No such token.
    static let none: Int32 = .max

    public struct SpecialToken: Sendable, Hashable {
        public var number: Int32
        public var text: String
    }

    public let split: SplitRule
    /// Tokens without the special ones.
    public let count: Int
    /// Known for decoding; in text they are text like any other.
    public let specials: [SpecialToken]
    /// Bytes of the longest token.
    let longest: Int

    /// Each token as its length in one byte and its bytes.
    private let records: UnsafeMutableRawBufferPointer
    /// Where the bytes of each token begin.
    private let starts: UnsafeMutablePointer<UInt32>
    /// Ranks by hash of the bytes, probed linearly; at most half full.
    private let table: UnsafeMutablePointer<Int32>
    private let mask: Int
    /// Ranks of all strings of two bytes: nearly half of all questions while merging.
    private let pairs: UnsafeMutablePointer<Int32>

    init(_ file: VocabularyFile) throws(VocabularyError) {
        let records = UnsafeMutableRawBufferPointer.allocate(byteCount: file.records.count, alignment: 8)
        records.copyBytes(from: file.records)
        self.records = records
        split = file.split
        specials = file.specials
        count = file.starts.count
        starts = .allocate(capacity: count)
        file.starts.withUnsafeBufferPointer { [starts] in
            if let from = $0.baseAddress { starts.update(from: from, count: $0.count) }
        }
        var capacity = 1_024
        while capacity < 2 * count { capacity *= 2 }
        mask = capacity - 1
        table = .allocate(capacity: capacity)
        table.initialize(repeating: Vocabulary.none, count: capacity)
        pairs = .allocate(capacity: 65_536)
        pairs.initialize(repeating: Vocabulary.none, count: 65_536)
        longest = file.longest
        try fillTable()
    }

    deinit {
        records.deallocate()
        starts.deallocate()
        table.deallocate()
        pairs.deallocate()
    }

    private func fillTable() throws(VocabularyError) {
        guard let base = records.baseAddress.map({ UnsafeRawPointer($0) }) else { throw VocabularyError.malformed("no tokens") }
        var next: Int32 = 0
        while next < count {
            let bytes = base + Int(starts[Int(next)])
            let size = Int((bytes - 1).load(as: UInt8.self))
            var slot = Vocabulary.hash(bytes, size) & mask
            while table[slot] != Vocabulary.none {
                let other = base + Int(starts[Int(table[slot])])
                // The length stands before the bytes.
                if memcmp(bytes - 1, other - 1, size + 1) == 0 { throw VocabularyError.malformed("a token twice") }
                slot = (slot + 1) & mask
            }
            table[slot] = next
            if size == 2 { pairs[Int(bytes.load(as: UInt8.self)) << 8 | Int((bytes + 1).load(as: UInt8.self))] = next }
            next += 1
        }
        // Text of any bytes can be written with these, so merging never ends without a token.
        for byte in UInt8.min...UInt8.max where withUnsafePointer(to: byte, { rank($0, 1) }) == Vocabulary.none {
            throw VocabularyError.malformed("no token for a single byte")
        }
    }

    /// The bytes of the token with this rank; special tokens have none.
    subscript(rank: Int32) -> UnsafeRawBufferPointer {
        let start = Int(starts[Int(rank)])
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(records)[start..<start + Int(records[start - 1])])
    }

    /// The rank of the token that has just these bytes (one at least), or `none`.
    @inline(__always)
    func rank(_ bytes: UnsafeRawPointer, _ count: Int) -> Int32 {
        if count == 2 {
            return pairs[Int(bytes.load(as: UInt8.self)) << 8 | Int(bytes.load(fromByteOffset: 1, as: UInt8.self))]
        }
        guard count <= longest, let base = records.baseAddress else { return Vocabulary.none }
        var slot = Vocabulary.hash(bytes, count) & mask
        while true {
            let rank = table[slot]
            if rank == Vocabulary.none { return rank }
            let start = base + Int(starts[Int(rank)])
            if Int((start - 1).load(as: UInt8.self)) == count, memcmp(start, bytes, count) == 0 { return rank }
            slot = (slot + 1) & mask
        }
    }

    /// Words of eight bytes, the last one overlapping, mixed by multiplication. The table's content is fixed, so no caller can
    /// make it slow by chosen collisions beyond the longest probe that the vocabulary itself makes.
    @inline(__always)
    private static func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
        var sum = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
        if count >= 8 {
            var at = 0
            while at + 8 < count {
                sum = (sum ^ bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* 0xFF51_AFD7_ED55_8CCD
                sum ^= sum >> 32
                at += 8
            }
            sum ^= bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        } else if count >= 4 {
            sum ^= UInt64(bytes.loadUnaligned(as: UInt32.self))
            sum ^= UInt64(bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)) << 32
        } else {
            sum ^= UInt64(bytes.load(as: UInt8.self)) | UInt64(bytes.load(fromByteOffset: count / 2, as: UInt8.self)) << 8
            sum ^= UInt64(bytes.load(fromByteOffset: count - 1, as: UInt8.self)) << 16
        }
        sum = sum &* 0xC4CE_B9FE_1A85_EC53
        return Int(truncatingIfNeeded: sum ^ (sum >> 32)) & Int.max
    }
}
