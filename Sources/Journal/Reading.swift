import Synchronization

extension JournalCore {
    private static let readWindowBytes = SegmentIndex.markBytes

    func read(from: UInt64, limit: Int, _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void) throws -> UInt64 {
        let durable = durable.load(ordering: .acquiring)
        guard from < durable else { return from }
        let end = min(durable, from + UInt64(min(max(0, limit), Int(Int32.max))))
        var next = from
        while next < end {
            let first = index.withLock { $0.parts.first?.first } ?? durable
            do {
                if next < first {
                    guard var reader = reader, first <= reader.size else { throw JournalError.missing(from: next, first: first) }
                    let stop = min(end, first)
                    try reader.entries(from: next, to: stop) { sequence, entry, _ in
                        try body(sequence, entry)
                        next = sequence + 1
                    }
                } else {
                    try readSegments(from: next, to: end) { sequence, entry, _ in
                        try body(sequence, entry)
                        next = sequence + 1
                    }
                }
            } catch let error as DiskError {
                // A segment may have gone between the look at the index and the open; the log has its entries then.
                if error.isMissing, index.withLock({ $0.parts.first?.first }) != first { continue }
                throw JournalError.disk(error)
            }
        }
        return next
    }

    /// Hands over entries that segments hold, with their leaf hashes. `to` is not beyond what is durable.
    func readSegments(
        from: UInt64, to end: UInt64, _ body: (UInt64, UnsafeRawBufferPointer, LogHash) throws -> Void
    ) throws {
        var next = from
        while next < end {
            guard let place = index.withLock({ $0.find(next) }) else {
                throw JournalError.missing(from: next, first: index.withLock { $0.parts.first?.first } ?? end)
            }
            let stop = min(end, place.end ?? .max)
            let file = try disk.open(settings.folder + "/" + place.part.name)
            defer { file.close() }
            let window = FileWindow(file, bytes: Self.readWindowBytes)
            defer { withExtendedLifetime(window) {} }
            var offset = place.offset
            while next < stop {
                guard case .whole(let head, let bytes) = try window.batch(at: offset, salt: place.part.salt), head.first <= next
                else {
                    throw JournalError.corrupt(
                        .init(file: place.part.name, offset: offset, sequence: next, reason: "the batch is damaged"))
                }
                try head.forEachEntry(bytes) { sequence, entry, leaf in
                    if sequence >= next, sequence < stop { try body(sequence, entry, leaf) }
                }
                next = max(next, min(head.next, stop))
                offset = roundedToSector(offset + head.totalBytes)
            }
        }
    }
}
