import Wire

/// A part of an answer that a stream tells in pieces: texts are joined, lists are joined, objects grow member by member, and anything else is as
/// it was last told. Members that nobody knows are kept too.
enum Growing: Sendable {
    case value(JSON)
    case text(String)
    case list([JSON])
    case object(GrowingObject)
    /// Calls of tools, by the source's own numbers of them.
    case calls([(index: Int64, call: GrowingObject)])
    /// While it grows, so that what it holds has one owner and grows in place.
    case growing

    /// Members whose first word stands, since it is told once or again in every piece.
    private static func isLabel(_ key: String) -> Bool {
        switch key {
        case "role", "id", "type", "name", "status", "index", "signature": true
        default: false
        }
    }

    init(_ key: String, _ json: JSON) {
        self = .value(.null)
        add(key, json)
    }

    mutating func add(_ key: String, _ more: JSON) {
        guard more != .null else { return }
        var was = Growing.growing
        swap(&was, &self)
        switch (consume was, more) {
        case (.text(var text), .string(let piece)):
            if Self.isLabel(key) { if text.isEmpty { text = piece } } else { text += piece }
            self = .text(text)
        case (.list(var list), .array(let items)):
            for item in items { list.join(item) }
            self = .list(list)
        case (.object(var object), .object(let members)):
            object.add(members)
            self = .object(object)
        case (.calls(var calls), .array(let items)):
            calls.add(items)
            self = .calls(calls)
        case (_, .string(let text)): self = .text(text)
        case (_, .array(let items)) where key == "tool_calls":
            var calls: [(index: Int64, call: GrowingObject)] = []
            calls.add(items)
            self = .calls(calls)
        case (_, .array(let items)): self = .list(items)
        case (_, .object(let members)): self = .object(GrowingObject(members))
        case (_, let value): self = .value(value)
        }
    }

    var json: JSON {
        switch self {
        case .value(let value): value
        case .text(let text): .string(text)
        case .list(let items): .array(items)
        case .object(let object): object.json
        case .calls(let calls): .array(calls.sorted { $0.index < $1.index }.map(\.call.call))
        case .growing: .null
        }
    }
}

struct GrowingObject: Sendable {
    private(set) var keys: [String] = []
    private var values: [Growing] = []

    init(_ members: [JSON.Member] = []) { add(members) }

    mutating func add(_ members: [JSON.Member]) { for member in members { add(member.key, member.value) } }

    mutating func add(_ key: String, _ value: JSON) {
        if let index = keys.firstIndex(of: key) { return values[index].add(key, value) }
        keys.append(key)
        values.append(Growing(key, value))
    }

    /// What is told anew stands in the place of what was told before.
    mutating func set(_ key: String, _ value: JSON) {
        if let index = keys.firstIndex(of: key) { return values[index] = .value(value) }
        keys.append(key)
        values.append(.value(value))
    }

    subscript(key: String) -> JSON? { keys.firstIndex(of: key).map { values[$0].json } }

    var members: [JSON.Member] { zip(keys, values).map { JSON.Member($0, $1.json) } }
    var json: JSON { .object(members) }

    /// As a whole answer has it: without its number, and with its type.
    fileprivate var call: JSON {
        var members = members.filter { $0.key != "index" }
        if self["function"] != nil, self["type"] == nil { members.insert(JSON.Member("type", .text("function")), at: 0) }
        return .object(members)
    }
}

extension [(index: Int64, call: GrowingObject)] {
    fileprivate mutating func add(_ items: [JSON]) {
        for (place, item) in items.enumerated() {
            guard case .object(let members) = item else { continue }
            let number = item["index"]?.integer ?? Int64(place)
            if let known = firstIndex(where: { $0.index == number }) {
                self[known].call.add(members)
            } else {
                append((number, GrowingObject(members)))
            }
        }
    }
}

extension [JSON] {
    /// Appends an item, or goes on with the last one where both are a piece of text and nothing else, as DashScope's multimodal models write them.
    fileprivate mutating func join(_ item: JSON) {
        guard case .object(let members) = item, members.count == 1, members[0].key == "text",
            case .string(let piece) = members[0].value,
            case .object(let before)? = last, before.count == 1, before[0].key == "text", case .string(var text) = before[0].value
        else { return append(item) }
        removeLast()
        text += piece
        append(.object([JSON.Member("text", .string(text))]))
    }
}
