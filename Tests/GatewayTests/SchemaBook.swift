import Foundation

@testable import Simulator

/// A reduced OpenAPI document of `Tests/Cases/openapi`, and whether a value is what it says.
///
/// Stricter than JSON Schema where that lets mistakes pass: a member that no schema names is a fault, unless the object is open.
struct SchemaBook: Sendable {
    /// Deeper values are faults.
    static let depthMax = 64
    /// The words of a schema that are judged by; a document with another one is not read.
    static let words: Set<String> = [
        "type", "properties", "required", "enum", "const", "items", "oneOf", "anyOf", "allOf", "$ref", "nullable",
        "additionalProperties", "discriminator", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    ]

    let roots: [String: JSON]
    let schemas: [String: JSON]

    struct Unreadable: Error { var why: String }

    /// - Parameter name: of a file in `Tests/Cases/openapi`, without `.json`.
    init(_ name: String) throws {
        let cases = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases")
        guard let document = JSONReader.read(Array(try Data(contentsOf: cases.appending(path: "openapi/\(name).json")))) else {
            throw Unreadable(why: "\(name) is not JSON")
        }
        try self.init(document)
    }

    init(_ document: JSON) throws {
        func named(_ key: String) -> [String: JSON] {
            Dictionary(uniqueKeysWithValues: (document[key]?.members ?? []).map { ($0.key, $0.value) })
        }
        roots = named("roots")
        schemas = named("schemas")
        guard !roots.isEmpty else { throw Unreadable(why: "no roots") }
        for (name, schema) in schemas.merging(roots, uniquingKeysWith: { $1 }) { try check(schema, name) }
    }

    private func check(_ schema: JSON, _ name: String) throws {
        guard let members = schema.members else {
            guard schema.bool != nil else { throw Unreadable(why: "\(name): a schema that is no object") }
            return
        }
        for member in members {
            switch member.key {
            case "properties": for property in member.value.members ?? [] { try check(property.value, name + "." + property.key) }
            case "items": try check(member.value, name)
            case "additionalProperties": try check(member.value, name)
            case "oneOf", "anyOf", "allOf": for branch in member.value.array ?? [] { try check(branch, name) }
            case "$ref":
                guard let to = member.value.string, schemas[to] != nil else { throw Unreadable(why: "\(name): $ref to nothing") }
            case let word:
                guard Self.words.contains(word) else { throw Unreadable(why: "\(name): no rule for \(word)") }
            }
        }
    }

    /// What is wrong with a value as the thing of that name, each with its path; empty when nothing is.
    func faults(_ value: JSON, as root: String) -> [String] {
        guard let schema = roots[root] else { return ["no schema for \(root)"] }
        return whole(value, schema, "", 0)
    }

    func faults(_ text: some StringProtocol, as root: String) -> [String] {
        guard let value = JSONReader.read(Array(text.utf8)) else { return ["not JSON"] }
        return faults(value, as: root)
    }
}

extension SchemaBook {
    private struct Verdict {
        var faults: [String] = []
        /// Members that a schema names.
        var known: Set<String> = []
        /// Any other member is welcome.
        var isOpen = false

        mutating func add(_ other: Verdict) {
            faults += other.faults
            known.formUnion(other.known)
            isOpen = isOpen || other.isOpen
        }
    }

    /// A value by all that is said about it: only then can be told which members nobody names.
    private func whole(_ value: JSON, _ schema: JSON, _ path: String, _ depth: Int) -> [String] {
        guard depth < Self.depthMax else { return ["\(path): too deep"] }
        var verdict = judge(value, schema, path, depth)
        for (index, member) in (value.members ?? []).enumerated() {
            if !verdict.isOpen, !verdict.known.contains(member.key) {
                verdict.faults.append("\(path).\(member.key): not in the document")
            }
            let isTwice = value.members?[..<index].contains { $0.key == member.key } == true
            if isTwice { verdict.faults.append("\(path).\(member.key): twice") }
        }
        return verdict.faults
    }

    private func judge(_ value: JSON, _ schema: JSON, _ path: String, _ depth: Int) -> Verdict {
        if let answer = schema.bool { return Verdict(faults: answer ? [] : ["\(path): must not be"], isOpen: answer) }
        guard let words = schema.members else { return Verdict(faults: ["\(path): no schema"]) }
        // `{}`, or no more than that null is welcome.
        if words.allSatisfy({ $0.key == "nullable" }) { return Verdict(isOpen: true) }
        if value == .null, schema["nullable"]?.bool == true { return Verdict() }
        var verdict = Verdict()
        func fault(_ what: String) { verdict.faults.append("\(path): \(what)") }

        if let name = schema["$ref"]?.string, let target = schemas[name] { verdict.add(judge(value, target, path, depth)) }
        if let type = schema["type"] {
            let types = type.array?.compactMap(\.string) ?? [type.string ?? ""]
            if !types.contains(where: { value.isA($0) }) { fault("\(value.kind) instead of \(types.joined(separator: " or "))") }
        }
        if let choices = schema["enum"]?.array, !choices.contains(where: { $0.equals(value) }) {
            fault("\(value.text.prefix(40)) is none of the \(choices.count) words")
        }
        if let fixed = words.first(where: { $0.key == "const" })?.value, !fixed.equals(value) {
            fault("\(value.text.prefix(40)) instead of \(fixed.text)")
        }
        if let size = value.size {
            for (least, most) in [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")]
            where size.word == least {
                if let bound = schema[least]?.double, size.value < bound { fault("below \(bound)") }
                if let bound = schema[most]?.double, size.value > bound { fault("above \(bound)") }
            }
        }
        if let items = words.first(where: { $0.key == "items" })?.value {
            for (index, item) in (value.array ?? []).enumerated() {
                verdict.faults += whole(item, items, "\(path)[\(index)]", depth + 1)
            }
        }
        if value.members != nil { verdict.add(members(of: value, schema, path, depth)) }
        for branch in schema["allOf"]?.array ?? [] { verdict.add(judge(value, branch, path, depth)) }
        for word in ["oneOf", "anyOf"] {
            if let branches = schema[word]?.array {
                verdict.add(choice(value, branches, by: schema["discriminator"]?.string, onlyOne: word == "oneOf", path, depth))
            }
        }
        return verdict
    }

    private func members(of value: JSON, _ schema: JSON, _ path: String, _ depth: Int) -> Verdict {
        var verdict = Verdict()
        let properties = schema["properties"]?.members ?? []
        let present = Set((value.members ?? []).map(\.key))
        for name in (schema["required"]?.array ?? []).compactMap(\.string) where !present.contains(name) {
            verdict.faults.append("\(path).\(name): missing")
        }
        verdict.known.formUnion(properties.map(\.key))
        let others = schema.members?.first { $0.key == "additionalProperties" }?.value
        for member in value.members ?? [] {
            if let property = properties.first(where: { $0.key == member.key }) {
                verdict.faults += whole(member.value, property.value, "\(path).\(member.key)", depth + 1)
            } else if let others, others.bool == nil {
                verdict.faults += whole(member.value, others, "\(path).\(member.key)", depth + 1)
            }
        }
        let isFree =
            schema["type"]?.string == "object"
            && ["properties", "allOf", "oneOf", "anyOf", "$ref"].allSatisfy { schema[$0] == nil }
        verdict.isOpen = others.map { $0.bool ?? true } ?? isFree
        return verdict
    }

    /// - Parameter member: tells which branch is meant; those that it cannot be are not looked at.
    private func choice(_ value: JSON, _ branches: [JSON], by member: String?, onlyOne: Bool, _ path: String, _ depth: Int)
        -> Verdict
    {
        var meant = branches
        if let member, let said = value[member] {
            meant = branches.filter { admits(said, in: $0, member, depth) }
            if meant.isEmpty {
                return Verdict(faults: ["\(path).\(member): no branch for \(said.text.prefix(40))"], isOpen: true)
            }
        }
        let verdicts = meant.map { branch in
            var verdict = judge(value, branch, path, depth)
            // A branch that does not know a member is not meant, as long as another one does.
            verdict.faults += (value.members ?? []).filter { !verdict.isOpen && !verdict.known.contains($0.key) }
                .map { "\(path).\($0.key): not in the document" }
            return verdict
        }
        let fitting = verdicts.filter { $0.faults.isEmpty }
        if onlyOne, member == nil, fitting.count > 1 {
            return Verdict(faults: ["\(path): fits \(fitting.count) of what may only be one"], isOpen: true)
        }
        if let first = fitting.first { return fitting.dropFirst().reduce(into: first) { $0.add($1) } }
        var nearest = verdicts.min { $0.faults.count < $1.faults.count } ?? Verdict(faults: ["\(path): no branch"])
        nearest.isOpen = true
        return nearest
    }

    /// Whether `member` of this branch may have this value.
    private func admits(_ said: JSON, in branch: JSON, _ member: String, _ depth: Int) -> Bool {
        guard depth < Self.depthMax else { return false }
        if let property = branch["properties"]?.members?.first(where: { $0.key == member })?.value {
            return judge(said, property, "", depth + 1).faults.isEmpty
        }
        if let name = branch["$ref"]?.string, let target = schemas[name] { return admits(said, in: target, member, depth + 1) }
        for word in ["oneOf", "anyOf"] {
            if let inner = branch[word]?.array { return inner.contains { admits(said, in: $0, member, depth + 1) } }
        }
        let bases = branch["allOf"]?.array ?? []
        return bases.allSatisfy { admits(said, in: $0, member, depth + 1) }
    }
}

extension JSON {
    fileprivate var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number(let text): Int(text) != nil ? "integer" : "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    fileprivate var double: Double? {
        if case .number(let text) = self { Double(text) } else { nil }
    }

    fileprivate func isA(_ type: String) -> Bool { type == kind || (type == "number" && kind == "integer") }

    /// What a bound is about, by the word for the lower one.
    fileprivate var size: (word: String, value: Double)? {
        switch self {
        case .number: double.map { ("minimum", $0) }
        case .string(let text): ("minLength", Double(text.unicodeScalars.count))
        case .array(let items): ("minItems", Double(items.count))
        case .null, .bool, .object: nil
        }
    }

    fileprivate func equals(_ other: JSON) -> Bool {
        if let double, let otherDouble = other.double { return double == otherDouble }
        return self == other
    }
}
