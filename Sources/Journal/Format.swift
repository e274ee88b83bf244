import Crypto

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// A segment file is a head sector, then batches, each beginning on a sector boundary, then zeros.
//
//   head     magic 8 · version 4 · sector 4 · ordinal 8 · salt 8 · first 8 · chain 32 · hash 32
//   batch    magic 4 · entry bytes 4 · first 8 · count 4 · total bytes 4 · salt 8 · chain 32 · hash 32
//            entries, each after a zero byte · table of (length 4 · leaf hash 32) · end mark 8
//
// Numbers are little-endian. A batch is written only after the one before it is durable: a whole batch therefore proves that
// everything before it was acknowledged, and only the last one of the log can be torn. No acknowledged sector is written
// again. The zero byte in front of an entry is the prefix of an RFC 6962 leaf, so that a leaf hash is one update over
// memory that lies together. `chain` is the hash of the batch before, across segments.

/// The unit that a disk writes whole or not at all.
let sectorBytes = 512
let formatVersion: UInt32 = 1
/// From the start of a batch to its first entry.
let batchHeadBytes = 96
let tableRowBytes = 36
let endMarkBytes = 8
private let segmentMagic: UInt64 = 0x4C4E_524A_5249_4557  // WEIRJRNL
private let batchMagic: UInt32 = 0x3142_4A57  // WJB1
// No byte of it is zero, so that a batch whose last sector was not written shows zeros there.
private let endMark: UInt64 = 0x646E_6552_4945_570A
/// What the segment's head says takes this much of its sector.
private let segmentHeadBytes = 104

/// The RFC 6962 leaf hash of memory that begins with the zero byte of the leaf prefix.
func leafHash(prefixed bytes: UnsafeRawBufferPointer) -> LogHash {
    var hasher = SHA256()
    hasher.update(bufferPointer: bytes)
    return LogHash(hasher.finalize())
}

func roundedToSector(_ bytes: Int) -> Int { (bytes + sectorBytes - 1) / sectorBytes * sectorBytes }

/// The first sector of a segment file.
struct SegmentHead: Sendable, Hashable {
    var ordinal: UInt64
    /// Random, so that content can never pass for a batch of this file.
    var salt: UInt64
    /// Everything before this sequence number was durable, in earlier segments, when the file was made.
    var first: UInt64
    /// The hash of the batch that ends before `first`.
    var chain: LogHash

    func bytes() -> [UInt8] {
        var sector = [UInt8](repeating: 0, count: sectorBytes)
        sector.withUnsafeMutableBytes { bytes in
            bytes.put(segmentMagic, at: 0)
            bytes.put(formatVersion, at: 8)
            bytes.put(UInt32(sectorBytes), at: 12)
            bytes.put(ordinal, at: 16)
            bytes.put(salt, at: 24)
            bytes.put(first, at: 32)
            bytes.storeBytes(of: chain, toByteOffset: 40, as: LogHash.self)
            let hash = LogHash(SHA256.hash(data: UnsafeRawBufferPointer(rebasing: bytes[0..<72])))
            bytes.storeBytes(of: hash, toByteOffset: 72, as: LogHash.self)
        }
        return sector
    }

    /// `nil` unless every byte is as it was written.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= segmentHeadBytes, bytes.get(UInt64.self, at: 0) == segmentMagic,
            bytes.get(UInt32.self, at: 8) == formatVersion, bytes.get(UInt32.self, at: 12) == UInt32(sectorBytes),
            LogHash(SHA256.hash(data: UnsafeRawBufferPointer(rebasing: bytes[0..<72])))
                == bytes.loadUnaligned(fromByteOffset: 72, as: LogHash.self)
        else { return nil }
        ordinal = bytes.get(UInt64.self, at: 16)
        salt = bytes.get(UInt64.self, at: 24)
        first = bytes.get(UInt64.self, at: 32)
        chain = bytes.loadUnaligned(fromByteOffset: 40, as: LogHash.self)
    }

    init(ordinal: UInt64, salt: UInt64, first: UInt64, chain: LogHash) {
        (self.ordinal, self.salt, self.first, self.chain) = (ordinal, salt, first, chain)
    }
}

/// What the first bytes of a batch say. It is only a claim until `isWhole` has been asked.
struct BatchHead: Sendable, Hashable {
    var entryBytes: Int
    var first: UInt64
    var count: Int
    var salt: UInt64
    var chain: LogHash
    var hash: LogHash = .zero

    /// From the magic to the end mark; the next batch begins on the sector boundary after it.
    var totalBytes: Int { batchHeadBytes + entryBytes + tableRowBytes * count + endMarkBytes }
    var next: UInt64 { first + UInt64(count) }
    var tableOffset: Int { batchHeadBytes + entryBytes }

    init(entryBytes: Int, first: UInt64, count: Int, salt: UInt64, chain: LogHash) {
        (self.entryBytes, self.first, self.count, self.salt, self.chain) = (entryBytes, first, count, salt, chain)
    }

    /// `nil` unless the numbers agree with each other, which a single changed bit in them breaks.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= batchHeadBytes, bytes.get(UInt32.self, at: 0) == batchMagic else { return nil }
        entryBytes = Int(bytes.get(UInt32.self, at: 4))
        first = bytes.get(UInt64.self, at: 8)
        count = Int(bytes.get(UInt32.self, at: 16))
        salt = bytes.get(UInt64.self, at: 24)
        chain = bytes.loadUnaligned(fromByteOffset: 32, as: LogHash.self)
        hash = bytes.loadUnaligned(fromByteOffset: 64, as: LogHash.self)
        guard count > 0, first <= UInt64.max / 2, totalBytes == Int(bytes.get(UInt32.self, at: 20)) else { return nil }
    }

    /// Writes the head and the end mark around entries and table that are in place, and hashes them.
    mutating func seal(_ bytes: UnsafeMutableRawBufferPointer) {
        bytes.put(batchMagic, at: 0)
        bytes.put(UInt32(entryBytes), at: 4)
        bytes.put(first, at: 8)
        bytes.put(UInt32(count), at: 16)
        bytes.put(UInt32(totalBytes), at: 20)
        bytes.put(salt, at: 24)
        bytes.storeBytes(of: chain, toByteOffset: 32, as: LogHash.self)
        bytes.put(endMark, at: totalBytes - endMarkBytes)
        hash = digest(UnsafeRawBufferPointer(bytes))
        bytes.storeBytes(of: hash, toByteOffset: 64, as: LogHash.self)
    }

    /// Over the head and the table; the table's leaf hashes cover the entries.
    private func digest(_ bytes: UnsafeRawBufferPointer) -> LogHash {
        var hasher = SHA256()
        hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[0..<64]))
        hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[tableOffset..<totalBytes]))
        return LogHash(hasher.finalize())
    }

    /// Whether head, table and every entry are as they were written.
    func isWhole(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= totalBytes, digest(bytes) == hash,
            bytes.get(UInt64.self, at: totalBytes - endMarkBytes) == endMark
        else { return false }
        var offset = batchHeadBytes
        for row in 0..<count {
            let rowOffset = tableOffset + row * tableRowBytes
            let length = Int(bytes.get(UInt32.self, at: rowOffset))
            guard length > 0, length <= tableOffset - offset, bytes[offset] == 0 else { return false }
            let leaf = leafHash(prefixed: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            guard leaf == bytes.loadUnaligned(fromByteOffset: rowOffset + 4, as: LogHash.self) else { return false }
            offset += length
        }
        return offset == tableOffset
    }

    /// Whether a batch that is not whole was never completely written: a sector of it is missing or still zero.
    func isTorn(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= totalBytes else { return true }
        if bytes.get(UInt64.self, at: totalBytes - endMarkBytes) == 0 { return true }
        return stride(from: 0, to: totalBytes, by: sectorBytes).contains { offset in
            isZero(UnsafeRawBufferPointer(rebasing: bytes[offset..<min(offset + sectorBytes, totalBytes)]))
        }
    }

    /// Calls `body` for each entry, without its prefix byte, and its leaf hash, in a batch that is whole.
    func forEachEntry(_ bytes: UnsafeRawBufferPointer, _ body: (UInt64, UnsafeRawBufferPointer, LogHash) throws -> Void) rethrows
    {
        var offset = batchHeadBytes
        for row in 0..<count {
            let length = Int(bytes.get(UInt32.self, at: tableOffset + row * tableRowBytes))
            let leaf = bytes.loadUnaligned(fromByteOffset: tableOffset + row * tableRowBytes + 4, as: LogHash.self)
            try body(first + UInt64(row), UnsafeRawBufferPointer(rebasing: bytes[offset + 1..<offset + length]), leaf)
            offset += length
        }
    }
}

func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress, bytes.count > 0 else { return true }
    // Equal to itself moved by one byte: the C library compares many bytes at a time.
    return bytes[0] == 0 && memcmp(base, base + 1, bytes.count - 1) == 0
}

/// Whether a batch can begin here.
func hasBatchMagic(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= batchHeadBytes && bytes.get(UInt32.self, at: 0) == batchMagic
}

extension UnsafeMutableRawBufferPointer {
    func put(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value))
    }
}

extension UnsafeRawBufferPointer {
    func get<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}
