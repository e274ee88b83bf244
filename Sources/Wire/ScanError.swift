/// Why a JSON text was refused. It says where and what kind, and never quotes the text.
public struct ScanError: Error, Sendable, Hashable {
    public enum Code: String, Sendable, CaseIterable {
        case malformed = "weir_json_malformed"
        case incomplete = "weir_json_incomplete"
        case notUTF8 = "weir_json_not_utf8"
        case tooDeep = "weir_json_too_deep"
        case tooLarge = "weir_json_too_large"
        case notAnObject = "weir_json_not_an_object"
        case trailingBytes = "weir_json_trailing_bytes"
        case duplicateKey = "weir_json_duplicate_key"
        case escapedKey = "weir_json_escaped_key"
        case tooManyKeys = "weir_json_too_many_keys"
        case wrongType = "weir_field_wrong_type"
        case escapedValue = "weir_field_escaped"
        case notAnInteger = "weir_number_not_an_integer"
        case outOfRange = "weir_number_out_of_range"
    }

    public var code: Code
    /// Bytes from the start of the text to where the fault was seen.
    public var offset: Int
    /// The request field that is to blame, where one is.
    public var parameter: StaticName?

    public init(_ code: Code, at offset: Int, parameter: StaticName? = nil) {
        self.code = code
        self.offset = offset
        self.parameter = parameter
    }

    /// What is wrong, in a sentence.
    public var message: String {
        let place = "at byte \(offset)"
        let field = parameter.map { "The field '\($0)'" } ?? "A field"
        return switch code {
        case .malformed: "The body is not valid JSON \(place)."
        case .incomplete: "The body ends before its JSON does, \(place)."
        case .notUTF8: "The body is not valid UTF-8 \(place)."
        case .tooDeep: "The JSON is nested too deeply \(place)."
        case .tooLarge: "The JSON is larger than 4 GiB."
        case .notAnObject: "The body is not a JSON object."
        case .trailingBytes: "Bytes follow the JSON object \(place)."
        case .duplicateKey: "A key appears twice in one object, the second time \(place)."
        case .escapedKey: "A key that is acted on is written with escapes \(place)."
        case .tooManyKeys: "The object has more than \(KeyTable.capacity) members."
        case .wrongType: "\(field) has the wrong type, \(place)."
        case .escapedValue: "\(field) is written with escapes or is empty, \(place)."
        case .notAnInteger: "\(field) is not a whole number, \(place)."
        case .outOfRange: "\(field) is out of range, \(place)."
        }
    }

    /// What the caller should do.
    public var action: String {
        switch code {
        case .malformed, .incomplete, .notUTF8, .trailingBytes, .notAnObject:
            "Send one JSON object in UTF-8."
        case .tooDeep, .tooLarge, .tooManyKeys: "Send a smaller object."
        case .duplicateKey: "Send each key once."
        case .escapedKey, .escapedValue: "Write it as plain characters."
        case .wrongType, .notAnInteger: "See the API reference for what this field takes."
        case .outOfRange: "Send a number that the API reference permits, and no more than \(tokensMax)."
        }
    }
}

/// The name of a field, known when the program is built.
public struct StaticName: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    let text: StaticString

    public init(stringLiteral text: StaticString) { self.text = text }
    public var description: String { text.description }

    public static func == (a: StaticName, b: StaticName) -> Bool { a.description == b.description }
    public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
