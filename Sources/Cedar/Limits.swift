/// How much of anything the engine takes. Past a limit there is an error with a position, never a trap.
public enum Limits {
    /// Bytes of one policy, schema or entity text.
    public static let sourceBytes = 8 << 20
    /// How deep expressions, parentheses, sets and records may nest. Chains of `&&` and of `||` are flat and do not count.
    public static let expressionDepth = 200
    /// How deep JSON may nest. The JSON form of an expression needs up to three levels for one of the expression's.
    public static let jsonDepth = 640
    /// How many diagnostics of one text are kept: the first ones matter.
    public static let diagnostics = 20
    /// Characters of a value that an error's message quotes.
    public static let quotedCharacters = 60
    /// Pairs of entity and ancestor in one store of entities.
    public static let ancestors = 1_000_000
    /// Steps that one evaluation may take: nodes visited and elements compared.
    public static let evaluationSteps = 1_000_000
}
