/// A string as Cedar sees one: equal only when every Unicode scalar is equal. Swift's `String` takes two spellings of "é" for the
/// same, which would let one entity pass for another.
public struct Text: Hashable, Comparable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let string: String

    public init(_ string: String) {
        // A native string compares and hashes without bridging, and its length in bytes is known.
        var native = string
        native.makeContiguousUTF8()
        self.string = native
    }

    public init(stringLiteral value: String) { self.init(value) }

    public init(utf8 bytes: some Collection<UInt8>) { self.string = String(decoding: bytes, as: UTF8.self) }

    public var description: String { string }

    public static func == (left: Text, right: Text) -> Bool {
        left.string.utf8.count == right.string.utf8.count && left.string.utf8.elementsEqual(right.string.utf8)
    }

    /// The order of bytes, which for UTF-8 is the order of scalars.
    public static func < (left: Text, right: Text) -> Bool {
        left.string.utf8.lexicographicallyPrecedes(right.string.utf8)
    }

    public func hash(into hasher: inout Hasher) {
        let done: Void? = string.utf8.withContiguousStorageIfAvailable { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        if done == nil { for byte in string.utf8 { hasher.combine(byte) } }
        hasher.combine(0xFF as UInt8)
    }
}
