/// Functions and methods of the extension types.
extension EvaluationRun {
    mutating func call(
        _ function: ExtensionFunction, _ arguments: [Expression], _ range: SourceRange
    ) throws(EvaluationError) -> Value {
        guard arguments.count == function.argumentCount else {
            throw EvaluationError(.wrongArgumentCount(function, found: arguments.count - (function.isConstructor ? 0 : 1)), range)
        }
        let first = try value(arguments[0])
        if function.isConstructor {
            guard case .string(let text) = first else { throw wrongKind("a string", first, arguments[0]) }
            guard let value = Value(function, text) else { throw EvaluationError(.unreadable(function, text), range) }
            return value
        }
        if arguments.count == 2 {
            let second = try value(arguments[1])
            return try binaryMethod(function, first, second, arguments, range)
        }
        return try unaryMethod(function, first, arguments[0], range)
    }

    private func binaryMethod(
        _ function: ExtensionFunction, _ first: Value, _ second: Value, _ arguments: [Expression], _ range: SourceRange
    ) throws(EvaluationError) -> Value {
        switch function {
        case .isInRange:
            guard case .address(let a) = first else { throw wrongKind("an IP address", first, arguments[0]) }
            guard case .address(let b) = second else { throw wrongKind("an IP address", second, arguments[1]) }
            return .bool(a.isWithin(b))
        case .offset:
            guard case .datetime(let a) = first else { throw wrongKind("a datetime", first, arguments[0]) }
            guard case .duration(let b) = second else { throw wrongKind("a duration", second, arguments[1]) }
            guard let moment = a.offset(by: b) else { throw EvaluationError(.overflow("a datetime's offset"), range) }
            return .datetime(moment)
        case .durationSince:
            guard case .datetime(let a) = first else { throw wrongKind("a datetime", first, arguments[0]) }
            guard case .datetime(let b) = second else { throw wrongKind("a datetime", second, arguments[1]) }
            guard let span = a.since(b) else { throw EvaluationError(.overflow("the time between two datetimes"), range) }
            return .duration(span)
        default:
            guard case .decimal(let a) = first else { throw wrongKind("a decimal", first, arguments[0]) }
            guard case .decimal(let b) = second else { throw wrongKind("a decimal", second, arguments[1]) }
            switch function {
            case .lessThan: return .bool(a < b)
            case .lessThanOrEqual: return .bool(a <= b)
            case .greaterThan: return .bool(a > b)
            default: return .bool(a >= b)
            }
        }
    }

    private func unaryMethod(
        _ function: ExtensionFunction, _ first: Value, _ argument: Expression, _ range: SourceRange
    ) throws(EvaluationError) -> Value {
        switch function {
        case .isIpv4, .isIpv6, .isLoopback, .isMulticast:
            guard case .address(let address) = first else { throw wrongKind("an IP address", first, argument) }
            switch function {
            case .isIpv4: return .bool(!address.isV6)
            case .isIpv6: return .bool(address.isV6)
            case .isLoopback: return .bool(address.isLoopback)
            default: return .bool(address.isMulticast)
            }
        case .toDate, .toTime:
            guard case .datetime(let moment) = first else { throw wrongKind("a datetime", first, argument) }
            if function == .toTime { return .duration(moment.time) }
            guard let date = moment.date else { throw EvaluationError(.overflow("a datetime's date"), range) }
            return .datetime(date)
        default:
            guard case .duration(let span) = first else { throw wrongKind("a duration", first, argument) }
            switch function {
            case .toSeconds: return .long(span.milliseconds / 1000)
            case .toMinutes: return .long(span.milliseconds / 60_000)
            case .toHours: return .long(span.milliseconds / 3_600_000)
            case .toDays: return .long(span.milliseconds / DateTime.dayMilliseconds)
            default: return .long(span.milliseconds)
            }
        }
    }
}

extension Value {
    /// What a constructor makes of a string; nil when it cannot read it, or when the function is a method.
    init?(_ constructor: ExtensionFunction, _ text: Text) {
        switch constructor {
        case .ip:
            guard let value = IPRange(text.string) else { return nil }
            self = .address(value)
        case .decimal:
            guard let value = FixedDecimal(text.string) else { return nil }
            self = .decimal(value)
        case .datetime:
            guard let value = DateTime(text.string) else { return nil }
            self = .datetime(value)
        case .duration:
            guard let value = TimeSpan(text.string) else { return nil }
            self = .duration(value)
        default: return nil
        }
    }
}
