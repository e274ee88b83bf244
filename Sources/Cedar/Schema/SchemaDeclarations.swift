/// What a schema's text declares, with names as they were written: what both syntaxes are read into, and the resolver completes.
struct NamespaceDeclaration: Sendable {
    /// `A::B`, or empty for what stands outside of any namespace.
    var name: String
    var range: SourceRange
    var commonTypes: [CommonTypeDeclaration] = []
    var entityTypes: [EntityTypeDeclaration] = []
    var actions: [ActionDeclaration] = []

    /// A name declared here, complete.
    func complete(_ base: String) -> String { name.isEmpty ? base : name + "::" + base }
}

/// `type T = …;`
struct CommonTypeDeclaration: Sendable {
    let name: WrittenName
    let type: WrittenType
}

/// One of the names of `entity A, B …;`
struct EntityTypeDeclaration: Sendable {
    enum Kind: Sendable {
        case standard(memberOf: [WrittenName], shape: WrittenType, tags: WrittenType?)
        case enumerated([Text])
    }

    let name: WrittenName
    let kind: Kind
    let annotations: [Annotation]
}

/// One of the names of `action "a", "b" …;`
struct ActionDeclaration: Sendable {
    /// An action that another is in. Without a type it is in the same namespace, or in none.
    struct Reference: Sendable {
        let type: WrittenName?
        let id: Text
        let range: SourceRange
    }

    struct AppliesTo: Sendable {
        var principals: [WrittenName]
        var resources: [WrittenName]
        var context: WrittenType
    }

    let id: Text
    let range: SourceRange
    let memberOf: [Reference]
    let appliesTo: AppliesTo?
    let annotations: [Annotation]
}

/// A name where it was written, complete or not.
struct WrittenName: Sendable {
    let name: String
    let range: SourceRange
}

/// A type as it was written.
struct WrittenType: Sendable {
    indirect enum Kind: Sendable {
        /// A name that stands for a type, and what it may stand for.
        case named(WrittenName, NameKind)
        /// A type that needs no name to be looked up.
        case given(CedarType)
        case set(WrittenType)
        case record([WrittenAttribute])
    }

    let kind: Kind
    let range: SourceRange

    init(_ kind: Kind, _ range: SourceRange) {
        self.kind = kind
        self.range = range
    }

    static func emptyRecord(_ range: SourceRange) -> WrittenType { WrittenType(.record([]), range) }
}

/// What a name in a type may stand for. The JSON form can say which; the other syntax leaves it open.
enum NameKind: Sendable {
    case commonOrEntity, common, entity, `extension`
}

/// One attribute of a record as it was written.
struct WrittenAttribute: Sendable {
    let name: Text
    let isRequired: Bool
    let type: WrittenType
    let range: SourceRange
}
