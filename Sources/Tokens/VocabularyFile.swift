#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A vocabulary as it lies in `share/tokenizers/NAME.vocabulary`, written by `scripts/vocabulary.py`. Numbers are little-endian:
///
///     offset  bytes  what
///     0       8      "weirvoc\n"
///     8       1      version, 1
///     9       1      how text is split: the raw value of `SplitRule`
///     10      2      number of special tokens
///     12      4      number of tokens
///     16      4      bytes from here to the end of the file
///     20             the tokens in order of rank: length (1 byte, never 0), bytes
///                    the special tokens: number (4 bytes), length (1 byte), text
struct VocabularyFile {
    /// A file over this is not one of ours; the largest known has 1.6 MB.
    static let sizeMax = 32 << 20
    private static let headerSize = 20
    private static let magic: [UInt8] = Array("weirvoc\n".utf8)

    let split: SplitRule
    /// The part of the file with the tokens.
    let records: [UInt8]
    /// Where in `records` each token's bytes begin.
    let starts: [UInt32]
    /// Bytes of the longest token.
    let longest: Int
    let specials: [Vocabulary.SpecialToken]

    init(_ bytes: [UInt8]) throws(VocabularyError) {
        guard bytes.count >= Self.headerSize, bytes[..<8].elementsEqual(Self.magic) else {
            throw VocabularyError.malformed("not a vocabulary")
        }
        guard bytes[8] == 1 else { throw VocabularyError.malformed("version \(bytes[8]), and only 1 is known") }
        guard let split = SplitRule(rawValue: bytes[9]) else { throw VocabularyError.malformed("an unknown way to split text") }
        let specialCount = Int(bytes[10]) | Int(bytes[11]) << 8
        let count = Int(Self.number(bytes, at: 12))
        guard Int(Self.number(bytes, at: 16)) == bytes.count - Self.headerSize else { throw VocabularyError.malformed("cut off") }

        var at = Self.headerSize
        var longest: UInt8 = 0
        let starts = bytes.withUnsafeBufferPointer { bytes in
            [UInt32](unsafeUninitializedCapacity: min(count, bytes.count)) { starts, filled in
                while filled < count, at < bytes.count, bytes[at] > 0, at + 1 + Int(bytes[at]) <= bytes.count {
                    starts[filled] = UInt32(truncatingIfNeeded: at + 1 - Self.headerSize)
                    filled += 1
                    longest = max(longest, bytes[at])
                    at += 1 + Int(bytes[at])
                }
            }
        }
        guard starts.count == count else { throw VocabularyError.malformed("a token is empty or runs over the end") }
        self.longest = Int(longest)
        records = Array(bytes[Self.headerSize..<at])

        var specials: [Vocabulary.SpecialToken] = []
        for _ in 0..<specialCount {
            guard at + 5 <= bytes.count, at + 5 + Int(bytes[at + 4]) <= bytes.count,
                let number = Int32(exactly: Self.number(bytes, at: at))
            else { throw VocabularyError.malformed("a special token runs over the end") }
            let end = at + 5 + Int(bytes[at + 4])
            specials.append(Vocabulary.SpecialToken(number: number, text: String(decoding: bytes[at + 5..<end], as: UTF8.self)))
            at = end
        }
        guard at == bytes.count else { throw VocabularyError.malformed("more than its header says") }
        self.split = split
        self.starts = starts
        self.specials = specials
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
}

/// Why a vocabulary could not be had. The operator's matter: the files come with Weir; without one, counts fall back to bytes.
public enum VocabularyError: Error, Hashable, CustomStringConvertible {
    case unreadable(path: String, code: Int32)
    case malformed(String)

    public var description: String {
        switch self {
        case .unreadable(let path, let code):
            "The vocabulary \(path) cannot be read (error \(code)). Put it back, or set WEIR_SHARE."
        case .malformed(let what): "A vocabulary file is damaged: \(what). Put back the one that came with Weir."
        }
    }
}

extension Vocabulary {
    /// Reads `FOLDER/NAME.vocabulary`. Takes tens of milliseconds: not for an event loop.
    public convenience init(name: String, folder: String) throws(VocabularyError) {
        try self.init(path: folder + "/" + name + ".vocabulary")
    }

    public convenience init(path: String) throws(VocabularyError) {
        try self.init(VocabularyFile(Vocabulary.contents(of: path)))
    }

    private static func contents(of path: String) throws(VocabularyError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw VocabularyError.unreadable(path: path, code: errno) }
        defer { close(file) }
        let size = Int(lseek(file, 0, SEEK_END))
        guard size >= 0, size <= VocabularyFile.sizeMax, lseek(file, 0, SEEK_SET) == 0 else {
            throw VocabularyError.malformed("\(size) bytes, and at most \(VocabularyFile.sizeMax) are read")
        }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size, let base = buffer.baseAddress {
                let got = read(file, base + filled, size - filled)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    failure = got < 0 ? errno : 0
                    return
                }
                filled += got
            }
        }
        guard failure == 0 else { throw VocabularyError.unreadable(path: path, code: failure) }
        return bytes
    }
}
