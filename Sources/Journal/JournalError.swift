/// Why the journal did not open, take an entry or give one back.
public enum JournalError: Error, Sendable, Hashable {
    /// Another process, or another journal of this one, has the folder.
    case locked(folder: String)
    /// Part of what was acknowledged cannot be read as it was written. Nothing was changed on disk.
    case corrupt(Damage)
    case disk(DiskError)
    case entryTooLarge(bytes: Int, limit: Int)
    /// The entry was not taken: the disk does not keep up or does not work. The journal goes on trying by itself.
    case unavailable(Unavailable)
    case closed
    /// The files begin later than the sequence that was asked for.
    case missing(from: UInt64, first: UInt64)
    /// The journal ends before an entry that somebody has already read: files were removed or put back.
    case shortened(from: UInt64, next: UInt64)
    /// A copy lacks entries that the log has had, so it cannot go on under the log's origin.
    case sameOrigin(origin: String, missing: Range<UInt64>)

    public struct Damage: Sendable, Hashable {
        public var file: String
        public var offset: Int
        /// The first sequence number that cannot be read.
        public var sequence: UInt64
        public var reason: String

        public init(file: String, offset: Int, sequence: UInt64, reason: String) {
            self.file = file
            self.offset = offset
            self.sequence = sequence
            self.reason = reason
        }
    }

    public enum Unavailable: Sendable, Hashable {
        /// The last write or sync failed, for this reason.
        case failed(String)
        /// The buffer of entries that are not on disk yet is full.
        case full(limit: Int)
        /// So many bytes of segments wait for the log's files, which cannot be written, for this reason.
        case unpublished(limit: Int, reason: String)
    }
}

extension JournalError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .locked(let folder):
            "the journal in \(folder) is in use by another process"
        case .corrupt(let damage):
            "the journal is damaged: \(damage.file) at byte \(damage.offset), entry \(damage.sequence): \(damage.reason); "
                + "restore this file from a copy, since acknowledged entries are in it"
        case .disk(let error): error.description
        case .entryTooLarge(let bytes, let limit): "an entry of \(bytes) bytes is larger than the limit of \(limit)"
        case .unavailable(.failed(let reason)): "the journal cannot write: \(reason)"
        case .unavailable(.full(let limit)): "\(limit) bytes of entries wait for the disk, which is the limit"
        case .unavailable(.unpublished(let limit, let reason)):
            "\(limit) bytes of segments wait for the log's files, which is the limit: \(reason)"
        case .closed: "the journal is closed"
        case .missing(let from, let first): "the journal begins at entry \(first); entry \(from) was asked for"
        case .sameOrigin(let origin, let missing):
            "the copy lacks entries \(missing.lowerBound) to \(missing.upperBound - 1), which \(origin) has had; "
                + "restore it under a new origin, so that there are not two logs of one name that differ"
        case .shortened(let from, let next): "the journal ends before entry \(next), but entries up to \(from) were known"
        }
    }
}
