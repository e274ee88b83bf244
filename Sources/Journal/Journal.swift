import Synchronization

/// The append-only log of everything that was decided and charged: gap-free, group-committed, recovered at open.
///
/// An entry is taken in memory at once, under a lock that is held for a copy; one thread writes and syncs what has come in
/// meanwhile, and `durable` says how far that is. It is safe to append while holding another lock, so that the order of
/// sequence numbers is the order of decisions.
public final class Journal: Sendable {
    public struct Settings: Sendable {
        public var folder: String
        public var segmentBytes = 64 * 1024 * 1024
        /// The least time from the start of one commit to the start of the next.
        public var commitIntervalMicroseconds = 700
        /// How long an entry that is not urgent may wait for one that is.
        public var lazyMilliseconds = 20
        public var maxEntryBytes = 65_535
        /// What may wait for the disk. Urgent entries are refused from half of it, so that room stays for the ends of calls
        /// that have been let through.
        public var maxPendingBytes = 8 * 1024 * 1024
        /// The first wait before a failed disk is tried again; it doubles up to `retryMillisecondsMax`.
        public var retryMilliseconds = 10
        public var retryMillisecondsMax = 1_000
        /// How the transparency log over the entries is kept; `nil` for none, and then segments are kept for ever.
        public var log: LogSettings?
        /// For simulations: no thread is started; `commit()` does the writing, `publish()` the log's files.
        public var commitsByHand = false

        public init(folder: String) { self.folder = folder }
    }

    public enum State: Sendable, Hashable {
        case running
        /// The last write or sync failed. Urgent appends are refused; the writer goes on trying, each time with a new file.
        case failed(reason: String)
        case closed
    }

    let core: JournalCore

    init(core: JournalCore) { self.core = core }

    /// Opens the journal in a folder or makes one there, and hands over every recovered entry from `from` on, in order.
    ///
    /// Every entry that was ever acknowledged is found, or the open is refused. What the log covers is held against its checkpoint, as
    /// far as the tail goes; entries that are older than the segments are checked when they are asked for. What follows the last acknowledged entry is
    /// kept if it is whole, and written again so that it is durable before this returns.
    /// - Throws: `JournalError`, or what `replay` throws. Nothing is kept open or locked then.
    public static func open(
        _ settings: Settings, disk: some Disk = PosixDisk(), from: UInt64 = 0,
        replay: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Journal {
        Journal(core: try JournalCore.open(settings, disk: disk, from: from, replay: replay))
    }

    /// Hands over the entries of a folder that no process writes to, checking each. Nothing is locked or changed.
    /// - Returns: one past the last sequence number.
    @discardableResult public static func scan(
        folder: String, disk: some Disk = PosixDisk(), from: UInt64 = 0,
        _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        try JournalCore.scan(folder, disk: disk, from: from, body)
    }

    deinit { core.close() }

    /// Takes `{"v":2,"n":<sequence>,"s":"<salt>",` followed by `rest`, the entry's JSON from its next member to its closing brace.
    ///
    /// An urgent entry is one that somebody waits for: it starts a commit as soon as the interval allows, and is refused while
    /// the disk does not work, since nobody could be answered. Other entries ride along within `lazyMilliseconds`; they tell
    /// of what has already happened, so they are taken while there is room.
    /// - Returns: its sequence number; it is durable once `durable` is greater.
    /// - Throws: `.unavailable`, `.entryTooLarge` or `.closed`. No sequence number is used up then.
    public func append(_ rest: UnsafeRawBufferPointer, urgent: Bool) throws(JournalError) -> UInt64 {
        try core.append(rest, urgent: urgent)
    }

    public func append(_ rest: [UInt8], urgent: Bool) throws(JournalError) -> UInt64 {
        let result = rest.withUnsafeBytes { bytes -> Result<UInt64, JournalError> in
            do throws(JournalError) { return .success(try core.append(bytes, urgent: urgent)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// One past the last durable sequence number.
    public var durable: UInt64 { core.durable.load(ordering: .acquiring) }

    /// The sequence number that the next entry gets.
    public var next: UInt64 { core.next }

    /// Calls `body` on the writer thread after each commit, with `durable`. It must be short; reading entries is for others.
    public func onCommit(_ body: @escaping @Sendable (UInt64) -> Void) { core.onCommit(body) }

    public var state: State { core.state }

    /// Hands over durable entries from `from` on, in order, until `limit` entries or `durable` is reached.
    /// - Returns: the sequence number to go on from.
    public func read(
        from: UInt64, limit: Int, _ body: (UInt64, UnsafeRawBufferPointer) throws -> Void
    ) throws -> UInt64 {
        try core.read(from: from, limit: limit, body)
    }

    /// Writes what has come in and waits until it is durable, tries once more if that fails, then ends the writer.
    /// - Returns: whether every entry that was taken is durable.
    @discardableResult public func close() -> Bool { core.close() }

    /// Writes and syncs what has come in, on the calling thread. Only for a journal that commits by hand.
    /// - Returns: whether everything that was taken is durable.
    @discardableResult public func commit() -> Bool {
        precondition(core.settings.commitsByHand, "this journal has a thread that commits")
        return core.commitByHand()
    }

    /// The newest checkpoint of the log that is published; `nil` where there is none.
    public var checkpoint: Checkpoint? { core.checkpoint }

    /// Calls `body` on the publisher's thread after each checkpoint, with the signed note as it lies on disk.
    public func onCheckpoint(_ body: @escaping @Sendable (Checkpoint, _ note: [UInt8]) -> Void) { core.onCheckpoint(body) }

    /// Publishes a checkpoint over everything durable and removes the segments that the log covers, on the calling thread. Only for
    /// a journal that commits by hand.
    /// - Returns: whether everything durable is covered.
    @discardableResult public func publish() -> Bool {
        precondition(core.settings.commitsByHand, "this journal has a thread that publishes")
        return core.publishByHand()
    }

    /// How long syncs took, how many commits there were and how many entries they made durable, since open.
    public var statistics: JournalStatistics { core.statistics }
}
