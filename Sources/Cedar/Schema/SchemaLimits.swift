/// How much of a schema and of checking against one the engine takes. Past a limit there is an error, never a trap.
extension Limits {
    /// Common types, entity types and actions of one schema, together.
    public static let schemaDeclarations = 20_000
    /// How deep the types of a schema may nest, with common types put in place.
    public static let typeDepth = 100
    /// Places in one type, with common types put in place. Thirty common types, each a pair of the one before, would have 10⁹.
    public static let typeSize = 20_000
    /// How many common types may name each other in a row.
    public static let commonTypeChain = 200
    /// Steps that finding all ancestors of a schema's entity types and actions may take.
    public static let hierarchySteps = 1_000_000
    /// Steps that checking one set of policies may take: expressions visited and parts of types compared, over all environments.
    public static let validationSteps = 10_000_000
    /// How many findings of one set of policies are kept: the first ones matter.
    public static let findings = 1_000
}

/// A message that quotes a text of whatever length.
func shortened(_ message: String) -> String {
    let longest = Limits.quotedCharacters * 8
    return message.utf8.count <= longest ? message : message.prefix(longest) + "…"
}
