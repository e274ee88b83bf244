/// Writes batches to segments. It knows no thread and no lock, so that a test can play every fault step by step.
struct Writer: Sendable {
    let settings: Journal.Settings
    let disk: any Disk
    /// One past the last durable sequence number.
    private(set) var durable: UInt64
    private(set) var nextOrdinal: UInt64
    /// The hash of the last durable batch.
    private var chain: LogHash
    /// `nil` after a failure, until a new one is made.
    private(set) var segment: Segment?
    /// What a commit could not make durable; it is written again before anything else.
    private(set) var unwritten: Batch?

    init(settings: Journal.Settings, disk: any Disk, durable: UInt64, chain: LogHash, nextOrdinal: UInt64) {
        self.settings = settings
        self.disk = disk
        self.durable = durable
        self.chain = chain
        self.nextOrdinal = nextOrdinal
    }

    /// Where a commit put its batch.
    /// Unchecked: `sealed` is the batch's own memory, which stays as it is until the batch is reset.
    struct Committed: @unchecked Sendable {
        var batch: Batch
        /// The batch's head, entries, table and end mark.
        var sealed: UnsafeRawBufferPointer
        var sequence: UInt64
        var offset: Int
        /// The segment, if this is its first batch.
        var newSegment: SegmentHead?
    }

    /// Makes a batch durable: one write, one sync. After an error it is kept and the segment is never used again; call with
    /// `nil` to try once more in a new one.
    mutating func commit(_ new: Batch?) throws(DiskError) -> Committed? {
        guard let batch = unwritten ?? new else { return nil }
        unwritten = batch
        var isNew = false
        if segment?.hasRoom(for: batch.diskBytes) != true {
            try startSegment(for: batch.diskBytes)
            isNew = true
        }
        guard var current = segment else { return nil }
        let sealed = batch.seal(salt: current.head.salt, chain: chain)
        let offset: Int
        do throws(DiskError) {
            offset = try current.append(sealed.bytes)
        } catch {
            // Whatever of the batch is in this file, it stays the log's last there: what is made next begins where it began.
            current.file.close()
            segment = nil
            throw error
        }
        segment = current
        chain = sealed.head.hash
        durable = sealed.head.next
        unwritten = nil
        return Committed(
            batch: batch, sealed: UnsafeRawBufferPointer(rebasing: sealed.bytes[..<sealed.head.totalBytes]),
            sequence: sealed.head.first, offset: offset,
            newSegment: isNew || offset == sectorBytes ? current.head : nil)
    }

    /// Makes a file that begins where the durable part ends.
    mutating func startSegment(for bytes: Int = 0) throws(DiskError) {
        let head = SegmentHead(ordinal: nextOrdinal, salt: .random(in: .min ... .max), first: durable, chain: chain)
        nextOrdinal += 1
        let size = max(roundedToSector(settings.segmentBytes), sectorBytes + bytes)
        let made = try Segment.make(head, bytes: size, folder: settings.folder, disk: disk)
        segment?.file.close()
        segment = made
    }

    mutating func close() {
        segment?.file.close()
        segment = nil
    }
}
