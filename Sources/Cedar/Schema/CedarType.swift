/// What is known of a value before there is a request: the types of a schema, and those that the checker gives to expressions.
public indirect enum CedarType: Hashable, Sendable {
    case boolean(Truth)
    case long
    case string
    case set(CedarType)
    case record(RecordType)
    /// An entity of exactly this type. Strict checking never has to say "one of these types".
    case entity(EntityType)
    case `extension`(ExtensionType)

    /// What is known of a boolean. Where it is certain, the other side of `&&`, `||` or `if` is never evaluated, so it is not
    /// checked either.
    public enum Truth: Hashable, Sendable {
        case unknown, alwaysTrue, alwaysFalse
    }

    /// A boolean of which nothing more is known.
    public static let anyBoolean = CedarType.boolean(.unknown)

    /// The boolean types of which the value is known.
    static func certain(_ value: Bool) -> CedarType { .boolean(value ? .alwaysTrue : .alwaysFalse) }
}

/// The types whose values are written as calls, such as `ip("10.0.0.0/8")`. The raw value is the name in a schema.
public enum ExtensionType: String, Hashable, Sendable, CaseIterable {
    case address = "ipaddr"
    case decimal
    case datetime
    case duration

    /// The function that makes such a value of a string.
    public var constructor: ExtensionFunction {
        switch self {
        case .address: .ip
        case .decimal: .decimal
        case .datetime: .datetime
        case .duration: .duration
        }
    }
}

/// The attributes of a record, of an entity type or of a context. No others may be there.
public struct RecordType: Hashable, Sendable {
    public let attributes: [Text: AttributeType]

    public init(_ attributes: [Text: AttributeType] = [:]) { self.attributes = attributes }

    public subscript(name: Text) -> AttributeType? { attributes[name] }

    /// In the order of their names, for messages and printing.
    public var sorted: [(name: Text, type: AttributeType)] {
        attributes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// The type of one attribute, and whether it is always there.
public struct AttributeType: Hashable, Sendable {
    public let type: CedarType
    public let isRequired: Bool

    public init(_ type: CedarType, isRequired: Bool = true) {
        self.type = type
        self.isRequired = isRequired
    }
}

extension CedarType: CustomStringConvertible {
    /// As the schema syntax writes it, without namespaces of its own: `Set<{name: String, nick?: String}>`. Long records are cut.
    public var description: String {
        var rest = Limits.quotedCharacters * 2
        return description(&rest)
    }

    private func description(_ rest: inout Int) -> String {
        rest -= 8
        switch self {
        case .boolean(.unknown): return "Bool"
        case .boolean(.alwaysTrue): return "true"
        case .boolean(.alwaysFalse): return "false"
        case .long: return "Long"
        case .string: return "String"
        case .entity(let type): return type.name
        case .extension(let type): return type.rawValue
        case .set(let element): return "Set<\(element.description(&rest))>"
        case .record(let record):
            var parts: [String] = []
            for (name, attribute) in record.sorted {
                guard rest > 0 else {
                    parts.append("…")
                    break
                }
                let shown = Identifier.isIdentifier(name.string.utf8) ? name.string : quoted(name)
                parts.append("\(shown)\(attribute.isRequired ? "" : "?"): \(attribute.type.description(&rest))")
            }
            return "{" + parts.joined(separator: ", ") + "}"
        }
    }

    /// In words for a message: `an entity of type User`, `a string`.
    var inWords: String {
        switch self {
        case .boolean: "a boolean"
        case .long: "a number"
        case .string: "a string"
        case .set: "a set (\(self))"
        case .record: "a record (\(self))"
        case .entity(let type): "an entity of type \(type)"
        case .extension(.address): "an IP address"
        case .extension(.decimal): "a decimal"
        case .extension(.datetime): "a datetime"
        case .extension(.duration): "a duration"
        }
    }
}
