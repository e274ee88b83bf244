#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What is wrong with a log, and where it was seen first.
public struct LogDamage: Error, Sendable, Hashable, CustomStringConvertible {
    /// Below the log's folder.
    public var file: String
    /// The first entry that is concerned, where one is.
    public var entry: UInt64?
    public var reason: String

    public init(file: String, entry: UInt64? = nil, reason: String) {
        (self.file, self.entry, self.reason) = (file, entry, reason)
    }

    public var description: String { "\(file)\(entry.map { ", entry \($0)" } ?? ""): \(reason)" }
}

/// A log's folder of checkpoint, tiles and bundles, read as it lies there. Nothing is believed and nothing is changed.
public struct LogFiles: Sendable {
    /// The checkpoint with the witnesses' signatures, which come later than the log's own.
    public static let witnessedName = "checkpoint.witnessed"
    private static let checkpointBytesMax = SignedNote.bytesMax
    private static let bundleBytesMax = tileWidth * (65_535 + 2)

    public let path: String
    private let contents: @Sendable (_ path: String, _ bytesMax: Int) throws(DiskError) -> [UInt8]?
    private let names: @Sendable (_ folder: String) -> [String]

    /// Files of this machine, opened for reading only, so that they may lie on a medium that cannot be written.
    public init(path: String) {
        self.init(path: path, contents: fileContents) { (try? PosixDisk().list($0)) ?? [] }
    }

    /// Files of any other kind: what is in one, `nil` if there is none, and what is in a folder.
    public init(
        path: String, contents: @escaping @Sendable (_ path: String, _ bytesMax: Int) throws(DiskError) -> [UInt8]?,
        names: @escaping @Sendable (_ folder: String) -> [String]
    ) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        (self.contents, self.names) = (contents, names)
    }

    /// The log in a folder that a person names: the log's own, the journal's or Weir's data folder.
    public static func found(at path: String) -> LogFiles {
        let places = ["", "/log", "/journal/log"].map { LogFiles(path: path + $0) }
        return places.first { $0.has(TilePath.checkpoint) } ?? places[0]
    }

    /// Where the journal's segments lie, the open tail behind this log: the folder above, if there are any.
    public var segments: String? {
        let above = folderName(path)
        return names(above).contains { Segment.ordinal($0) != nil } ? above : nil
    }

    public func has(_ name: String) -> Bool {
        // Why a file that is there cannot be read is for its reader to say.
        do throws(DiskError) { return try contents(path + "/" + name, 0) != nil } catch { return true }
    }

    public func checkpoint() throws(LogDamage) -> [UInt8] { try read(TilePath.checkpoint, bytesMax: Self.checkpointBytesMax) }

    /// `nil` when no witness has signed yet.
    public func witnessed() throws(LogDamage) -> [UInt8]? {
        has(Self.witnessedName) ? try read(Self.witnessedName, bytesMax: Self.checkpointBytesMax) : nil
    }

    /// The hashes of a tile as wide as it is in a log of this size, from the file of that width or from a later, wider one.
    public func tile(level: Int, index: UInt64, size: UInt64) throws(LogDamage) -> (hashes: [LogHash], file: String) {
        let width = TilePath.width(level: level, index: index, size: size)
        let name = try present(width) { TilePath.hashes(level: level, index: index, width: $0) }
        let bytes = try read(name, bytesMax: tileWidth * LogHash.byteCount)
        guard bytes.count % LogHash.byteCount == 0, bytes.count >= width * LogHash.byteCount else {
            throw LogDamage(file: name, reason: "the tile has \(bytes.count) bytes and not \(width * LogHash.byteCount)")
        }
        let hashes = bytes.withUnsafeBytes { bytes in
            (0..<width).map { bytes.loadUnaligned(fromByteOffset: $0 * LogHash.byteCount, as: LogHash.self) }
        }
        return (hashes, name)
    }

    /// The bytes of an entry bundle, at least as many entries as there are in a log of this size.
    public func bundle(index: UInt64, size: UInt64) throws(LogDamage) -> (bytes: [UInt8], file: String) {
        let width = TilePath.width(level: 0, index: index, size: size)
        let name = try present(width) { TilePath.entries(index: index, width: $0) }
        return (try read(name, bytesMax: Self.bundleBytesMax), name)
    }

    /// Partial files of a tile or bundle that lie there, narrowest first.
    func partials(_ whole: String) -> [(width: Int, name: String)] {
        names(path + "/" + whole + ".p").compactMap { name in
            guard let width = strictDecimal(name.utf8), (1..<UInt64(tileWidth)).contains(width) else { return nil }
            return (Int(width), "\(whole).p/\(width)")
        }.sorted { $0.width < $1.width }
    }

    private func present(_ width: Int, _ name: (Int) -> String) throws(LogDamage) -> String {
        let exact = name(width)
        if width == tileWidth || has(exact) { return exact }
        if has(name(tileWidth)) { return name(tileWidth) }
        return partials(name(tileWidth)).first { $0.width > width }?.name ?? exact
    }

    func read(_ name: String, bytesMax: Int) throws(LogDamage) -> [UInt8] {
        do throws(DiskError) {
            guard let bytes = try contents(path + "/" + name, bytesMax) else {
                throw DiskError(.open, name, code: ENOENT, reason: "the file is missing")
            }
            guard bytes.count <= bytesMax else { throw tooLong(name) }
            return bytes
        } catch {
            throw LogDamage(file: name, reason: error.reason)
        }
    }
}

private func tooLong(_ path: String) -> DiskError {
    DiskError(.read, path, code: EFBIG, reason: "the file is longer than such a file can be")
}

/// What is in a file; `nil` if there is none.
private func fileContents(_ path: String, bytesMax: Int) throws(DiskError) -> [UInt8]? {
    func failed(_ operation: DiskError.Operation) -> DiskError {
        DiskError(operation, path, code: errno, reason: String(cString: strerror(errno)))
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0, errno == ENOENT { return nil }
    guard descriptor >= 0 else { throw failed(.open) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failed(.read) }
    guard status.st_size <= bytesMax else { throw tooLong(path) }
    let size = Int(status.st_size)
    var isRead = true
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
        while filled < size {
            let count = read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
            if count < 0, errno == EINTR { continue }
            isRead = count >= 0
            // A file that shrinks meanwhile ends here too.
            if count <= 0 { break }
            filled += count
        }
    }
    guard isRead else { throw failed(.read) }
    return bytes
}

/// The bytes of a small file that a person names, such as a receipt.
public func fileBytes(_ path: String, bytesMax: Int = 256 * 1024 * 1024) throws(LogDamage) -> [UInt8] {
    let name = path.split(separator: "/").last.map { String($0) } ?? path
    return try LogFiles(path: folderName(path)).read(name, bytesMax: bytesMax)
}

/// Hashes of a log's tiles by place, with the last tiles that were read kept. For proofs.
public final class TileHashes {
    private static let tilesKept = 64

    private let folder: LogFiles
    private let size: UInt64
    private var tiles: [Place: [LogHash]] = [:]

    private struct Place: Hashable {
        var level: Int
        var index: UInt64
    }

    public init(_ folder: LogFiles, size: UInt64) { (self.folder, self.size) = (folder, size) }

    public func hash(level: Int, index: UInt64) throws(LogDamage) -> LogHash {
        let place = Place(level: level, index: index / UInt64(tileWidth))
        if tiles[place] == nil {
            if tiles.count >= Self.tilesKept { tiles.removeAll(keepingCapacity: true) }
            tiles[place] = try folder.tile(level: level, index: place.index, size: size).hashes
        }
        let column = Int(index % UInt64(tileWidth))
        guard let tile = tiles[place], column < tile.count else {
            throw LogDamage(file: TilePath.hashes(level: level, index: place.index), reason: "the tile is too short")
        }
        return tile[column]
    }
}

/// Walks over the entries of a bundle.
/// - Returns: how many bytes the entries take; `nil` when the bundle ends inside one.
func forEachEntry(
    ofBundle bytes: UnsafeRawBufferPointer, count: Int, _ body: (Int, UnsafeRawBufferPointer) throws -> Void
) rethrows -> Int? {
    var offset = 0
    for place in 0..<count {
        guard offset + 2 <= bytes.count else { return nil }
        let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
        guard offset + 2 + length <= bytes.count else { return nil }
        try body(place, UnsafeRawBufferPointer(rebasing: bytes[offset + 2..<offset + 2 + length]))
        offset += 2 + length
    }
    return offset
}
