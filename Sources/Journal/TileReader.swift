/// Reads hashes and entries of a log from its whole tiles and bundles, each checked against the hash above it, up to the tree's
/// right edge, which is known to be good.
///
/// The tiles of one level that were read last are kept, so that reading in order costs one hash an entry and one a leaf.
struct TileReader {
    let folder: LogFolder
    /// How many entries the tiles that are read are certain to cover.
    let size: UInt64
    /// The hashes that stand in no whole tile, by level: what everything else is checked against.
    private(set) var edge: [[LogHash]] = []
    private var kept: [Kept?] = []

    private struct Kept {
        var index: UInt64
        var hashes: [LogHash]
    }

    /// Finds the tree's right edge over `size` entries in whole tiles. What it finds is a claim until the caller has compared the
    /// root over it with a checkpoint.
    init(_ folder: LogFolder, size: UInt64) throws {
        (self.folder, self.size) = (folder, size)
        var level = 0
        while TilePath.count(level: level, size: size) > 0 {
            edge.append(try claimed(level: level))
            level += 1
        }
        kept = Array(repeating: nil, count: edge.count)
    }

    /// With the edge over `size` entries as whoever made the tree knows it.
    init(_ folder: LogFolder, size: UInt64, edge: [[LogHash]]) {
        (self.folder, self.size, self.edge) = (folder, size, edge)
        kept = Array(repeating: nil, count: edge.count)
    }

    /// The hashes of a level behind its last whole tile. They are made from the whole tiles below, since a tile that became whole
    /// later need not have survived a loss of power.
    private func claimed(level: Int) throws -> [LogHash] {
        let width = TilePath.partialWidth(level: level, size: size)
        let index = TilePath.count(level: level, size: size) / UInt64(tileWidth)
        guard level > 0 else {
            if width == 0 { return [] }
            guard let hashes = try folder.tile(level: 0, index: index) else {
                throw damaged(TilePath.hashes(level: 0, index: index), entry: size, "the tile is not whole")
            }
            return Array(hashes[..<width])
        }
        return try (0..<UInt64(width)).map { place in
            let below = index * UInt64(tileWidth) + place
            guard let hashes = try folder.tile(level: level - 1, index: below) else {
                throw damaged(
                    TilePath.hashes(level: level - 1, index: below), entry: below << UInt64(8 * level), "the tile is not whole")
            }
            return subtreeRoot(hashes)
        }
    }

    /// What the tree is made on from.
    func frontier() -> Frontier {
        Frontier(size: size) { level, index in edge[level][Int(index % UInt64(tileWidth))] }
    }

    /// The hash at a place of a level of tiles.
    mutating func hash(level: Int, index: UInt64) throws -> LogHash {
        let tile = index / UInt64(tileWidth)
        if tile == TilePath.count(level: level, size: size) / UInt64(tileWidth) {
            return edge[level][Int(index % UInt64(tileWidth))]
        }
        return try whole(level: level, index: tile)[Int(index % UInt64(tileWidth))]
    }

    /// A whole tile that leads to the hash above it.
    mutating func whole(level: Int, index: UInt64) throws -> [LogHash] {
        if let kept = kept[level], kept.index == index { return kept.hashes }
        let name = TilePath.hashes(level: level, index: index)
        let entry = index << UInt64(8 * (level + 1))
        guard let hashes = try folder.tile(level: level, index: index) else {
            throw damaged(name, entry: entry, "the tile is not whole")
        }
        guard try subtreeRoot(hashes) == hash(level: level + 1, index: index) else {
            throw damaged(name, entry: entry, "the tile does not lead to the hash above it")
        }
        kept[level] = Kept(index: index, hashes: hashes)
        return hashes
    }

    /// Hands over the entries from `from` up to `end`, which whole bundles hold, each checked by its leaf hash.
    mutating func entries(
        from: UInt64, to end: UInt64, _ body: (UInt64, UnsafeRawBufferPointer, LogHash) throws -> Void
    ) throws {
        var next = from
        while next < end {
            let index = next / UInt64(tileWidth)
            let name = TilePath.entries(index: index)
            let leaves = try leaves(index: index)
            guard let bundle = try folder.contents(name) else { throw damaged(name, entry: next, "the bundle is missing") }
            try bundle.withUnsafeBytes { bytes in
                var offset = 0
                for place in 0..<tileWidth {
                    let sequence = index * UInt64(tileWidth) + UInt64(place)
                    guard offset + 2 <= bytes.count else { throw damaged(name, entry: sequence, "the bundle ends too early") }
                    let length = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
                    guard offset + 2 + length <= bytes.count else {
                        throw damaged(name, entry: sequence, "the bundle ends too early")
                    }
                    let entry = UnsafeRawBufferPointer(rebasing: bytes[offset + 2..<offset + 2 + length])
                    offset += 2 + length
                    guard place < leaves.count else { continue }
                    guard leafHash(of: entry) == leaves[place] else {
                        throw damaged(name, entry: sequence, "the entry is not the one that its tile covers")
                    }
                    if sequence >= next, sequence < end { try body(sequence, entry, leaves[place]) }
                }
                guard offset == bytes.count else { throw damaged(name, entry: next, "the bundle has bytes behind its entries") }
            }
            next = min(end, (index + 1) * UInt64(tileWidth))
        }
    }

    /// The leaf hashes of a bundle: all, or those within `size`.
    private mutating func leaves(index: UInt64) throws -> [LogHash] {
        index == size / UInt64(tileWidth) ? edge.first ?? [] : try whole(level: 0, index: index)
    }

    private func damaged(_ name: String, entry: UInt64, _ reason: String) -> JournalError {
        .corrupt(.init(file: "log/" + name, offset: 0, sequence: entry, reason: reason))
    }
}

/// The root over the hashes of a whole tile: the hash that it has in the tile above.
func subtreeRoot(_ hashes: [LogHash]) -> LogHash {
    var row = hashes
    var count = row.count
    while count > 1 {
        count /= 2
        for place in 0..<count { row[place] = nodeHash(row[2 * place], row[2 * place + 1]) }
    }
    return row[0]
}
