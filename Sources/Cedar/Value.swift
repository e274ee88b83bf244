/// What an expression comes to.
public enum Value: Hashable, Sendable {
    case bool(Bool)
    case long(Int64)
    case string(Text)
    case entity(EntityUID)
    case set(ValueSet)
    case record(Record)
    case address(IPRange)
    case decimal(FixedDecimal)
    case datetime(DateTime)
    case duration(TimeSpan)

    /// What kind of value this is, in words for messages.
    public var kindName: String {
        switch self {
        case .bool: "a boolean"
        case .long: "a number"
        case .string: "a string"
        case .entity(let uid): "an entity of type \(uid.type)"
        case .set: "a set"
        case .record: "a record"
        case .address: "an IP address"
        case .decimal: "a decimal"
        case .datetime: "a datetime"
        case .duration: "a duration"
        }
    }
}

/// Values without order and without repetition.
public struct ValueSet: Hashable, Sendable {
    /// Each value once, in the order of its first place.
    public let elements: [Value]
    /// For sets that are too long to be searched one by one.
    private let index: Set<Value>?

    /// Up to this many elements are compared one by one.
    private static let searchedMax = 8

    public init(_ values: [Value]) {
        if values.count > Self.searchedMax {
            var index: Set<Value> = []
            elements = values.filter { index.insert($0).inserted }
            self.index = index
        } else {
            var elements: [Value] = []
            elements.reserveCapacity(values.count)
            for value in values where !elements.contains(value) { elements.append(value) }
            self.elements = elements
            index = nil
        }
    }

    public func contains(_ value: Value) -> Bool { index?.contains(value) ?? elements.contains(value) }

    public static func == (left: ValueSet, right: ValueSet) -> Bool {
        left.elements.count == right.elements.count && left.elements.allSatisfy(right.contains)
    }

    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for element in elements { sum &+= element.hashValue }
        hasher.combine(sum)
    }
}

/// Values by name. Names are distinct.
public struct Record: Hashable, Sendable {
    public struct Field: Hashable, Sendable {
        public let name: Text
        public let value: Value
    }

    /// In the order of their names.
    public let fields: [Field]

    public static let empty = Record([])

    /// Up to this many fields are searched one by one.
    private static let searchedMax = 8

    /// Of fields with the same name the last one stays.
    public init(_ values: [(Text, Value)]) {
        var fields: [Field] = []
        fields.reserveCapacity(values.count)
        var isSorted = true
        for (name, value) in values {
            if let last = fields.last, last.name >= name { isSorted = false }
            fields.append(Field(name: name, value: value))
        }
        if !isSorted {
            // Sorting keeps equal names in their order, so the last of them is the one to stay.
            fields.sort { $0.name < $1.name }
            var distinct: [Field] = []
            distinct.reserveCapacity(fields.count)
            for field in fields {
                if distinct.last?.name == field.name { distinct.removeLast() }
                distinct.append(field)
            }
            fields = distinct
        }
        self.fields = fields
    }

    public subscript(name: Text) -> Value? {
        if fields.count <= Self.searchedMax {
            for field in fields where field.name == name { return field.value }
            return nil
        }
        var low = 0
        var high = fields.count
        while low < high {
            let middle = (low + high) / 2
            if fields[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return low < fields.count && fields[low].name == name ? fields[low].value : nil
    }
}

extension Value: CustomStringConvertible {
    /// As an expression that comes to this value.
    public var description: String {
        switch self {
        case .bool(let value): "\(value)"
        case .long(let value): "\(value)"
        case .string(let text): quoted(text)
        case .entity(let uid): uid.description
        case .set(let set): "[" + set.elements.map(\.description).joined(separator: ", ") + "]"
        case .record(let record):
            "{" + record.fields.map { "\(quoted($0.name)): \($0.value)" }.joined(separator: ", ") + "}"
        case .address(let range): "ip(\"\(range)\")"
        case .decimal(let decimal): "decimal(\"\(decimal)\")"
        case .datetime(let datetime): "datetime(\"1970-01-01\").offset(duration(\"\(datetime.milliseconds)ms\"))"
        case .duration(let duration): "duration(\"\(duration)\")"
        }
    }
}
