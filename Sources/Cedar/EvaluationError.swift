/// Why an expression has no value. The policy's author can prevent it, by a `has` or by checking against a schema; trying the same
/// request again changes nothing.
public struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// What an operation takes, in words, and what it was given.
        case wrongKind(expected: String, found: String)
        case overflow(String)
        case noSuchEntity(EntityUID)
        /// The attribute's name, and what was asked for it.
        case noSuchAttribute(Text, of: String)
        case noSuchTag(Text, of: EntityUID)
        case wrongArgumentCount(ExtensionFunction, found: Int)
        /// A string that a constructor cannot read.
        case unreadable(ExtensionFunction, Text)
        case tooDeep
        case tooManySteps
    }

    public let kind: Kind
    /// The expression, in the source that its policy was read from.
    public let range: SourceRange

    public init(_ kind: Kind, _ range: SourceRange) {
        self.kind = kind
        self.range = range
    }

    public var description: String {
        switch kind {
        case .wrongKind(let expected, let found): "expected \(expected), found \(found)"
        case .overflow(let operation): "\(operation) does not fit into 64 bits"
        case .noSuchEntity(let uid): "\(uid) is unknown, so it has no attributes; guard the access with has"
        case .noSuchAttribute(let name, let owner):
            "\(owner) has no attribute \(quoted(name)); guard the access with has"
        case .noSuchTag(let name, let uid): "\(uid) has no tag \(quoted(name)); guard the access with hasTag"
        case .wrongArgumentCount(let function, let found):
            "\(function.rawValue) takes \(function.argumentCount - (function.isConstructor ? 0 : 1)) arguments, found \(found)"
        case .unreadable(let function, let text):
            "\(function.rawValue) cannot read \(quoted(Text(String(text.string.prefix(Limits.quotedCharacters)))))"
        case .tooDeep: "the expression nests deeper than \(Limits.expressionDepth) levels"
        case .tooManySteps: "the evaluation takes over \(Limits.evaluationSteps) steps"
        }
    }
}
