/// Reads a folder's segments and finds out what the journal is: every batch that later ones prove to have been acknowledged,
/// and the last one, of which that is not known. What is older than the segments comes from the log's bundles. It changes nothing
/// on disk.
struct Recovery {
    let folder: String
    let disk: any Disk
    private(set) var index = SegmentIndex()
    /// One past the last sequence number that is known to be durable.
    private(set) var proven: UInt64 = 0
    /// The hash of the batch that ends before `proven`.
    private(set) var chain = LogHash.zero
    /// The last whole batch. It may have been acknowledged, so it is kept; it may be in memory only, so it is written again.
    private(set) var last: LastBatch?
    private(set) var nextOrdinal: UInt64 = 0
    /// Segments that hold nothing that counts.
    private(set) var useless: [String] = []
    /// What the log's checkpoint claims, held against what is found; `nil` where no log is kept.
    private(set) var log: LogCheck?

    /// How much of a segment is in memory at once.
    private static let windowBytes = 1024 * 1024

    struct LastBatch {
        var head: BatchHead
        var bytes: [UInt8]
        var file: String
        var offset: Int
    }

    private struct Candidate {
        var name: String
        var head: SegmentHead?
    }

    /// Damage that is none if the next segment begins with what was damaged.
    private var suspicion: JournalError.Damage?
    /// Where the last segment that was read ended.
    private var endOfLog: (file: String, offset: Int)?

    init(folder: String, disk: any Disk, log: LogCheck?) {
        self.folder = folder
        self.disk = disk
        self.log = log
    }

    /// Hands over every entry from `from` on, and compares the whole with the log's checkpoint.
    mutating func run(from: UInt64, replay: (UInt64, UnsafeRawBufferPointer) throws -> Void) throws {
        let candidates = try findSegments()
        var start = 0
        if log != nil {
            // All segments are read, since they begin where the synced tiles end.
            for candidate in candidates.prefix(while: { $0.head == nil }) { try checkIsUnused(candidate) }
            let first = candidates.lazy.compactMap(\.head).first?.first
            try log?.begin(at: first)
            if let first, from < first { try log?.replay(from: from, replay) }
        } else {
            start = try firstToRead(candidates, from: from)
        }
        for candidate in candidates[..<start] {
            if let head = candidate.head { index.add(name: candidate.name, salt: head.salt, first: head.first) }
        }
        try readSegments(candidates[start...], from: from, replay: replay)
        if let last { try handOver(last, from: from, replay: replay) }
        try log?.end()
    }

    private mutating func readSegments(
        _ candidates: ArraySlice<Candidate>, from: UInt64, replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var isFirst = true
        for candidate in candidates {
            let file = try disk.open(folder + "/" + candidate.name)
            defer { file.close() }
            let window = FileWindow(file, bytes: Self.windowBytes)
            defer { withExtendedLifetime(window) {} }
            guard let head = candidate.head else {
                try checkIsUnused(candidate)
                useless.append(candidate.name)
                continue
            }
            if isFirst {
                guard head.first <= from || log != nil else { throw JournalError.missing(from: from, first: head.first) }
                (proven, chain) = (head.first, head.chain)
                isFirst = false
            }
            try read(candidate.name, head, window, from: from, replay: replay)
        }
        if let suspicion { throw JournalError.corrupt(suspicion) }
    }

    /// A head is durable before the first batch is written, so no batch may stand behind a broken one.
    private func checkIsUnused(_ candidate: Candidate) throws {
        let file = try disk.open(folder + "/" + candidate.name)
        defer { file.close() }
        let window = FileWindow(file, bytes: Self.windowBytes)
        defer { withExtendedLifetime(window) {} }
        if try window.nextBatch(after: 0, salt: nil) != nil { throw damage(candidate.name, 0, "the head of the file is damaged") }
    }

    private mutating func findSegments() throws -> [Candidate] {
        var candidates: [Candidate] = []
        let names = try disk.list(folder).compactMap { name in Segment.ordinal(name).map { (ordinal: $0, name: name) } }
        for (ordinal, name) in names.sorted(by: { $0.ordinal < $1.ordinal }) {
            let file = try disk.open(folder + "/" + name)
            defer { file.close() }
            let head = try FileWindow(file, bytes: sectorBytes).segmentHead()
            candidates.append(Candidate(name: name, head: head?.ordinal == ordinal ? head : nil))
            nextOrdinal = max(nextOrdinal, ordinal + 1)
        }
        return candidates
    }

    /// The last segment from which everything from `from` on can be read: it begins early enough, and has a whole batch, which
    /// proves that nothing before it is missing.
    private func firstToRead(_ candidates: [Candidate], from: UInt64) throws -> Int {
        for (place, candidate) in candidates.enumerated().reversed() {
            guard let head = candidate.head, head.first <= from else { continue }
            let file = try disk.open(folder + "/" + candidate.name)
            defer { file.close() }
            let window = FileWindow(file, bytes: Self.windowBytes)
            defer { withExtendedLifetime(window) {} }
            if case .whole(let batch, _) = try window.batch(at: sectorBytes, salt: head.salt), batch.first == head.first {
                return place
            }
        }
        return 0
    }

    private mutating func read(
        _ name: String, _ head: SegmentHead, _ window: FileWindow, from: UInt64,
        replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let next = last?.head.next ?? proven
        guard head.first <= next else {
            throw suspicion.map(JournalError.corrupt)
                ?? damage(endOfLog?.file ?? name, endOfLog?.offset ?? 0, "entries are missing before \(name)")
        }
        // A segment is made when everything before it is durable. Were the last batch still in doubt, it would be written again
        // with a lower number than this head claims.
        if head.first == last?.head.next { try proveLast(from: from, replay: replay) }
        var offset = sectorBytes
        reading: while true {
            switch try window.batch(at: offset, salt: head.salt) {
            case .whole(let batch, let bytes):
                if offset == sectorBytes {
                    // From here on this segment counts, and not what earlier ones have of the same sequence numbers.
                    if let last, last.head.first == batch.first {
                        self.last = nil
                    }
                    suspicion = nil
                    index.add(name: name, salt: head.salt, first: batch.first)
                }
                try accept(batch, bytes, name, offset, from: from, replay: replay)
                offset = roundedToSector(offset + batch.totalBytes)
                continue reading
            case .nothing: break
            case .torn: break
            case .damaged:
                suspicion = damageFound(name, offset, "the last batch was changed after it was written")
            }
            break
        }
        if let later = try window.nextBatch(after: offset, salt: head.salt) {
            throw damage(name, offset, "a batch that was acknowledged is damaged; the next whole one is at byte \(later)")
        }
        endOfLog = (name, offset)
        if offset == sectorBytes { useless.append(name) }
    }

    private mutating func accept(
        _ batch: BatchHead, _ bytes: UnsafeRawBufferPointer, _ name: String, _ offset: Int, from: UInt64,
        replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        // A batch is written only after the one before it is durable.
        try proveLast(from: from, replay: replay)
        guard batch.first == proven else { throw damage(name, offset, "entries are missing before entry \(batch.first)") }
        guard batch.chain == chain else { throw damage(name, offset, "the batch does not follow from the one before it") }
        last = LastBatch(head: batch, bytes: [UInt8](bytes), file: name, offset: offset)
        index.note(sequence: batch.first, offset: offset)
    }

    private mutating func proveLast(
        from: UInt64, replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        guard let last else { return }
        try handOver(last, from: from, replay: replay)
        proven = last.head.next
        chain = last.head.hash
        self.last = nil
    }

    private mutating func handOver(
        _ batch: LastBatch, from: UInt64, replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        try batch.forEachEntry { sequence, entry, leaf in
            if sequence >= from { try replay(sequence, entry) }
            try log?.add(leaf)
        }
    }

    private func damageFound(_ file: String, _ offset: Int, _ reason: String) -> JournalError.Damage {
        JournalError.Damage(file: file, offset: offset, sequence: last?.head.next ?? proven, reason: reason)
    }

    private func damage(_ file: String, _ offset: Int, _ reason: String) -> JournalError {
        .corrupt(damageFound(file, offset, reason))
    }
}

extension Recovery.LastBatch {
    func forEachEntry(_ body: (UInt64, UnsafeRawBufferPointer, LogHash) throws -> Void) throws {
        try bytes.withUnsafeBytes { try head.forEachEntry($0, body) }
    }
}
