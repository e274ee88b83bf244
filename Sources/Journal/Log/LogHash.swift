import Crypto

/// A SHA-256 hash in the tree over the log's entries (RFC 6962): of a leaf, of a node or of the whole.
public struct LogHash: Sendable, Hashable, BitwiseCopyable {
    private var a: UInt64 = 0
    private var b: UInt64 = 0
    private var c: UInt64 = 0
    private var d: UInt64 = 0

    public static let byteCount = 32
    public static let zero = LogHash()

    /// 32 zero bytes.
    public init() {}

    /// `nil` unless there are 32 bytes.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == LogHash.byteCount else { return nil }
        self = bytes.loadUnaligned(as: LogHash.self)
    }

    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == LogHash.byteCount else { return nil }
        Swift.withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: bytes) }
    }

    init(_ digest: SHA256.Digest) {
        self = digest.withUnsafeBytes { $0.loadUnaligned(as: LogHash.self) }
    }

    public var bytes: [UInt8] { Swift.withUnsafeBytes(of: self) { Array($0) } }

    /// As it stands in checkpoints and proofs.
    public var base64: String { Base64.text(bytes) }

    /// `nil` unless it is the one canonical text of 32 bytes.
    public init?(base64 text: some Collection<UInt8>) {
        guard let bytes = Base64.bytes(text) else { return nil }
        self.init(bytes)
    }
}

/// The hash of a tree without leaves: SHA-256 of nothing.
public let emptyRoot = LogHash(SHA256().finalize())

/// The hash of an entry's bytes as a leaf.
public func leafHash(of entry: UnsafeRawBufferPointer) -> LogHash {
    var hasher = SHA256()
    withUnsafeBytes(of: UInt8(0)) { hasher.update(bufferPointer: $0) }
    hasher.update(bufferPointer: entry)
    return LogHash(hasher.finalize())
}

public func leafHash(of entry: [UInt8]) -> LogHash { entry.withUnsafeBytes { leafHash(of: $0) } }

/// The hash of an inner node over the hashes of its two halves.
public func nodeHash(_ left: LogHash, _ right: LogHash) -> LogHash {
    // One update over memory that lies together: the prefix is the last byte of a word in front of the hashes.
    withUnsafeBytes(of: (UInt64(1).bigEndian, left, right)) { bytes in
        var hasher = SHA256()
        hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[7...]))
        return LogHash(hasher.finalize())
    }
}
