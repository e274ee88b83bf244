import Core
import Synchronization

/// Keeps the transparency log of a running journal: takes over what was committed, publishes in time, and removes segments that the
/// log has taken the place of. It works behind the writer and never makes it wait.
final class LogKeeper: Sendable {
    private let settings: LogSettings
    private let publisher: Mutex<Publisher>
    private let handoff: Handoff
    private let bell: Bell
    private let thread = Mutex<OwnThread?>(nil)
    private let ends = Atomic<Bool>(false)
    private let listeners = Mutex<[@Sendable (Checkpoint, [UInt8]) -> Void]>([])
    private let published: Mutex<(checkpoint: Checkpoint?, reader: TileReader)>

    /// How many entries are read from segments before the time is looked at.
    private static let entriesOfOneStep: UInt64 = 8_192
    /// How long the removal of segments may keep it from taking over what has come in.
    private static let removalNanoseconds: UInt64 = 50_000_000
    private static let retryNanoseconds: UInt64 = 200_000_000

    /// `nil` where no log is kept.
    init?(_ settings: Journal.Settings, resuming reader: TileReader, _ checkpoint: Checkpoint?, durable: UInt64) {
        guard let log = settings.log else { return nil }
        self.settings = log
        bell = Bell()
        handoff = Handoff(end: durable, bell: bell)
        published = Mutex((checkpoint, reader))
        publisher = Mutex(Publisher(signer: log.signer, resuming: reader, checkpoint: checkpoint, end: durable))
    }

    var checkpoint: Checkpoint? { published.withLock { $0.checkpoint } }
    /// For entries that are older than the segments.
    var reader: TileReader { published.withLock { $0.reader } }

    func onCheckpoint(_ body: @escaping @Sendable (Checkpoint, [UInt8]) -> Void) { listeners.withLock { $0.append(body) } }

    func offer(_ batch: UnsafeRawBufferPointer, next: UInt64) { handoff.offer(batch, next: next) }

    // MARK: Its thread

    func start(_ core: JournalCore) -> Bool {
        thread.withLock { thread in
            thread = OwnThread { [self] in run(core) }
            return thread != nil
        }
    }

    /// The writer has ended: what it left is published, if that works at the first try.
    func end(_ core: JournalCore) {
        ends.store(true, ordering: .releasing)
        bell.ring()
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
        if core.settings.commitsByHand { _ = publishByHand(core, removing: false) }
    }

    private func run(_ core: JournalCore) {
        let interval = UInt64(settings.intervalMilliseconds) * 1_000_000
        var due: UInt64?
        while true {
            let isEnding = ends.load(ordering: .acquiring)
            do {
                let taken = try take(core)
                let now = monotonicNanoseconds()
                if taken.hasNews, due == nil { due = now + interval }
                if taken.hasNews, due.map({ now >= $0 }) == true || isEnding && taken.isAll {
                    try publish(core, whole: !isEnding)
                    due = nil
                    continue
                }
                if isEnding, taken.isAll { return }
                guard taken.isAll else { continue }
                if try removeSegments(core, until: min(due ?? .max, now + Self.removalNanoseconds)) { continue }
                if due != nil || handoff.sleep(after: taken.end) { bell.wait(until: due) }
            } catch {
                failed(core, error)
                if isEnding { return }
                bell.wait(until: monotonicNanoseconds() + Self.retryNanoseconds)
            }
        }
    }

    /// Does all there is to do. - Returns: whether a checkpoint covers everything durable.
    func publishByHand(_ core: JournalCore, removing: Bool = true) -> Bool {
        do {
            while try !take(core).isAll {}
            try publish(core)
            while removing, try removeSegments(core, until: nil) {}
            return true
        } catch {
            failed(core, error)
            return false
        }
    }

    private func failed(_ core: JournalCore, _ error: any Error) {
        let size = checkpoint?.size ?? 0
        core.numbers.withLock { numbers in
            numbers.logFailures += 1
            numbers.logTrouble = "\(error)"
            numbers.uncoveredEntries = core.durable.load(ordering: .acquiring) - size
        }
    }

    // MARK: Its steps

    /// Adds what has come in, from memory or, where that was too much, a part of it from segments.
    private func take(_ core: JournalCore) throws -> (isAll: Bool, hasNews: Bool, end: UInt64) {
        try publisher.withLock { publisher in
            let (chunk, end) = handoff.take()
            defer { handoff.giveBack(chunk) }
            try publisher.flush()
            // What is dropped from memory is found in the segments.
            try chunk.forEachBatch { head, bytes in
                guard head.first <= publisher.size, head.next > publisher.size else { return }
                try head.forEachEntry(bytes) { sequence, entry, leaf in
                    if sequence == publisher.size { try publisher.add(entry, leaf) }
                }
            }
            if publisher.size < end {
                let stop = min(end, publisher.size + Self.entriesOfOneStep)
                try core.readSegments(from: publisher.size, to: stop) { _, entry, leaf in try publisher.add(entry, leaf) }
            }
            return (publisher.size == end, publisher.hasNews, end)
        }
    }

    private func publish(_ core: JournalCore, whole: Bool = false) throws {
        let news = try publisher.withLock { publisher -> (Checkpoint, [UInt8])? in
            guard let note = try publisher.publish(whole: whole), let checkpoint = publisher.checkpoint else { return nil }
            let reader = publisher.reader()
            published.withLock { $0 = (checkpoint, reader) }
            return (checkpoint, note)
        }
        guard let news else { return }
        core.numbers.withLock { numbers in
            numbers.checkpoints += 1
            numbers.logTrouble = nil
            numbers.uncoveredEntries = core.durable.load(ordering: .acquiring) - news.0.size
        }
        for listener in listeners.withLock({ $0 }) { listener(news.0, news.1) }
    }

    /// Makes durable what covers the oldest segments, and removes one. - Returns: whether there is more to do.
    private func removeSegments(_ core: JournalCore, until deadline: UInt64?) throws -> Bool {
        try publisher.withLock { publisher in
            // A segment goes when whole bundles that a checkpoint covers hold everything before the next.
            let covered = min(publisher.size, publisher.checkpoint?.size ?? 0) / UInt64(tileWidth) * UInt64(tileWidth)
            guard let next = core.index.withLock({ $0.parts.dropFirst().first }), next.first <= covered else { return false }
            try publisher.sync(before: next.first) { deadline.map { monotonicNanoseconds() < $0 } ?? true }
            guard publisher.syncedTo >= next.first else { return true }
            try publisher.syncNames()
            core.index.withLock { $0.removeParts(before: next.first) }
            try core.removeFiles(before: next.name)
            core.weighSegments()
            return true
        }
    }
}

extension JournalCore {
    /// For entries that are older than the segments.
    var reader: TileReader? { keeper?.reader ?? olderReader }

    /// Removes segments that are older than this one, the oldest first. The folder is synced after each, so that a loss of power
    /// cannot bring one back without those that follow it.
    func removeFiles(before name: String) throws(DiskError) {
        let names = try disk.list(settings.folder).compactMap { name in Segment.ordinal(name).map { (ordinal: $0, name: name) } }
        guard let kept = Segment.ordinal(name) else { return }
        for old in names.sorted(by: { $0.ordinal < $1.ordinal }) where old.ordinal < kept {
            try disk.remove(settings.folder + "/" + old.name)
            try disk.syncFolder(settings.folder)
        }
    }
}
