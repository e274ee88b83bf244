import Core
import Synchronization

/// What the appenders, the writer and the readers of one journal share.
final class JournalCore: Sendable {
    let settings: Journal.Settings
    let disk: any Disk
    private let lock: any DiskLock
    let durable: Atomic<UInt64>
    private let front: Mutex<Front>
    private let writer: Mutex<Writer>
    let index: Mutex<SegmentIndex>
    let numbers = Mutex(JournalStatistics())
    private let listeners = Mutex<[@Sendable (UInt64) -> Void]>([])
    private let bell = Bell()
    private let thread = Mutex<OwnThread?>(nil)
    /// Keeps the transparency log; `nil` where there is none.
    let keeper: LogKeeper?
    /// Entries that are older than the segments, of a log that is not kept on with.
    let olderReader: TileReader?

    /// A pending batch of this size is committed as if it were urgent, so that commits stay short.
    private static let eagerBytes = 128 * 1024

    /// What the writer does, and so who has to wake it.
    private enum WriterMode {
        /// Writes, waits for the interval to pass or for a failed disk: it looks at what is pending by itself.
        case busy
        /// Wakes by itself in time for entries that are not urgent.
        case napping
        case sleeping
    }

    private struct Front: Sendable {
        var pending = Batch()
        var spare: Batch? = Batch()
        var salts = SaltSource()
        /// How many waited for the last commit.
        var lastGroup = 0
        var next: UInt64
        var mode = WriterMode.busy
        var failure: String?
        /// Why no more segments may be filled: those that wait for the log are too many.
        var unpublished: String?
        var closing = false
        var closed = false
    }

    private init(
        _ settings: Journal.Settings, disk: any Disk, lock: any DiskLock, writer: consuming Writer, index: SegmentIndex,
        keeper: LogKeeper?, olderReader: TileReader?
    ) {
        self.settings = settings
        self.disk = disk
        self.lock = lock
        durable = Atomic(writer.durable)
        front = Mutex(Front(next: writer.durable))
        self.index = Mutex(index)
        self.writer = Mutex(writer)
        self.keeper = keeper
        self.olderReader = olderReader
    }

    static func open(
        _ settings: Journal.Settings, disk: any Disk, from: UInt64,
        replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> JournalCore {
        try asJournalError { () throws(DiskError) in
            try disk.makeFolder(settings.folder)
            try disk.syncFolder(folderName(settings.folder))
        }
        let lock: any DiskLock
        do {
            lock = try disk.lock(settings.folder + "/lock")
        } catch {
            throw error.isHeldByAnother ? JournalError.locked(folder: settings.folder) : JournalError.disk(error)
        }
        do {
            return try recover(settings, disk: disk, lock: lock, from: from, replay: replay)
        } catch {
            lock.release()
            if let error = error as? DiskError { throw JournalError.disk(error) }
            throw error
        }
    }

    private static func recover(
        _ settings: Journal.Settings, disk: any Disk, lock: any DiskLock, from: UInt64,
        replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> JournalCore {
        var recovery = Recovery(
            folder: settings.folder, disk: disk, log: try logCheck(settings.folder, disk, settings.log))
        try recovery.run(from: from, replay: replay)
        var index = recovery.index
        var writer = Writer(
            settings: settings, disk: disk, durable: recovery.proven, chain: recovery.chain, nextOrdinal: recovery.nextOrdinal)
        if let last = recovery.last {
            let batch = Batch()
            try last.forEachEntry { sequence, entry, _ in batch.add(recovered: entry, sequence: sequence) }
            let committed = try writer.commit(batch)
            index.add(committed)
        } else {
            try writer.startSegment()
        }
        guard from <= writer.durable else {
            writer.close()
            throw JournalError.shortened(from: from, next: writer.durable)
        }
        tidy(recovery, settings.folder, disk)
        let keeper: LogKeeper?
        let olderReader: TileReader?
        do {
            olderReader = try recovery.log?.resumed()
            keeper = olderReader.flatMap { LogKeeper(settings, resuming: $0, recovery.log?.checkpoint, durable: writer.durable) }
        } catch {
            writer.close()
            throw error
        }
        let core = JournalCore(
            settings, disk: disk, lock: lock, writer: writer, index: index, keeper: keeper, olderReader: olderReader)
        guard settings.commitsByHand || core.startThreads() else {
            core.writer.withLock { $0.close() }
            throw JournalError.disk(DiskError(.open, settings.folder, code: 0, reason: "no thread could be started"))
        }
        return core
    }

    /// How often a scan begins again because a running Weir has removed a segment under it, which then lies in bundles.
    private static let scansMax = 16

    static func scan(
        _ folder: String, disk: any Disk, from: UInt64, _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        var next = from
        for scan in 1... {
            do {
                return try scanOnce(folder, disk: disk, from: next) { sequence, entry in
                    try body(sequence, entry)
                    next = sequence + 1
                }
            } catch let error as DiskError {
                guard error.isMissing, scan < scansMax else { throw JournalError.disk(error) }
            }
        }
        return next
    }

    private static func scanOnce(
        _ folder: String, disk: any Disk, from: UInt64, _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        var recovery = Recovery(folder: folder, disk: disk, log: try logCheck(folder, disk, nil))
        try recovery.run(from: from, replay: body)
        return recovery.last?.head.next ?? recovery.proven
    }

    /// The check for a folder that has a log or is to have one.
    private static func logCheck(_ folder: String, _ disk: any Disk, _ settings: LogSettings?) throws -> LogCheck? {
        let check = try LogCheck(LogFolder(journal: folder, disk: disk), verifier: settings?.signer.verifier)
        return settings == nil && check.checkpoint == nil ? nil : check
    }

    /// Gives back the space of what has been written again. It may fail: what stays is passed over at the next open as well.
    private static func tidy(_ recovery: Recovery, _ folder: String, _ disk: any Disk) {
        var useless = recovery.useless
        if let last = recovery.last {
            if last.offset == sectorBytes {
                useless.append(last.file)
            } else if let file = try? disk.open(folder + "/" + last.file) {
                try? file.truncate(to: last.offset)
                file.close()
            }
        }
        for name in useless { try? disk.remove(folder + "/" + name) }
    }

    func append(_ rest: UnsafeRawBufferPointer, urgent: Bool) throws(JournalError) -> UInt64 {
        var mustRing = false
        let sequence = try front.withLock { front throws(JournalError) -> UInt64 in
            if front.closing { throw .closed }
            let bytes = headBytes(of: front.next) + rest.count
            guard bytes <= settings.maxEntryBytes else {
                throw .entryTooLarge(bytes: bytes, limit: settings.maxEntryBytes)
            }
            if urgent, let failure = front.failure { throw .unavailable(.failed(failure)) }
            if urgent, let reason = front.unpublished {
                throw .unavailable(.unpublished(limit: settings.log?.maxUnpublishedBytes ?? 0, reason: reason))
            }
            let limit = urgent ? settings.maxPendingBytes / 2 : settings.maxPendingBytes
            guard front.pending.diskBytes + bytes + tableRowBytes <= limit else {
                throw .unavailable(front.failure.map { .failed($0) } ?? .full(limit: limit))
            }
            let sequence = front.next
            front.next += 1
            front.pending.add(rest, sequence: sequence, urgent: urgent, salts: &front.salts)
            let isEager = front.pending.urgent || front.pending.used >= Self.eagerBytes
            switch front.mode {
            case .busy: break
            case .napping: mustRing = isEager
            case .sleeping: mustRing = true
            }
            // One ring is enough; from here on the writer looks for itself.
            if mustRing { front.mode = .busy }
            return sequence
        }
        if mustRing { bell.ring() }
        return sequence
    }

    var next: UInt64 { front.withLock { $0.next } }

    var state: Journal.State {
        front.withLock { front in
            if front.closed { return .closed }
            return front.failure.map { .failed(reason: $0) } ?? .running
        }
    }

    var statistics: JournalStatistics { numbers.withLock { $0 } }

    func onCommit(_ body: @escaping @Sendable (UInt64) -> Void) { listeners.withLock { $0.append(body) } }

    @discardableResult func close() -> Bool {
        front.withLock { $0.closing = true }
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
            let isFirst = front.withLock { front in
                defer { front.closed = true }
                return !front.closed
            }
            guard isFirst else { return }
            if settings.commitsByHand { _ = commitByHand() }
            writer.withLock { $0.close() }
            keeper?.end(self)
            lock.release()
        }
        return durable.load(ordering: .acquiring) == next
    }
}

// MARK: - Committing

extension JournalCore {
    private func startThreads() -> Bool {
        thread.withLock { thread in
            if let keeper, !keeper.start(self) { return false }
            thread = OwnThread { [self] in runWriter() }
            if thread == nil { keeper?.end(self) }
            return thread != nil
        }
    }

    /// Writes what failed before, then what is pending.
    func commitByHand() -> Bool {
        while true {
            switch commitOnce() {
            case .nothing: return true
            case .failed: return false
            case .committed: continue
            }
        }
    }

    private enum Outcome { case nothing, committed, failed }

    private func commitOnce() -> Outcome {
        let began = monotonicNanoseconds()
        let result = writer.withLock { writer -> Result<Writer.Committed?, DiskError> in
            let batch = writer.unwritten == nil ? takePending() : nil
            do throws(DiskError) { return .success(try writer.commit(batch)) } catch { return .failure(error) }
        }
        switch result {
        case .success(nil): return .nothing
        case .success(let committed?):
            finish(committed, microseconds: (monotonicNanoseconds() - began) / 1000)
            return .committed
        case .failure(let error):
            numbers.withLock { $0.failures += 1 }
            front.withLock { $0.failure = error.description }
            return .failed
        }
    }

    private func takePending() -> Batch? {
        front.withLock { front in
            guard !front.pending.isEmpty else { return nil }
            let batch = front.pending
            front.lastGroup = batch.urgentCount
            front.pending = front.spare ?? Batch()
            front.spare = nil
            return batch
        }
    }

    private func finish(_ committed: Writer.Committed, microseconds: UInt64) {
        let batch = committed.batch
        index.withLock { $0.add(committed) }
        numbers.withLock { numbers in
            numbers.commits += 1
            numbers.entries += UInt64(batch.count)
            numbers.bytes += UInt64(batch.diskBytes)
            numbers.syncMicroseconds.add(microseconds)
        }
        let durable = committed.sequence + UInt64(batch.count)
        self.durable.store(durable, ordering: .releasing)
        // Who waits for the disk first.
        for listener in listeners.withLock({ $0 }) { listener(durable) }
        keeper?.offer(committed.sealed, next: durable)
        if committed.newSegment != nil { weighSegments() }
        batch.reset()
        front.withLock { front in
            front.failure = nil
            front.spare = batch
        }
    }

    /// Counts the segments that wait for the log, and refuses more urgent entries when they are too many.
    func weighSegments() {
        let count = index.withLock { $0.parts.count }
        let reason = numbers.withLock { numbers in
            numbers.segments = count
            return numbers.logTrouble ?? "the log is behind"
        }
        guard let limit = settings.log?.maxUnpublishedBytes else { return }
        let isTooMuch = (count - 1) * settings.segmentBytes > limit
        front.withLock { $0.unpublished = isTooMuch ? reason : nil }
    }

    private enum Step { case commit, wait(until: UInt64?), stop }

    private func runWriter() {
        let interval = UInt64(settings.commitIntervalMicroseconds) * 1000
        let lazy = UInt64(settings.lazyMilliseconds) * 1_000_000
        // Until when an urgent entry waits for others to share its sync; nil while none is there. The wait counts from the entry and
        // not from the commit before, so that a burst is one sync and not one for its first entry and one for the rest.
        var groupUntil: UInt64?
        // Until when entries that are not urgent wait; nil while there is nothing to wait for.
        var napUntil: UInt64?
        var retryMilliseconds = settings.retryMilliseconds
        while true {
            let now = monotonicNanoseconds()
            switch nextStep(now, interval, &groupUntil, &napUntil, lazy) {
            case .stop:
                return
            case .wait(let deadline):
                bell.wait(until: deadline)
            case .commit:
                groupUntil = nil
                if commitOnce() == .failed {
                    if isClosing { return }
                    bell.wait(until: monotonicNanoseconds() + UInt64(retryMilliseconds) * 1_000_000)
                    retryMilliseconds = min(retryMilliseconds * 2, settings.retryMillisecondsMax)
                } else {
                    retryMilliseconds = settings.retryMilliseconds
                    napUntil = monotonicNanoseconds() + lazy
                }
            }
        }
    }

    private var isClosing: Bool { front.withLock { $0.closing } }

    private func nextStep(
        _ now: UInt64, _ interval: UInt64, _ groupUntil: inout UInt64?, _ napUntil: inout UInt64?, _ lazy: UInt64
    ) -> Step {
        front.withLock { front in
            front.mode = .busy
            if front.failure != nil { return .commit }
            if front.closing { return front.pending.isEmpty ? .stop : .commit }
            if front.pending.used >= Self.eagerBytes { return .commit }
            if front.pending.urgent {
                // Who is alone gains nothing by waiting for others.
                if max(front.lastGroup, front.pending.urgentCount) <= 1 { return .commit }
                let end = groupUntil ?? now + interval
                groupUntil = end
                return now >= end ? .commit : .wait(until: end)
            }
            if let deadline = napUntil, now >= deadline {
                if !front.pending.isEmpty { return .commit }
                napUntil = nil
            }
            if napUntil == nil, !front.pending.isEmpty { napUntil = now + lazy }
            front.mode = napUntil == nil ? .sleeping : .napping
            return .wait(until: napUntil)
        }
    }
}

extension JournalCore {
    var checkpoint: Checkpoint? { keeper?.checkpoint }
    func onCheckpoint(_ body: @escaping @Sendable (Checkpoint, [UInt8]) -> Void) { keeper?.onCheckpoint(body) }
    func publishByHand() -> Bool { keeper?.publishByHand(self) ?? true }
}

extension SegmentIndex {
    mutating func add(_ committed: Writer.Committed?) {
        guard let committed else { return }
        if let head = committed.newSegment {
            add(name: Segment.name(head.ordinal), salt: head.salt, first: committed.sequence)
        }
        note(sequence: committed.sequence, offset: committed.offset)
    }
}

func asJournalError<T>(_ body: () throws(DiskError) -> T) throws(JournalError) -> T {
    do { return try body() } catch { throw .disk(error) }
}
