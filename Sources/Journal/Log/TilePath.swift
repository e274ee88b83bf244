/// Levels of the tree in a tile.
public let tileHeight = 8
/// Hashes in a whole tile, and entries in a whole bundle.
public let tileWidth = 256

/// Where a part of the log lies below the log's folder, as C2SP tlog-tiles names it.
public enum TilePath {
    public static let checkpoint = "checkpoint"

    /// Hashes of the tree's level 8 × `level`. A tile with fewer than 256 of them is a file of its own beside the whole one.
    public static func hashes(level: Int, index: UInt64, width: Int = tileWidth) -> String {
        "tile/\(level)/" + place(index, width)
    }

    /// The entries under the level-0 tile of the same index, each after its length as two big-endian bytes.
    public static func entries(index: UInt64, width: Int = tileWidth) -> String {
        "tile/entries/" + place(index, width)
    }

    /// How many hashes the last tile of a level has that is not whole; 0 when there is none.
    public static func partialWidth(level: Int, size: UInt64) -> Int { Int(count(level: level, size: size) % UInt64(tileWidth)) }

    /// How many hashes a level of tiles has in all.
    public static func count(level: Int, size: UInt64) -> UInt64 {
        level * tileHeight < 64 ? size >> UInt64(level * tileHeight) : 0
    }

    /// How many hashes a tile has in a log of this size; 0 when there is no such tile.
    public static func width(level: Int, index: UInt64, size: UInt64) -> Int {
        let count = count(level: level, size: size)
        let whole = count / UInt64(tileWidth)
        if index < whole { return tileWidth }
        return index == whole ? Int(count % UInt64(tileWidth)) : 0
    }

    private static func place(_ index: UInt64, _ width: Int) -> String {
        precondition((1...tileWidth).contains(width), "a tile has 1 to 256 hashes")
        var path = digits(index % 1000)
        var rest = index / 1000
        while rest > 0 {
            path = "x\(digits(rest % 1000))/" + path
            rest /= 1000
        }
        return width == tileWidth ? path : path + ".p/\(width)"
    }

    private static func digits(_ number: UInt64) -> String {
        number < 10 ? "00\(number)" : number < 100 ? "0\(number)" : "\(number)"
    }
}
