/// Expressions from their JSON form: an object with one member, whose name says which form it is.
struct ExpressionJSONReader {
    let values: ValueReader

    func expression(_ json: JSON) throws(Diagnostic) -> Expression {
        guard let members = json.members, members.count == 1 else {
            throw values.failure(
                json, "an expression is an object with one member", hint: "write {\"Var\": \"principal\"}, for example")
        }
        let name = members[0].name.string
        let inside = members[0].value
        let result = Expression(try kind(name, inside), range: json.range)
        guard result.height <= Limits.expressionDepth else {
            throw values.failure(
                json, "the expression nests deeper than \(Limits.expressionDepth) levels",
                hint: "divide the condition over several when clauses or policies")
        }
        return result
    }

    private func kind(_ name: String, _ json: JSON) throws(Diagnostic) -> Expression.Kind {
        switch name {
        case "Value": return try literal(try values.value(json, nil), json).kind
        case "Var":
            guard let variable = json.text.flatMap({ Variable(rawValue: $0.string) }) else {
                throw values.failure(json, "a variable is principal, action, resource or context", hint: "write one of them")
            }
            return .variable(variable)
        case "Slot": throw values.failure(json, "a slot stands only in a scope", hint: "use Var in conditions")
        case "!": return .not(try argument(json))
        case "neg": return .negate(try argument(json))
        case "isEmpty": return .isEmpty(try argument(json))
        case "&&": return .and(try chain(json) { if case .and(let all) = $0 { all } else { nil } })
        case "||": return .or(try chain(json) { if case .or(let all) = $0 { all } else { nil } })
        case ".": return .attribute(try part("left", json), try text("attr", json))
        case "has": return .has(try part("left", json), [try text("attr", json)])
        case "like": return .like(try part("left", json), try pattern(json))
        case "is":
            var group: Expression?
            if let inside = json["in"] { group = try expression(inside) }
            return .isType(try part("left", json), try entityType(json["entity_type"], in: json), in: group)
        case "if-then-else":
            return .conditional(try part("if", json), then: try part("then", json), otherwise: try part("else", json))
        case "Set": return .set(try list(json))
        case "Record":
            var fields: [RecordField] = []
            for member in json.members ?? [] {
                fields.append(RecordField(name: member.name, value: try expression(member.value)))
            }
            return .record(fields)
        default: return try operation(name, json)
        }
    }

    private func operation(_ name: String, _ json: JSON) throws(Diagnostic) -> Expression.Kind {
        if let operation = BinaryOperator(rawValue: name) {
            return .binary(operation, try part("left", json), try part("right", json))
        }
        guard let function = ExtensionFunction(rawValue: name) else {
            throw values.failure(
                json, "there is no form of expressions called \(quoted(Text(name)))",
                hint: nearest(name, ExtensionFunction.allCases.map(\.rawValue) + BinaryOperator.allCases.map(\.rawValue))
                    .map { "did you mean \($0)?" } ?? "the forms are Value, Var, Set, Record, operators and functions")
        }
        let arguments = try list(json)
        guard function.isConstructor || !arguments.isEmpty else {
            throw values.failure(json, "a method wants the value it is called on", hint: "as the first of its arguments")
        }
        return .call(function, arguments)
    }

    /// What a value is as an expression.
    private func literal(_ value: Value, _ json: JSON) throws(Diagnostic) -> Expression {
        switch value {
        case .bool(let value): return Expression(.bool(value), range: json.range)
        case .long(let value): return Expression(.long(value), range: json.range)
        case .string(let value): return Expression(.string(value), range: json.range)
        case .entity(let value): return Expression(.entity(value), range: json.range)
        case .set(let set):
            var elements: [Expression] = []
            for element in set.elements { elements.append(try literal(element, json)) }
            return Expression(.set(elements), range: json.range)
        case .record(let record):
            var fields: [RecordField] = []
            for field in record.fields { fields.append(RecordField(name: field.name, value: try literal(field.value, json))) }
            return Expression(.record(fields), range: json.range)
        case .address, .decimal, .datetime, .duration:
            // Their descriptions are calls that make them.
            do throws(Diagnostics) {
                return try Expression.parse(Source(name: values.source.name, text: value.description))
            } catch {
                throw values.failure(json, "this value cannot stand in a policy", hint: "write a call of its function")
            }
        }
    }

    /// The text form has chains; here they are pairs, the left one of which may be a chain again.
    private func chain(
        _ json: JSON, _ inside: (Expression.Kind) -> [Expression]?
    ) throws(Diagnostic) -> [Expression] {
        let left = try part("left", json)
        return (inside(left.kind) ?? [left]) + [try part("right", json)]
    }

    private func argument(_ json: JSON) throws(Diagnostic) -> Expression { try part("arg", json) }

    private func part(_ name: Text, _ json: JSON) throws(Diagnostic) -> Expression {
        guard let part = json[name] else { throw values.failure(json, "\(name) is missing", hint: "it holds an expression") }
        return try expression(part)
    }

    private func text(_ name: Text, _ json: JSON) throws(Diagnostic) -> Text {
        guard let text = json[name]?.text else { throw values.failure(json, "\(name) is missing", hint: "it holds a string") }
        return text
    }

    private func list(_ json: JSON) throws(Diagnostic) -> [Expression] {
        guard let elements = json.elements else {
            throw values.failure(json, "expected an array of expressions, found \(json.kindName)", hint: "write [ … ]")
        }
        var expressions: [Expression] = []
        for element in elements { expressions.append(try expression(element)) }
        return expressions
    }

    /// An array of `"Wildcard"` and `{"Literal": "…"}`; older files have the text of a pattern instead.
    private func pattern(_ json: JSON) throws(Diagnostic) -> Pattern {
        guard let elements = json["pattern"]?.elements else {
            throw values.failure(json, "like wants a pattern, an array", hint: "write [\"Wildcard\", {\"Literal\": \"a\"}]")
        }
        var pattern: [Pattern.Element] = []
        for element in elements {
            if element.text == "Wildcard" {
                pattern.append(.wildcard)
            } else if let literal = element["Literal"]?.text {
                pattern += literal.string.unicodeScalars.map(Pattern.Element.scalar)
            } else {
                throw values.failure(element, "a pattern holds \"Wildcard\" and {\"Literal\": …} only", hint: "write one of them")
            }
        }
        return Pattern(pattern)
    }

    func entityType(_ json: JSON?, in owner: JSON) throws(Diagnostic) -> EntityType {
        guard let type = json?.text.flatMap({ EntityType($0.string) }) else {
            throw values.failure(
                json ?? owner, "is wants entity_type, the name of a type", hint: "write \"entity_type\": \"User\"")
        }
        return type
    }
}
