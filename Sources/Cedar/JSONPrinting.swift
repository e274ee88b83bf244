extension JSON: CustomStringConvertible {
    /// The value as JSON text in one line.
    public var description: String {
        var text = ""
        write(into: &text)
        return text
    }

    private func write(into text: inout String) {
        switch kind {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let written): text += written
        case .string(let string): Self.write(string, into: &text)
        case .array(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.write(into: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                Self.write(member.name, into: &text)
                text += ":"
                member.value.write(into: &text)
            }
            text += "}"
        }
    }

    private static func write(_ string: Text, into text: inout String) {
        text += "\""
        for scalar in string.string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    static func object(_ members: (Text, JSON)...) -> JSON {
        JSON(.object(members.map { Member(name: $0.0, value: $0.1) }))
    }

    static func string(_ text: String) -> JSON { JSON(.string(Text(text))) }
}

extension EntityUID {
    /// `{"type": …, "id": …}`
    public var json: JSON { .object(("type", .string(type.name)), ("id", JSON(.string(id)))) }
}

extension Value {
    /// The value in the JSON form that entities and contexts have, with escapes for what JSON has no form for.
    public var json: JSON {
        func call(_ function: String, _ argument: String) -> JSON {
            .object(("__extn", .object(("fn", .string(function)), ("arg", .string(argument)))))
        }
        switch self {
        case .bool(let value): return JSON(.bool(value))
        case .long(let value): return JSON(.integer(value))
        case .string(let text): return JSON(.string(text))
        case .entity(let uid): return .object(("__entity", uid.json))
        case .set(let set): return JSON(.array(set.elements.map(\.json)))
        case .record(let record):
            return JSON(.object(record.fields.map { JSON.Member(name: $0.name, value: $0.value.json) }))
        case .address(let range): return call("ip", range.description)
        case .decimal(let decimal): return call("decimal", decimal.description)
        case .duration(let span): return call("duration", span.description)
        case .datetime(let moment):
            let start = call("datetime", "1970-01-01")
            let span = call("duration", "\(moment.milliseconds)ms")
            return .object(("__extn", .object(("fn", .string("offset")), ("args", JSON(.array([start, span]))))))
        }
    }
}
