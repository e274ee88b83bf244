import Core
import Crypto

/// A piece of state that lives at one endpoint, as its signed id tells it: whose it is, where it lives and what it is about.
///
/// The id is a word for its tenant only: it is signed with a key of that tenant, so that another tenant's id is no better than a
/// made-up one. It can be read without the key, and says nothing that its caller does not know but the provider's own id.
struct StateID: Sendable, Hashable {
    /// Of a provider's id; longer ones are not handed out.
    static let providerIDBytesMax = 255
    /// Of all that is signed. Labels that do not fit become unknown, and so denied wherever policy asks.
    static let payloadBytesMax = 2_048
    static let tagBytes = 16
    /// A longer text is no id.
    static let textBytesMax = 4_096
    private static let version: UInt8 = 1

    var kind: StateKind
    /// The endpoint's name.
    var home: String
    /// The public name of the model that it was made with.
    var model: String
    var providerID: [UInt8]
    /// Of the content; purposes are of the call alone.
    var labels: CallLabels
    /// The most input tokens that it can add to a call; nil: nobody has counted.
    var tokens: Int64?

    /// The id as the caller gets it; nil when the provider's id is not one to hand out.
    func signed(with key: SymmetricKey) -> [UInt8]? {
        guard (1...Self.providerIDBytesMax).contains(providerID.count), providerID.allSatisfy(isProviderIDByte) else {
            return nil
        }
        var payload = IDWriter()
        payload.byte(Self.version)
        payload.byte(kind.code)
        guard payload.text(home.utf8), payload.text(model.utf8), payload.text(providerID) else { return nil }
        payload.number(tokens.map { UInt64(max(0, $0)) + 1 } ?? 0)
        let before = payload
        if !payload.labels(labels) || payload.bytes.count > Self.payloadBytesMax {
            payload = before
            _ = payload.labels(.unknown)
        }
        var text = Array(kind.prefix.utf8)
        Base64URL.append(payload.bytes + Self.tag(payload.bytes[...], key), to: &text)
        return text
    }

    /// Reads an id of this kind that was signed with this key; nil for everything else, without a word why.
    init?(_ text: UnsafeRawBufferPointer, _ kind: StateKind, key: SymmetricKey) {
        let prefix = kind.prefix.utf8
        guard text.count <= Self.textBytesMax, text.starts(with: prefix),
            let bytes = Base64URL.bytes(UnsafeRawBufferPointer(rebasing: text[prefix.count...])), bytes.count > Self.tagBytes
        else { return nil }
        let payload = bytes[..<(bytes.count - Self.tagBytes)]
        guard areEqual(Self.tag(payload, key), bytes[payload.endIndex...]) else { return nil }
        var reader = IDReader(payload)
        guard reader.byte() == Self.version, reader.byte() == kind.code, let home = reader.text(), let model = reader.text(),
            let providerID = reader.bytes(), let tokens = reader.number(), let labels = reader.labels(), reader.isAtEnd
        else { return nil }
        self.init(
            kind: kind, home: home, model: model, providerID: providerID, labels: labels,
            tokens: tokens == 0 ? nil : Int64(clamping: tokens - 1))
    }

    init(kind: StateKind, home: String, model: String, providerID: [UInt8], labels: CallLabels, tokens: Int64?) {
        self.kind = kind
        self.home = home
        self.model = model
        self.providerID = providerID
        self.labels = labels
        self.tokens = tokens
    }

    /// HMAC-SHA-256, the first half: 128 bits cannot be guessed, and an id stays shorter.
    private static func tag(_ payload: ArraySlice<UInt8>, _ key: SymmetricKey) -> ArraySlice<UInt8> {
        Array(HMAC<SHA256>.authenticationCode(for: payload, using: key))[..<tagBytes]
    }
}

/// Compares in a time that does not tell where they differ.
private func areEqual(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    var difference: UInt8 = 0
    for (x, y) in zip(a, b) { difference |= x ^ y }
    return difference == 0
}

/// What may stand between quotes and in a path without being written in another way.
private func isProviderIDByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "-._~:=@".utf8.contains(byte)
}

extension StateKind {
    /// What OpenAI's ids of this kind begin with.
    var prefix: String {
        switch self {
        case .response: "resp_"
        case .conversation: "conv_"
        }
    }

    fileprivate var code: UInt8 {
        switch self {
        case .response: 1
        case .conversation: 2
        }
    }
}

extension DataCategory {
    /// Its bit in an id; never given to another category.
    fileprivate var bit: UInt64 {
        switch self {
        case .important: 1 << 0
        case .special: 1 << 1
        case .genomic: 1 << 2
        case .omic: 1 << 3
        case .biometric: 1 << 4
        case .geolocation: 1 << 5
        case .health: 1 << 6
        case .financial: 1 << 7
        case .identifiers: 1 << 8
        case .government: 1 << 9
        }
    }
}

// MARK: - Bytes

/// Writes what an id tells, each text with its length before it.
private struct IDWriter {
    var bytes: [UInt8] = []

    mutating func byte(_ byte: UInt8) { bytes.append(byte) }

    /// Seven bits a byte, the lowest first.
    mutating func number(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// False when it is longer than 255 bytes.
    mutating func text(_ text: some Collection<UInt8>) -> Bool {
        guard let length = UInt8(exactly: text.count) else { return false }
        bytes.append(length)
        bytes.append(contentsOf: text)
        return true
    }

    /// False when they do not fit.
    mutating func labels(_ labels: CallLabels) -> Bool {
        byte((labels.dataClass == nil ? 0 : 1) | (labels.categories == nil ? 0 : 2) | (labels.exportTags == nil ? 0 : 4))
        if let name = labels.dataClass, !text(name.utf8) { return false }
        if let categories = labels.categories { number(categories.reduce(0) { $0 | $1.bit }) }
        for words in [labels.subjects, labels.exportTags].compactMap({ $0 }) {
            number(UInt64(words.count))
            for word in words.sorted() where !text(word.utf8) { return false }
        }
        return true
    }
}

/// Reads it again.
private struct IDReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func number() -> UInt64? {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = byte() else { return nil }
            number |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return number }
        }
        return nil
    }

    mutating func bytes() -> [UInt8]? {
        guard let length = byte(), rest.count >= length else { return nil }
        defer { rest = rest.dropFirst(Int(length)) }
        return Array(rest.prefix(Int(length)))
    }

    mutating func text() -> String? { bytes().flatMap { String(validating: $0, as: UTF8.self) } }

    mutating func labels() -> CallLabels? {
        guard let known = byte(), known < 8 else { return nil }
        var labels = CallLabels()
        if known & 1 != 0 {
            guard let name = text() else { return nil }
            labels.dataClass = name
        }
        if known & 2 != 0 {
            guard let bits = number() else { return nil }
            let categories = DataCategory.allCases.filter { bits & $0.bit != 0 }
            guard categories.reduce(0, { $0 | $1.bit }) == bits else { return nil }
            labels.categories = Set(categories)
        }
        guard let subjects = words() else { return nil }
        labels.subjects = subjects
        if known & 4 != 0 {
            guard let tags = words() else { return nil }
            labels.exportTags = tags
        }
        return labels
    }

    private mutating func words() -> Set<String>? {
        guard let count = number(), count <= StateID.payloadBytesMax else { return nil }
        var words: Set<String> = []
        for _ in 0..<count {
            guard let word = text() else { return nil }
            words.insert(word)
        }
        return words
    }
}
