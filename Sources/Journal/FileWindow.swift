/// A part of a file in memory that moves forward as it is read. What it hands out lives as long as the window.
final class FileWindow {
    private let file: any DiskFile
    private let usualBytes: Int
    private var memory: UnsafeMutableRawBufferPointer
    private var start = 0
    private var filled = 0

    init(_ file: any DiskFile, bytes: Int) {
        self.file = file
        usualBytes = bytes
        memory = .allocate(byteCount: bytes, alignment: 16)
    }

    deinit { memory.deallocate() }

    /// The bytes at an offset, fewer than `count` only at the end of the file; valid until the next call.
    func bytes(at offset: Int, count: Int) throws(DiskError) -> UnsafeRawBufferPointer {
        if offset < start || offset + count > start + filled {
            if count > memory.count {
                memory.deallocate()
                memory = .allocate(byteCount: count, alignment: 16)
            }
            start = offset
            filled = 0
            filled = try file.read(into: memory, at: offset)
        }
        let from = offset - start
        return UnsafeRawBufferPointer(rebasing: memory[from..<min(from + count, filled)])
    }

    /// What the file says it is; `nil` when that is damaged or was never written.
    func segmentHead() throws(DiskError) -> SegmentHead? { SegmentHead(try bytes(at: 0, count: sectorBytes)) }

    /// The batch at an offset: its head and bytes if it is whole, otherwise what can be said of it.
    func batch(at offset: Int, salt: UInt64?) throws(DiskError) -> Found {
        let sector = try bytes(at: offset, count: sectorBytes)
        guard !isZero(sector) else { return .nothing }
        guard let head = BatchHead(sector) else { return sector.count < sectorBytes ? .torn : .damaged }
        // A length that runs past the end of the file need not be read.
        if try offset + head.totalBytes > file.size() { return .torn }
        let bytes = try bytes(at: offset, count: head.totalBytes)
        if head.isWhole(bytes), salt == nil || head.salt == salt { return .whole(head, bytes) }
        return head.isTorn(bytes) ? .torn : .damaged
    }

    enum Found {
        case whole(BatchHead, UnsafeRawBufferPointer)
        /// Only zeros: never written.
        case nothing
        /// Not completely written.
        case torn
        /// Completely written, then changed.
        case damaged
    }

    /// The first whole batch that begins after `offset`.
    func nextBatch(after offset: Int, salt: UInt64?) throws(DiskError) -> Int? {
        var place = offset + sectorBytes
        let size = try file.size()
        while place < size {
            if hasBatchMagic(try bytes(at: place, count: sectorBytes)), case .whole = try batch(at: place, salt: salt) {
                return place
            }
            place += sectorBytes
        }
        return nil
    }
}
