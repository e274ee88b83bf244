/// The type of an entity: identifiers joined by `::`, as in `Weir::Endpoint`. Only ASCII, so plain comparison is exact.
public struct EntityType: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let name: String

    /// Takes a name as it is written without spaces; nil when it is no such name or uses a reserved word.
    public init?(_ name: String) {
        let parts = name.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        // "A::B" splits into A, "", B: every second piece is the gap inside of a `::`.
        guard parts.count % 2 == 1 else { return nil }
        for (index, part) in parts.enumerated() {
            guard index % 2 == 0 ? Identifier.isUsable(part) : part.isEmpty else { return nil }
        }
        self.name = name
    }

    /// For parts that a parser has checked.
    init(checked parts: [String]) { name = parts.joined(separator: "::") }

    public var description: String { name }

    public static func < (left: EntityType, right: EntityType) -> Bool { left.name < right.name }

    /// The last part: `Action` of `Weir::Action`.
    public var baseName: Substring {
        guard let colon = name.lastIndex(of: ":") else { return name[...] }
        return name[name.index(after: colon)...]
    }

    /// What stands before the last part: `Weir` of `Weir::Action`, nothing for a plain name.
    public var namespace: Substring { name.dropLast(baseName.utf8.count).dropLast(2) }

    /// Whether entities of it are actions, in whatever namespace.
    public var isAction: Bool { baseName == "Action" }
}

/// The name of one entity: its type and, within that, its id, as in `User::"alice"`.
public struct EntityUID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let type: EntityType
    public let id: Text

    public init(_ type: EntityType, _ id: Text) {
        self.type = type
        self.id = id
    }

    /// As a policy writes it.
    public var description: String { "\(type.name)::\(quoted(id))" }

    public static func < (left: EntityUID, right: EntityUID) -> Bool {
        left.type == right.type ? left.id < right.id : left.type < right.type
    }
}

/// The words of the grammar.
public enum Identifier {
    /// Words that cannot name anything. As an attribute they are written in quotes: `principal["in"]`.
    public static let reserved: Set<String> = ["true", "false", "if", "then", "else", "in", "is", "like", "has"]

    /// The namespace that the language keeps for itself.
    public static let internalNamespace = "__cedar"

    /// Whether these bytes are an identifier, reserved or not.
    public static func isIdentifier(_ bytes: some Collection<UInt8>) -> Bool {
        guard let first = bytes.first, startsIdentifier(first) else { return false }
        return bytes.allSatisfy(continuesIdentifier)
    }

    /// Whether these bytes are an identifier that may be a part of a type's name.
    static func isUsable(_ bytes: some Collection<UInt8>) -> Bool {
        guard isIdentifier(bytes) else { return false }
        let word = String(decoding: bytes, as: UTF8.self)
        return !reserved.contains(word) && word != internalNamespace
    }

    static func startsIdentifier(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
    }

    static func continuesIdentifier(_ byte: UInt8) -> Bool {
        startsIdentifier(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
