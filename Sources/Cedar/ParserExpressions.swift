/// Expressions, from the loosest binding to the tightest: if, ||, &&, comparison, + -, *, ! -, access, primary.
extension Parser {
    mutating func expression() throws(Diagnostic) -> Expression {
        guard isWord("if") else { return try or() }
        return try nested { parser throws(Diagnostic) in
            let start = parser.token.range
            parser.advance()
            let condition = try parser.expression()
            try parser.expectKeyword("then")
            let then = try parser.expression()
            try parser.expectKeyword("else")
            let otherwise = try parser.expression()
            return try parser.node(.conditional(condition, then: then, otherwise: otherwise), start.through(otherwise.range))
        }
    }

    private mutating func expectKeyword(_ word: StaticString) throws(Diagnostic) {
        guard acceptWord(word) else { throw unexpected("expected \(word)", hint: "write if … then … else …, with all three") }
    }

    /// A node of the tree, unless the tree gets too high with it.
    private func node(_ kind: Expression.Kind, _ range: SourceRange) throws(Diagnostic) -> Expression {
        let expression = Expression(kind, range: range)
        guard expression.height <= Limits.expressionDepth else { throw tooDeep(range) }
        return expression
    }

    private mutating func or() throws(Diagnostic) -> Expression {
        let first = try and()
        guard token.kind == .or else { return first }
        var all = [first]
        while accept(.or) { all.append(try and()) }
        return try node(.or(all), first.range.through(all[all.count - 1].range))
    }

    private mutating func and() throws(Diagnostic) -> Expression {
        let first = try relation()
        guard token.kind == .and else { return first }
        var all = [first]
        while accept(.and) { all.append(try relation()) }
        return try node(.and(all), first.range.through(all[all.count - 1].range))
    }

    private mutating func relation() throws(Diagnostic) -> Expression {
        let left = try sum()
        let result: Expression
        if let comparison = comparison() {
            advance()
            let right = try sum()
            result = try node(.binary(comparison, left, right), left.range.through(right.range))
        } else if acceptWord("has") {
            let (names, range) = try attributePath()
            result = try node(.has(left, names), left.range.through(range))
        } else if acceptWord("like") {
            let literal = try patternLiteral()
            let pattern = try Escapes.pattern(literal.range, in: source, bytes: bytes)
            result = try node(.like(left, pattern), left.range.through(literal.range))
        } else if acceptWord("is") {
            let type = try entityType()
            let last = tokens[index - 1].range
            if acceptWord("in") {
                let group = try sum()
                result = try node(.isType(left, type, in: group), left.range.through(group.range))
            } else {
                result = try node(.isType(left, type, in: nil), left.range.through(last))
            }
        } else {
            if token.kind == .equal { throw unexpected("a single = compares nothing", hint: "write ==") }
            return left
        }
        if comparison() != nil || isWord("has") || isWord("like") || isWord("is") {
            throw unexpected("comparisons cannot be chained", hint: "put parentheses around one of them, or join them with &&")
        }
        return result
    }

    /// The comparison that begins at this token.
    private func comparison() -> BinaryOperator? {
        switch token.kind {
        case .equalEqual: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        case .identifier: isWord("in") ? .within : nil
        default: nil
        }
    }

    /// The right side of `has`: a name, names joined by dots, or one string.
    private mutating func attributePath() throws(Diagnostic) -> ([Text], SourceRange) {
        if token.kind == .string {
            let range = token.range
            let name = try stringLiteral()
            if token.kind == .dot {
                throw unexpected("a path after has is of names, not of strings", hint: "join several has with &&")
            }
            return ([name], range)
        }
        let start = token.range
        var names: [Text] = []
        repeat { names.append(Text(try attributeName("after has"))) } while accept(.dot)
        if token.kind == .leftParenthesis || token.kind == .leftBracket || token.kind == .doubleColon {
            throw unexpected("has takes a name, a path of names or a string", hint: "write a has b.c or a has \"b c\"")
        }
        return (names, start.through(tokens[index - 1].range))
    }

    private mutating func patternLiteral() throws(Diagnostic) -> Token {
        guard token.kind == .string else {
            throw unexpected("like wants a pattern in double quotes", hint: "write a like \"prefix*\"")
        }
        let literal = token
        advance()
        return literal
    }

    private mutating func sum() throws(Diagnostic) -> Expression {
        var left = try product()
        while token.kind == .plus || token.kind == .minus {
            let operation: BinaryOperator = token.kind == .plus ? .add : .subtract
            advance()
            let right = try product()
            left = try node(.binary(operation, left, right), left.range.through(right.range))
        }
        return left
    }

    private mutating func product() throws(Diagnostic) -> Expression {
        var left = try unary()
        while true {
            switch token.kind {
            case .star:
                advance()
                let right = try unary()
                left = try node(.binary(.multiply, left, right), left.range.through(right.range))
            case .slash, .percent:
                throw unexpected("the language has no division", hint: "multiply the other side instead")
            default: return left
            }
        }
    }

    /// At most four signs of one kind stand before a value, as in the language's own grammar.
    private mutating func unary() throws(Diagnostic) -> Expression {
        let start = token.range
        let sign = token.kind
        guard sign == .bang || sign == .minus else { return try member() }
        var count = 0
        while token.kind == sign {
            advance()
            count += 1
        }
        guard count <= 4 else {
            throw failure(start, "more than four signs stand before one value", hint: "two of them cancel each other out")
        }
        if token.kind == .bang || token.kind == .minus {
            throw unexpected("! and - cannot stand together", hint: "put parentheses around the inner one")
        }
        var value: Expression
        if sign == .minus, token.kind == .number, !beginsAccess(kind(ahead: 1)) {
            value = Expression(.long(try number(negative: true)), range: start.through(tokens[index - 1].range))
            count -= 1
        } else {
            value = try member()
        }
        for _ in 0..<count {
            value = try node(sign == .bang ? .not(value) : .negate(value), start.through(value.range))
        }
        return value
    }

    private func beginsAccess(_ kind: Token.Kind) -> Bool {
        kind == .dot || kind == .leftBracket || kind == .leftParenthesis
    }

    private mutating func number(negative: Bool) throws(Diagnostic) -> Int64 {
        let literal = token
        let digits = word(literal)
        guard let value = Int64(negative ? "-" + digits : digits) else {
            throw failure(
                literal.range, "the number \(source.quote(literal.range)) does not fit",
                hint: "whole numbers go from -9223372036854775808 to 9223372036854775807")
        }
        advance()
        return value
    }

    // MARK: Access

    private mutating func member() throws(Diagnostic) -> Expression {
        var value = try primary()
        while true {
            switch token.kind {
            case .dot:
                advance()
                value = try memberNamed(of: value)
            case .leftBracket:
                advance()
                guard token.kind == .string, kind(ahead: 1) == .rightBracket else {
                    throw unexpected("an index is one string in double quotes", hint: "write a[\"name\"]")
                }
                let name = try stringLiteral()
                let end = try expect(.rightBracket, "after an index")
                value = try node(.attribute(value, name), value.range.through(end.range))
            case .leftParenthesis:
                throw unexpected("only functions and methods can be called", hint: "write a.contains(b) or ip(\"…\")")
            default: return value
            }
        }
    }

    private mutating func memberNamed(of value: Expression) throws(Diagnostic) -> Expression {
        let place = token.range
        let name = try attributeName("after a point")
        guard token.kind == .leftParenthesis else {
            return try node(.attribute(value, Text(name)), value.range.through(place))
        }
        let (arguments, end) = try arguments()
        let range = value.range.through(end)
        if name == "isEmpty" {
            guard arguments.isEmpty else { throw wrongCount(name, 0, arguments.count, place) }
            return try node(.isEmpty(value), range)
        }
        if let operation = BinaryOperator(rawValue: name), operation.isMethod {
            guard arguments.count == 1 else { throw wrongCount(name, 1, arguments.count, place) }
            return try node(.binary(operation, value, arguments[0]), range)
        }
        guard let function = ExtensionFunction(rawValue: name) else {
            throw failure(
                place, "there is no method \(name)",
                hint: nearest(name, methodNames).map { "did you mean \($0)?" } ?? "an attribute is read without parentheses")
        }
        guard !function.isConstructor else {
            throw failure(place, "\(name) is a function, not a method", hint: "write \(name)(\"…\")")
        }
        return try node(.call(function, [value] + arguments), range)
    }

    private func wrongCount(_ name: String, _ wanted: Int, _ found: Int, _ range: SourceRange) -> Diagnostic {
        failure(
            range, "\(name) takes \(wanted == 0 ? "no argument" : "one argument"), found \(found)",
            hint: wanted == 0 ? "write a.\(name)()" : "write a.\(name)(b)")
    }

    private mutating func arguments() throws(Diagnostic) -> ([Expression], SourceRange) {
        try nested { parser throws(Diagnostic) in
            parser.advance()
            let arguments = try parser.list(until: .rightParenthesis)
            return (arguments, parser.tokens[parser.index - 1].range)
        }
    }

    /// Expressions with commas between, the last one may be trailing, and the token that closes them.
    private mutating func list(until close: Token.Kind) throws(Diagnostic) -> [Expression] {
        var all: [Expression] = []
        while !accept(close) {
            all.append(try expression())
            guard token.kind == close || accept(.comma) else { throw unexpected("expected a comma or the end of the list") }
        }
        return all
    }

    /// A name that stands without quotes as an attribute or method.
    private mutating func attributeName(_ place: String) throws(Diagnostic) -> String {
        let found = try expect(.identifier, place)
        let name = word(found)
        guard !Identifier.reserved.contains(name) else {
            throw failure(
                found.range, "\(name) is a word of the language", hint: "write it in quotes: a[\"\(name)\"], a has \"\(name)\"")
        }
        return name
    }

    mutating func stringLiteral() throws(Diagnostic) -> Text {
        let literal = try expect(.string, "here")
        return try Escapes.string(literal.range, in: source, bytes: bytes)
    }

    // MARK: Primaries

    private mutating func primary() throws(Diagnostic) -> Expression {
        let start = token
        switch start.kind {
        case .number: return Expression(.long(try number(negative: false)), range: start.range)
        case .string: return Expression(.string(try stringLiteral()), range: start.range)
        case .identifier: return try named()
        case .leftParenthesis:
            return try nested { parser throws(Diagnostic) in
                parser.advance()
                let inner = try parser.expression()
                let end = try parser.expect(.rightParenthesis, "after an expression")
                return Expression(inner.kind, range: start.range.through(end.range))
            }
        case .leftBracket:
            return try nested { parser throws(Diagnostic) in
                parser.advance()
                let elements = try parser.list(until: .rightBracket)
                return try parser.node(.set(elements), start.range.through(parser.tokens[parser.index - 1].range))
            }
        case .leftBrace: return try nested { parser throws(Diagnostic) in try parser.record() }
        case .slot:
            throw unexpected("a slot stands only in a scope", hint: "write principal or resource in conditions")
        default: throw unexpected("expected an expression")
        }
    }

    private mutating func record() throws(Diagnostic) -> Expression {
        let start = token.range
        advance()
        var fields: [RecordField] = []
        var names: Set<Text> = []
        while !accept(.rightBrace) {
            let place = token.range
            let name: Text
            if token.kind == .string {
                name = try stringLiteral()
            } else {
                guard token.kind == .identifier else {
                    throw unexpected("a field of a record begins with its name", hint: "write { name: value }")
                }
                name = Text(try attributeName("as a field's name"))
            }
            guard names.insert(name).inserted else {
                throw failure(place, "the field \(quoted(name)) stands twice", hint: "keep one of the two")
            }
            try expect(.colon, "after a field's name")
            fields.append(RecordField(name: name, value: try expression()))
            guard token.kind == .rightBrace || accept(.comma) else { throw unexpected("expected a comma or } in a record") }
        }
        return try node(.record(fields), start.through(tokens[index - 1].range))
    }

    /// What begins with a word: a literal, a variable, an entity or a function call.
    private mutating func named() throws(Diagnostic) -> Expression {
        let start = token.range
        if kind(ahead: 1) != .doubleColon {
            if acceptWord("true") { return Expression(.bool(true), range: start) }
            if acceptWord("false") { return Expression(.bool(false), range: start) }
            if isWord("if") {
                throw unexpected("an if inside of another expression stands in parentheses", hint: "write (if … then … else …)")
            }
            if kind(ahead: 1) != .leftParenthesis, let variable = Variable(rawValue: word(token)) {
                advance()
                return Expression(.variable(variable), range: start)
            }
        }
        let name = try path()
        if token.kind == .doubleColon {
            let entity = try entity(after: name)
            return Expression(.entity(entity), range: start.through(tokens[index - 1].range))
        }
        let whole = start.through(tokens[index - 1].range)
        let joined = name.joined(separator: "::")
        guard token.kind == .leftParenthesis else {
            throw failure(
                whole, "\(joined) is nothing that has a value",
                hint: nearest(joined, Variable.allCases.map(\.rawValue)).map { "did you mean \($0)?" }
                    ?? "variables are principal, action, resource and context; strings stand in double quotes")
        }
        guard let function = ExtensionFunction(rawValue: joined) else {
            throw failure(
                whole, "there is no function \(joined)",
                hint: nearest(joined, constructorNames).map { "did you mean \($0)?" }
                    ?? "functions are ip, decimal, datetime and duration")
        }
        guard function.isConstructor else {
            throw failure(whole, "\(joined) is a method, not a function", hint: "write a.\(joined)(…)")
        }
        let (arguments, end) = try arguments()
        return try node(.call(function, arguments), start.through(end))
    }

    /// Identifiers joined by `::`, up to the last one that is followed by no other identifier.
    mutating func path() throws(Diagnostic) -> [String] {
        var parts = [try pathPart()]
        while token.kind == .doubleColon, kind(ahead: 1) == .identifier {
            advance()
            parts.append(try pathPart())
        }
        return parts
    }

    private mutating func pathPart() throws(Diagnostic) -> String {
        let found = try expect(.identifier, "as a part of a name")
        let part = word(found)
        guard !Identifier.reserved.contains(part) else {
            throw failure(found.range, "\(part) is a word of the language", hint: "choose another name")
        }
        guard part != Identifier.internalNamespace else {
            throw failure(found.range, "\(part) is a name that the language keeps for itself", hint: "choose another name")
        }
        return part
    }

    mutating func entityType() throws(Diagnostic) -> EntityType {
        guard token.kind == .identifier else {
            throw unexpected("is wants the name of an entity type", hint: "write principal is User, without quotes")
        }
        let type = EntityType(checked: try path())
        if token.kind == .doubleColon {
            throw unexpected("is wants a type, not an entity", hint: "write ==, or leave out the id")
        }
        return type
    }

    /// The entity of a type whose name was read, standing at its last `::`.
    mutating func entity(after name: [String]) throws(Diagnostic) -> EntityUID {
        try expect(.doubleColon, "before an entity's id")
        guard token.kind == .string else {
            throw unexpected("an entity's id stands in double quotes", hint: "an entity is written Type::\"id\"")
        }
        return EntityUID(EntityType(checked: name), try stringLiteral())
    }
}

private let constructorNames = ExtensionFunction.allCases.filter(\.isConstructor).map(\.rawValue)
private let methodNames =
    ["isEmpty"] + BinaryOperator.allCases.filter(\.isMethod).map(\.rawValue)
    + ExtensionFunction.allCases.filter { !$0.isConstructor }.map(\.rawValue)
