/// A statement of the log about itself: so many entries, with this hash over them. The text that the log's key signs.
public struct Checkpoint: Sendable, Hashable {
    /// Which log: a name that is its alone.
    public var origin: String
    public var size: UInt64
    public var root: LogHash
    /// Lines behind the three that everybody reads. Weir writes none.
    public var extensions: [String]

    public init(origin: String, size: UInt64, root: LogHash, extensions: [String] = []) {
        (self.origin, self.size, self.root, self.extensions) = (origin, size, root, extensions)
    }

    public var text: [UInt8] {
        Array("\(origin)\n\(size)\n\(root.base64)\n".utf8) + extensions.flatMap { Array("\($0)\n".utf8) }
    }

    /// Reads what `text` writes, and nothing else.
    public init(text: some Collection<UInt8>) throws(LogFormatError) {
        guard Array(text.suffix(1)) == [UInt8(ascii: "\n")] else {
            throw LogFormatError("the checkpoint does not end with a newline")
        }
        let lines = text.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count >= 3 else { throw LogFormatError("the checkpoint has fewer than three lines") }
        guard lines.allSatisfy({ !$0.isEmpty }) else { throw LogFormatError("the checkpoint has an empty line") }
        let words = lines.compactMap { String(validating: $0, as: UTF8.self) }
        guard words.count == lines.count else { throw LogFormatError("the checkpoint is not UTF-8") }
        guard let size = strictDecimal(lines[1]) else { throw LogFormatError("the checkpoint's size is not a decimal number") }
        guard let root = LogHash(base64: lines[2]) else {
            throw LogFormatError("the checkpoint's root is not canonical base64 of 32 bytes")
        }
        guard size > 0 || root == emptyRoot else { throw LogFormatError("the root of an empty log is not that of nothing") }
        self.init(origin: words[0], size: size, root: root, extensions: Array(words[3...]))
    }
}
