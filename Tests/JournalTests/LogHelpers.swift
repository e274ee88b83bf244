import Journal
import TestKit

/// A log's settings with a key that only tests have.
func logSettings() throws -> LogSettings { try LogSettings(origin: "weir.test/log", seed: [UInt8](repeating: 7, count: 32)) }

/// The tree over entries, by the definition of RFC 6962 and not by the code that is tested.
func referenceRoot(_ leaves: ArraySlice<LogHash>) -> LogHash {
    guard leaves.count > 1 else { return leaves.first ?? emptyRoot }
    var split = 1
    while split * 2 < leaves.count { split *= 2 }
    return nodeHash(
        referenceRoot(leaves.prefix(split)), referenceRoot(leaves.dropFirst(split)))
}

struct LogBroken: Error { var reason: String }

/// Checks everything that the checkpoint on the disk covers, file by file, against the entries as they are known.
func checkLog(_ disk: LossyDisk, _ folder: String, _ entries: [[UInt8]]) throws {
    guard let note = disk.contents(folder + "/log/checkpoint") else { throw LogBroken(reason: "there is no checkpoint") }
    let checkpoint = try logSettings().signer.verifier.checkpoint(in: note)
    guard checkpoint.size <= entries.count else { throw LogBroken(reason: "it covers entries that are not there") }
    let size = Int(checkpoint.size)
    var hashes = entries[..<size].map { leafHash(of: $0) }
    guard referenceRoot(hashes[...]) == checkpoint.root else { throw LogBroken(reason: "the root is another") }
    func file(_ name: String, _ expected: [UInt8]) throws {
        guard disk.contents(folder + "/log/" + name) == expected else {
            throw LogBroken(reason: "\(name) is not as it should be")
        }
    }
    for start in stride(from: 0, to: size, by: tileWidth) {
        let part = entries[start..<min(start + tileWidth, size)]
        let bytes = part.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 }
        try file(TilePath.entries(index: UInt64(start / tileWidth), width: part.count), bytes)
    }
    var level = 0
    while !hashes.isEmpty {
        var above: [LogHash] = []
        for start in stride(from: 0, to: hashes.count, by: tileWidth) {
            let tile = hashes[start..<min(start + tileWidth, hashes.count)]
            let name = TilePath.hashes(level: level, index: UInt64(start / tileWidth), width: tile.count)
            try file(name, tile.flatMap(\.bytes))
            if tile.count == tileWidth { above.append(referenceRoot(tile)) }
        }
        hashes = above
        level += 1
    }
}
