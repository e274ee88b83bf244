import Foundation
import Journal
import Synchronization

let casesFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases")

/// A log in memory, written the plain way: every tile from all leaves at once.
struct TestLog {
    static let name = "weir.test/log"
    let signer: LogSigner
    var entries: [[UInt8]]

    init(_ entries: [[UInt8]]) throws {
        self.entries = entries
        signer = try LogSigner(name: Self.name, seed: Array(repeating: 7, count: 32))
    }

    /// Numbered entries of no content.
    init(count: Int) throws {
        try self.init((0..<count).map { Array(#"{"v":2,"n":\#($0),"t":"x"}"#.utf8) })
    }

    func root(_ size: Int) -> LogHash { naiveRoot(entries[..<size].map { leafHash(of: $0) }[...]) }

    func checkpoint(_ size: Int) -> [UInt8] {
        signer.sign(Checkpoint(origin: Self.name, size: UInt64(size), root: root(size)))
    }

    /// Each file of the log by its name.
    func files() -> [String: [UInt8]] {
        var files = [TilePath.checkpoint: checkpoint(entries.count)]
        for start in stride(from: 0, to: entries.count, by: tileWidth) {
            let part = entries[start..<min(start + tileWidth, entries.count)]
            files[TilePath.entries(index: UInt64(start / tileWidth), width: part.count)] = part.flatMap {
                [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0
            }
        }
        var row = entries.map { leafHash(of: $0) }
        var level = 0
        while !row.isEmpty {
            for start in stride(from: 0, to: row.count, by: tileWidth) {
                let part = row[start..<min(start + tileWidth, row.count)]
                files[TilePath.hashes(level: level, index: UInt64(start / tileWidth), width: part.count)] = part.flatMap(\.bytes)
            }
            row = stride(from: 0, to: row.count / tileWidth * tileWidth, by: tileWidth).map {
                naiveRoot(row[$0..<$0 + tileWidth])
            }
            level += 1
        }
        return files
    }

    func folder(_ files: [String: [UInt8]]? = nil) -> LogFiles {
        LogFiles(files ?? self.files())
    }
    var check: LogTrust { LogTrust(verifier: signer.verifier) }
}

/// RFC 6962 as its definition reads, for comparison.
func naiveRoot(_ leaves: ArraySlice<LogHash>) -> LogHash {
    if leaves.isEmpty { return emptyRoot }
    if leaves.count == 1 { return leaves[leaves.startIndex] }
    var half = 1
    while half * 2 < leaves.count { half *= 2 }
    let middle = leaves.startIndex + half
    return nodeHash(naiveRoot(leaves[..<middle]), naiveRoot(leaves[middle...]))
}

extension LogFiles {
    /// A log whose files are in memory.
    init(_ files: [String: [UInt8]]) {
        self.init(path: "log") { path, _ in
            files[String(path.dropFirst("log/".count))]
        } names: { folder in
            let prefix = folder.dropFirst("log/".count) + "/"
            return files.keys.compactMap { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : nil }
        }
    }
}

/// Bytes with one bit changed.
func flipped(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
    var bytes = bytes
    bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    return bytes
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
