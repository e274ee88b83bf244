import Cedar

/// What is left of an expression once caller, operation, model and endpoint are known: a question about the call's labels alone.
struct Residue {
    /// Knows everything but the labels.
    let evaluator: Evaluator

    /// The same value as the expression, or an error where it errs, for all labels.
    func of(_ expression: Expression) -> Expression {
        guard expression.origins.contains(.labels) else { return constant(expression) }
        switch expression.kind {
        case .and(let all): return chain(all, stopsAt: false, expression)
        case .or(let all): return chain(all, stopsAt: true, expression)
        case .conditional(let condition, let then, let otherwise):
            let asked = of(condition)
            guard asked.origins.isEmpty else {
                return Expression(.conditional(asked, then: of(then), otherwise: of(otherwise)), range: expression.range)
            }
            if case .bool(let holds) = asked.kind { return of(holds ? then : otherwise) }
            return .erring(expression.range)
        default:
            let children = expression.kind.children
            guard !children.isEmpty else { return expression }
            let rebuilt = Expression(expression.kind.replacing(children.map(of)), range: expression.range)
            return rebuilt.origins.isEmpty ? constant(rebuilt) : rebuilt
        }
    }

    /// `&&` stops at false, `||` at true; what stands behind is never asked, and neither is what is known to let the chain go on.
    private func chain(_ all: [Expression], stopsAt stop: Bool, _ expression: Expression) -> Expression {
        var kept: [Expression] = []
        for operand in all {
            let rest = of(operand)
            if rest.kind == Expression.Kind.bool(!stop) { continue }
            kept.append(rest)
            if rest.origins.isEmpty { break }
        }
        guard let first = kept.first else { return Expression(.bool(!stop), range: expression.range) }
        if kept.count == 1 { return first }
        return Expression(stop ? .or(kept) : .and(kept), range: expression.range)
    }

    private func constant(_ expression: Expression) -> Expression {
        do throws(EvaluationError) { return Expression(value: try evaluator.value(expression), range: expression.range) } catch {
            return .erring(expression.range)
        }
    }
}

extension Expression {
    /// One that always errs.
    static func erring(_ range: SourceRange) -> Expression {
        Expression(.attribute(Expression(.record([])), "unknown"), range: range)
    }

    /// A value as an expression that comes to it.
    init(value: Value, range: SourceRange) {
        func text(_ string: String) -> Expression { Expression(.string(Text(string))) }
        let kind: Kind =
            switch value {
            case .bool(let value): .bool(value)
            case .long(let value): .long(value)
            case .string(let text): .string(text)
            case .entity(let uid): .entity(uid)
            case .set(let set): .set(set.elements.map { Expression(value: $0, range: range) })
            case .record(let record):
                .record(record.fields.map { RecordField(name: $0.name, value: Expression(value: $0.value, range: range)) })
            case .address(let address): .call(.ip, [text("\(address)")])
            case .decimal(let decimal): .call(.decimal, [text("\(decimal)")])
            case .duration(let span): .call(.duration, [text("\(span)")])
            case .datetime(let moment):
                .call(
                    .offset,
                    [
                        Expression(.call(.datetime, [text("1970-01-01")])),
                        Expression(.call(.duration, [text("\(moment.milliseconds)ms")])),
                    ])
            }
        self.init(kind, range: range)
    }
}

extension Expression.Kind {
    /// The same form over other parts, as many as `children` has.
    fileprivate func replacing(_ parts: [Expression]) -> Expression.Kind {
        switch self {
        case .bool, .long, .string, .entity, .variable: self
        case .conditional: .conditional(parts[0], then: parts[1], otherwise: parts[2])
        case .and: .and(parts)
        case .or: .or(parts)
        case .set: .set(parts)
        case .call(let function, _): .call(function, parts)
        case .not: .not(parts[0])
        case .negate: .negate(parts[0])
        case .isEmpty: .isEmpty(parts[0])
        // The context stays what it is: its fields are what labels are read by.
        case .attribute(_, let name): .attribute(parts[0], name)
        case .has(_, let names): .has(parts[0], names)
        case .like(_, let pattern): .like(parts[0], pattern)
        case .binary(let operation, _, _): .binary(operation, parts[0], parts[1])
        case .isType(_, let type, let group): .isType(parts[0], type, in: group.map { _ in parts[1] })
        case .record(let fields): .record(zip(fields, parts).map { RecordField(name: $0.name, value: $1) })
        }
    }
}
