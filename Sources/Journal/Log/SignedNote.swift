/// What is wrong with a text of the log: a note, a checkpoint, a key, a proof.
public struct LogFormatError: Error, Sendable, Hashable, CustomStringConvertible {
    public var reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}

/// A text with signatures under it, as C2SP signed-note writes it. Nothing in it is true until a signature was checked.
public struct SignedNote: Sendable, Hashable {
    /// With its last newline.
    public var text: [UInt8]
    public var signatures: [Signature]

    /// No note that this log or its witnesses write comes near it.
    public static let bytesMax = 1024 * 1024
    public static let signaturesMax = 64

    public struct Signature: Sendable, Hashable {
        public var name: String
        public var keyID: UInt32
        public var bytes: [UInt8]

        public init(name: String, keyID: UInt32, bytes: [UInt8]) {
            (self.name, self.keyID, self.bytes) = (name, keyID, bytes)
        }

        /// With its newline.
        public var line: String {
            let identifier = (0..<4).map { UInt8(truncatingIfNeeded: keyID >> UInt32(24 - 8 * $0)) }
            return "\u{2014} \(name) \(Base64.text(identifier + bytes))\n"
        }

        /// A line without its newline.
        public init(line: some Collection<UInt8>) throws(LogFormatError) {
            let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard words.count == 3, words[0].elementsEqual("\u{2014}".utf8) else {
                throw LogFormatError("a signature line is not an em dash, a name and a signature")
            }
            guard let name = String(validating: words[1], as: UTF8.self), isKeyName(name) else {
                throw LogFormatError("a signature line has no name that a key can have")
            }
            guard let bytes = Base64.bytes(words[2]), bytes.count > 4 else {
                throw LogFormatError("the signature of \(name) is not canonical base64 of a key's identifier and a signature")
            }
            self.name = name
            keyID = bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
            self.bytes = Array(bytes[4...])
        }
    }

    public init(text: [UInt8], signatures: [Signature]) { (self.text, self.signatures) = (text, signatures) }

    public init(_ bytes: some Collection<UInt8>) throws(LogFormatError) {
        let bytes = Array(bytes)
        guard bytes.count <= SignedNote.bytesMax else { throw LogFormatError("the note is longer than 1 MiB") }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw LogFormatError("the note is not UTF-8") }
        guard bytes.allSatisfy({ $0 >= 0x20 || $0 == newline }) else {
            throw LogFormatError("the note has a control character in it")
        }
        guard bytes.last == newline else { throw LogFormatError("the note does not end with a newline") }
        guard let blank = bytes.indices.last(where: { $0 > 0 && bytes[$0] == newline && bytes[$0 - 1] == newline }) else {
            throw LogFormatError("the note has no empty line between text and signatures")
        }
        let lines = bytes[(blank + 1)...].dropLast().split(separator: newline, omittingEmptySubsequences: false)
        guard bytes.count > blank + 1, !lines.isEmpty else { throw LogFormatError("the note has no signature") }
        guard lines.count <= SignedNote.signaturesMax else { throw LogFormatError("the note has more than 64 signatures") }
        text = Array(bytes[..<blank])
        signatures = []
        for line in lines { signatures.append(try Signature(line: line)) }
    }

    public var bytes: [UInt8] { text + [newline] + signatures.flatMap { Array($0.line.utf8) } }
}

private let newline = UInt8(ascii: "\n")

/// Names of keys are not empty and have neither spaces nor a plus sign.
func isKeyName(_ name: String) -> Bool {
    !name.isEmpty && name.unicodeScalars.allSatisfy { $0 != "+" && $0.value >= 0x20 && !$0.properties.isWhitespace }
}

/// By bytes: two spellings of one accented letter are two names.
func isSame(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
