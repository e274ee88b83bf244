/// Reads policies: recursive descent over the tokens, one token ahead. After a mistake it goes on behind the next semicolon, so
/// that one reading names the mistakes of several policies.
struct Parser {
    let source: Source
    let bytes: [UInt8]
    let tokens: [Token]
    var index = 0
    /// How many parentheses, brackets, braces and ifs are open.
    var depth = 0

    init(_ source: Source) throws(Diagnostics) {
        self.source = source
        tokens = try Lexer.tokens(source)
        bytes = Array(source.text.utf8)
    }

    /// All policies and templates of a text.
    static func policies(_ source: Source, naming: PolicySet.Naming) throws(Diagnostics) -> [Policy] {
        var parser = try Parser(source)
        var policies: [Policy] = []
        var problems: [Diagnostic] = []
        var count = 0
        while parser.token.kind != .end, problems.count < Limits.diagnostics {
            do throws(Diagnostic) {
                policies.append(try parser.policy(position: count, naming: naming))
            } catch {
                problems.append(error)
                parser.skipPolicy()
            }
            count += 1
        }
        if let diagnostics = Diagnostics(problems) { throw diagnostics }
        return policies
    }

    /// One expression that is the whole of a text.
    static func expression(_ source: Source) throws(Diagnostics) -> Expression {
        var parser = try Parser(source)
        do throws(Diagnostic) {
            let expression = try parser.expression()
            try parser.expect(.end, "after the end of the expression")
            return expression
        } catch {
            throw Diagnostics(error)
        }
    }

    // MARK: Tokens

    var token: Token { tokens[index] }

    func kind(ahead: Int) -> Token.Kind { tokens[min(index + ahead, tokens.count - 1)].kind }

    mutating func advance() { if index < tokens.count - 1 { index += 1 } }

    mutating func accept(_ kind: Token.Kind) -> Bool {
        guard token.kind == kind else { return false }
        advance()
        return true
    }

    @discardableResult
    mutating func expect(_ kind: Token.Kind, _ place: String) throws(Diagnostic) -> Token {
        let found = token
        guard found.kind == kind else { throw unexpected("expected \(name(of: kind)) \(place)") }
        advance()
        return found
    }

    /// The word at a token, for an identifier.
    func word(_ token: Token) -> String { String(decoding: bytes[token.range.start..<token.range.end], as: UTF8.self) }

    func isWord(_ word: StaticString, ahead: Int = 0) -> Bool {
        let token = tokens[min(index + ahead, tokens.count - 1)]
        guard token.kind == .identifier else { return false }
        return word.withUTF8Buffer { $0.elementsEqual(bytes[token.range.start..<token.range.end]) }
    }

    mutating func acceptWord(_ word: StaticString) -> Bool {
        guard isWord(word) else { return false }
        advance()
        return true
    }

    func failure(_ range: SourceRange, _ message: String, hint: String) -> Diagnostic {
        source.diagnostic(range, message, hint: hint)
    }

    func unexpected(_ message: String, hint: String = "") -> Diagnostic {
        let found = token.kind == .end ? "the end of the text" : source.quote(token.range)
        return failure(
            token.range, "\(message), found \(found)",
            hint: hint.isEmpty ? "look for a missing parenthesis, quote or semicolon before this place" : hint)
    }

    /// What a token looks like, for messages.
    private func name(of kind: Token.Kind) -> String {
        switch kind {
        case .identifier: "a name"
        case .number: "a number"
        case .string: "a string"
        case .slot: "a slot"
        case .leftParenthesis: "("
        case .rightParenthesis: ")"
        case .leftBrace: "{"
        case .rightBrace: "}"
        case .leftBracket: "["
        case .rightBracket: "]"
        case .comma: "a comma"
        case .semicolon: "a semicolon"
        case .colon: "a colon"
        case .doubleColon: "::"
        case .end: "nothing more"
        default: "\(kind)"
        }
    }

    private mutating func skipPolicy() {
        depth = 0
        while token.kind != .end, token.kind != .semicolon { advance() }
        _ = accept(.semicolon)
    }

    // MARK: Policies

    private mutating func policy(position: Int, naming: PolicySet.Naming) throws(Diagnostic) -> Policy {
        let start = token.range
        let annotations = try annotations()
        let effect = try effect()
        try expect(.leftParenthesis, "after \(effect.rawValue)")
        let principal = try scope(.principal, .principal)
        try expectComma(before: .action)
        let action = try actionScope()
        try expectComma(before: .resource)
        let resource = try scope(.resource, .resource)
        _ = accept(.comma)
        guard token.kind == .rightParenthesis else {
            throw unexpected(
                "the scope does not end here",
                hint: "a scope compares principal, action and resource with entities only; everything else goes into when { … }")
        }
        advance()
        let conditions = try conditions()
        guard token.kind == .semicolon else {
            throw unexpected("expected when, unless or a semicolon", hint: "every policy ends with a semicolon")
        }
        let range = start.through(token.range)
        advance()
        var id = Text("policy\(position)")
        if naming == .annotation, let own = annotations.first(where: { $0.name == "id" })?.value { id = own }
        return Policy(
            id: id, effect: effect, annotations: annotations, principal: principal, action: action, resource: resource,
            conditions: conditions, range: range)
    }

    mutating func annotations() throws(Diagnostic) -> [Annotation] {
        var annotations: [Annotation] = []
        while accept(.at) {
            let key = try expect(.identifier, "after @")
            let name = word(key)
            guard !annotations.contains(where: { $0.name == name }) else {
                throw failure(key.range, "the annotation @\(name) stands twice", hint: "keep one of the two")
            }
            var value: Text?
            if accept(.leftParenthesis) {
                let literal = try expect(.string, "as the value of @\(name)")
                value = try Escapes.string(literal.range, in: source, bytes: bytes)
                try expect(.rightParenthesis, "after the value of @\(name)")
            }
            annotations.append(Annotation(name: name, value: value))
        }
        return annotations
    }

    private mutating func effect() throws(Diagnostic) -> Effect {
        if acceptWord("permit") { return .permit }
        if acceptWord("forbid") { return .forbid }
        throw unexpected("a policy begins with permit or forbid", hint: "write permit (principal, action, resource);")
    }

    private mutating func expectComma(before variable: Variable) throws(Diagnostic) {
        guard accept(.comma) else {
            throw unexpected(
                "expected a comma and \(variable.rawValue)",
                hint: "a scope names principal, action and resource, in this order, and compares each with entities only")
        }
    }

    private mutating func scopeVariable(_ variable: Variable) throws(Diagnostic) {
        guard token.kind == .identifier, word(token) == variable.rawValue else {
            throw unexpected(
                "expected \(variable.rawValue)", hint: "a scope names principal, action and resource, in this order")
        }
        advance()
        if token.kind == .colon {
            throw unexpected("a scope takes no type after a colon", hint: "write \(variable.rawValue) is Type")
        }
    }

    private mutating func scope(_ variable: Variable, _ slot: Slot) throws(Diagnostic) -> ScopeConstraint {
        try scopeVariable(variable)
        if acceptWord("is") {
            let type = try entityType()
            if acceptWord("in") { return .isTypeWithin(type, try reference(slot)) }
            if token.kind == .equalEqual {
                throw unexpected("is and == cannot stand together in a scope", hint: "an entity has one type: leave out the is")
            }
            return .isType(type)
        }
        if acceptWord("in") { return .within(try reference(slot)) }
        if accept(.equalEqual) { return .equal(try reference(slot)) }
        try refuseOtherOperator(variable)
        return .any
    }

    private mutating func actionScope() throws(Diagnostic) -> ActionConstraint {
        try scopeVariable(.action)
        if isWord("is") {
            throw unexpected("an action's scope knows no is", hint: "write action == … or action in [ … ]")
        }
        if accept(.equalEqual) { return .equal(try actionEntity()) }
        if acceptWord("in") { return .within(try actionList()) }
        try refuseOtherOperator(.action)
        return .any
    }

    private func refuseOtherOperator(_ variable: Variable) throws(Diagnostic) {
        switch token.kind {
        case .equal: throw unexpected("a single = compares nothing", hint: "write ==")
        case .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual:
            throw unexpected(
                "a scope compares with ==, in and is only",
                hint: "write when { \(variable.rawValue) \(source.quote(token.range)) … }")
        default: return
        }
    }

    /// An entity or the scope's slot, in parentheses or not.
    private mutating func reference(_ slot: Slot) throws(Diagnostic) -> EntityReference {
        if token.kind == .leftParenthesis {
            return try nested { parser throws(Diagnostic) in
                parser.advance()
                let inner = try parser.reference(slot)
                try parser.expect(.rightParenthesis, "after an entity")
                return inner
            }
        }
        if token.kind == .slot {
            guard word(token) == slot.rawValue else {
                throw unexpected("only \(slot.rawValue) can stand here", hint: "each slot stands with the variable of its name")
            }
            advance()
            return .slot(slot)
        }
        return .entity(try entity())
    }

    private mutating func entity() throws(Diagnostic) -> EntityUID {
        guard token.kind == .identifier else {
            throw unexpected("expected an entity", hint: "an entity is written Type::\"id\"")
        }
        let name = try path()
        guard token.kind == .doubleColon else {
            throw unexpected("expected :: and the entity's id in quotes", hint: "an entity is written Type::\"id\"")
        }
        return try entity(after: name)
    }

    private mutating func actionEntity() throws(Diagnostic) -> EntityUID {
        if token.kind == .leftParenthesis {
            return try nested { parser throws(Diagnostic) in
                parser.advance()
                let inner = try parser.actionEntity()
                try parser.expect(.rightParenthesis, "after an entity")
                return inner
            }
        }
        if token.kind == .slot {
            throw unexpected("an action cannot be a slot", hint: "templates have ?principal and ?resource")
        }
        let range = token.range
        let entity = try entity()
        guard entity.type.isAction else {
            throw failure(
                range, "\(entity.type) is no type of actions",
                hint: "an action is written Action::\"…\", with its namespace before")
        }
        return entity
    }

    private mutating func actionList() throws(Diagnostic) -> [EntityUID] {
        if token.kind == .leftParenthesis {
            return try nested { parser throws(Diagnostic) in
                parser.advance()
                let inner = try parser.actionList()
                try parser.expect(.rightParenthesis, "after actions")
                return inner
            }
        }
        guard accept(.leftBracket) else { return [try actionEntity()] }
        var actions: [EntityUID] = []
        while !accept(.rightBracket) {
            actions.append(try actionEntity())
            guard token.kind == .rightBracket || accept(.comma) else { throw unexpected("expected a comma or ] in a list") }
        }
        return actions
    }

    private mutating func conditions() throws(Diagnostic) -> [Condition] {
        var conditions: [Condition] = []
        while token.kind == .identifier {
            guard let kind = Condition.Kind(rawValue: word(token)) else {
                throw unexpected("a condition begins with when or unless", hint: "and a policy ends with a semicolon")
            }
            advance()
            try expect(.leftBrace, "after \(kind.rawValue)")
            if token.kind == .rightBrace {
                throw unexpected(
                    "a \(kind.rawValue) holds no condition", hint: "write \(kind.rawValue) { true }, or leave it out")
            }
            conditions.append(Condition(kind, try expression()))
            try expect(.rightBrace, "at the end of \(kind.rawValue)")
        }
        return conditions
    }

    // MARK: Depth

    /// Reads something that nests, and refuses to nest deeper than the limit.
    mutating func nested<Result>(
        _ read: (inout Parser) throws(Diagnostic) -> Result
    ) throws(Diagnostic) -> Result {
        depth += 1
        guard depth <= Limits.expressionDepth else { throw tooDeep(token.range) }
        let result = try read(&self)
        depth -= 1
        return result
    }

    func tooDeep(_ range: SourceRange) -> Diagnostic {
        failure(
            range, "the expression nests deeper than \(Limits.expressionDepth) levels",
            hint: "divide the condition over several when clauses or policies")
    }
}
