/// The right edge of a log's tree: what is needed to add leaves and to know the root, in 2 KB however long the log is.
///
/// A leaf costs one SHA-256 on the average, and no allocation of this type.
public struct Frontier: Sendable, Hashable {
    /// How many leaves there are.
    public private(set) var size: UInt64 = 0
    /// By level: the root of the last whole subtree of 2^level leaves. It counts only where that bit of `size` is set.
    private var subtrees = [LogHash](repeating: .zero, count: 64)

    /// The edge of an empty log.
    public init() {}

    /// The edge of a log that is on disk. `hash` tells the hash that has this place in the tiles of this level; asked for are
    /// only hashes of the rightmost, partial tile of each level.
    public init<Problem: Error>(
        size: UInt64, hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
    ) throws(Problem) {
        self.size = size
        for level in 0..<64 where size >> UInt64(level) & 1 == 1 {
            subtrees[level] = try treeNode(level: level, index: size >> UInt64(level) - 1, hash: hash)
        }
    }

    /// Adds a leaf. `tileHash` learns each hash that now has its place in a tile, lowest level first: the leaf itself on level 0,
    /// and on level L the root over 256^L leaves when it is complete. The first hash of a level has index 0 of tile 0, and so on.
    public mutating func append(_ leaf: LogHash, _ tileHash: (_ tileLevel: Int, _ hash: LogHash) -> Void) {
        tileHash(0, leaf)
        var hash = leaf
        var level = 0
        while size >> UInt64(level) & 1 == 1 {
            hash = nodeHash(subtrees[level], hash)
            level += 1
            if level % tileHeight == 0 { tileHash(level / tileHeight, hash) }
        }
        subtrees[level] = hash
        size += 1
    }

    public mutating func append(_ leaf: LogHash) { append(leaf) { _, _ in } }

    /// The hash over all leaves.
    public var root: LogHash {
        guard size > 0 else { return emptyRoot }
        var level = size.trailingZeroBitCount
        var hash = subtrees[level]
        level += 1
        while level < 64, size >> UInt64(level) != 0 {
            if size >> UInt64(level) & 1 == 1 { hash = nodeHash(subtrees[level], hash) }
            level += 1
        }
        return hash
    }

    /// Two edges are the same when they stand over the same leaves, whatever is left over in places that do not count.
    public static func == (left: Frontier, right: Frontier) -> Bool { left.size == right.size && left.root == right.root }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(size)
        hasher.combine(root)
    }
}

/// The hash of a whole subtree of 2^level leaves, the `index`th of its level, from the hashes that stand in tiles.
public func treeNode<Problem: Error>(
    level: Int, index: UInt64, hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
) throws(Problem) -> LogHash {
    let above = level % tileHeight
    if above == 0 { return try hash(level / tileHeight, index) }
    let left = try treeNode(level: level - 1, index: 2 * index, hash: hash)
    return nodeHash(left, try treeNode(level: level - 1, index: 2 * index + 1, hash: hash))
}
