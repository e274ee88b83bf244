/// The file that the writer appends to. It is left behind for good when a write or sync in it fails.
struct Segment: Sendable {
    let name: String
    let file: any DiskFile
    let head: SegmentHead
    let bytes: Int
    /// Where the next batch begins.
    private(set) var end: Int

    static let prefix = "segment-"
    static let suffix = ".journal"
    private static let ordinalDigits = 10

    static func name(_ ordinal: UInt64) -> String {
        let digits = String(ordinal)
        return prefix + String(repeating: "0", count: max(0, ordinalDigits - digits.utf8.count)) + digits + suffix
    }

    /// `nil` for a file that is no segment.
    static func ordinal(_ name: String) -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        let digits = name.dropFirst(prefix.count).dropLast(suffix.count)
        guard digits.utf8.count >= ordinalDigits, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(digits)
    }

    /// Makes the file with its head durable; removes it again when that fails.
    static func make(_ head: SegmentHead, bytes: Int, folder: String, disk: any Disk) throws(DiskError) -> Segment {
        let name = name(head.ordinal)
        let path = folder + "/" + name
        let file = try disk.create(path, bytes: bytes)
        do throws(DiskError) {
            try write(head.bytes(), to: file)
            try file.sync()
            try disk.syncFolder(folder)
        } catch {
            file.close()
            // What stays behind is a head that claims nothing; the next open removes it.
            try? disk.remove(path)
            throw error
        }
        return Segment(name: name, file: file, head: head, bytes: bytes, end: sectorBytes)
    }

    private static func write(_ bytes: [UInt8], to file: any DiskFile) throws(DiskError) {
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, DiskError> in
            do throws(DiskError) { return .success(try file.write(buffer, at: 0)) } catch { return .failure(error) }
        }
        try result.get()
    }

    func hasRoom(for bytes: Int) -> Bool { end + bytes <= self.bytes }

    /// One write and one sync. - Returns: where the batch begins.
    mutating func append(_ batch: UnsafeRawBufferPointer) throws(DiskError) -> Int {
        try file.write(batch, at: end)
        try file.sync()
        defer { end += batch.count }
        return end
    }
}
