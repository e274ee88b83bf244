import Core
import Yams

/// One mapping of the file while it is decoded. Each key is asked for once; what nobody asked for is unknown.
final class Section {
    /// What the mapping describes, for messages: `endpoint azure-sweden`.
    let title: String
    let spot: Spot
    let report: Report
    private(set) var entries: [Entry] = []
    private var asked: [String] = []

    struct Entry {
        var name: String
        var spot: Spot
        var value: Node
    }

    /// nil, with an error, unless the node is a mapping.
    init?(_ node: Node, _ title: String, _ report: Report) {
        self.title = title
        self.report = report
        spot = Spot(node)
        guard case .mapping(let mapping) = node else {
            report.error(spot, "A mapping (`key: value` lines) belongs here, for \(title).")
            return nil
        }
        var seen: Set<String> = []
        for pair in mapping {
            guard case .scalar(let key) = pair.key, !report.duplicates.contains(Spot(pair.key)) else { continue }
            guard seen.insert(key.string).inserted else {
                report.error(Spot(pair.key), "\(quoted(key.string, or: "This key")) is written twice.")
                continue
            }
            entries.append(Entry(name: key.string, spot: Spot(pair.key), value: pair.value))
        }
    }

    /// The value of a key that may be left out.
    func optional(_ name: String) -> Node? {
        asked.append(name)
        return entries.first { $0.name == name }?.value
    }

    /// The value of a key that has to be there.
    func required(_ name: String, _ why: String = "") -> Node? {
        if let value = optional(name) { return value }
        // A near miss is reported once, where it stands, as an unknown key with the word that was meant.
        let misses = entries.contains { entry in likely(entry.name, among: [name]) == name }
        if !misses { report.error(spot, "`\(name)` is missing in \(title).\(why.isEmpty ? "" : " " + why)") }
        return nil
    }

    func has(_ name: String) -> Bool { entries.contains { $0.name == name } }

    /// Where a key's value stands; the mapping's own place if it is missing.
    func spot(of name: String) -> Spot { entries.first { $0.name == name }.map { Spot($0.value) } ?? spot }

    /// Reports every key that nobody asked for. Call it last.
    func finish() {
        for entry in entries where !asked.contains(entry.name) {
            if entry.name == "<<" {
                report.error(entry.spot, "Merges (`<<`) are not part of this form.")
                continue
            }
            let meant = likely(entry.name, among: asked)
            let word = quoted(entry.name, or: "This")
            let list = meant == nil ? " Known are \(asked.map { "`\($0)`" }.joined(separator: ", "))." : ""
            report.error(entry.spot, "\(word) is not a key of \(title).\(list)", meant: meant)
        }
    }

    // MARK: - Mappings in it

    func section(_ name: String) -> Section? { required(name).flatMap { Section($0, "`\(name)`", report) } }
    func optionalSection(_ name: String) -> Section? { optional(name).flatMap { Section($0, "`\(name)`", report) } }

    /// The members of a mapping whose keys are names that the operator chooses.
    func members(_ kind: String, _ form: NameForm) -> [(name: String, spot: Spot, value: Node)] {
        entries.compactMap { entry in
            guard let problem = form.problem(entry.name) else { return (entry.name, entry.spot, entry.value) }
            if entry.name == "<<" {
                report.error(entry.spot, "Merges (`<<`) are not part of this form.")
            } else {
                report.error(entry.spot, "This name of \(kind) \(problem)")
            }
            return nil
        }
    }

    // MARK: - Scalars in it

    /// Text of a scalar, with its place.
    func text(_ name: String) -> Text? { required(name).flatMap { scalar($0, name) } }
    func optionalText(_ name: String) -> Text? { optional(name).flatMap { scalar($0, name) } }

    struct Text {
        var value: String
        var spot: Spot
    }

    func scalar(_ node: Node, _ name: String) -> Text? {
        guard case .scalar(let scalar) = node else {
            report.error(Spot(node), "`\(name)` takes a single value, not a \(kind(node)).")
            return nil
        }
        let quotes = scalar.style != .plain && scalar.style != .any
        if !quotes, scalar.string.isEmpty || scalar.string == "~" || scalar.string == "null" {
            report.error(Spot(node), "`\(name)` has no value. Leave the key out, or write one.")
            return nil
        }
        return Text(value: scalar.string, spot: Spot(node))
    }

    /// A value read by `read`, which tells what is wrong with it.
    func value<T>(_ text: Text?, _ read: (String) -> Reading<T>) -> T? {
        guard let text else { return nil }
        switch read(text.value) {
        case .value(let value): return value
        case .wrong(let message, let meant):
            report.error(text.spot, message, meant: meant)
            return nil
        }
    }

    func name(_ key: String, _ form: NameForm = .label) -> String? {
        value(text(key)) { readName($0, key, form) }
    }

    func path(_ key: String, _ world: World) -> String? { value(text(key)) { readPath($0, key) }.map(world.path) }

    func whole(_ key: String, in bounds: ClosedRange<Int64>) -> Int64? {
        value(text(key)) { readWhole($0, key, bounds) }
    }

    func optionalWhole(_ key: String, in bounds: ClosedRange<Int64>) -> Int64? {
        value(optionalText(key)) { readWhole($0, key, bounds) }
    }

    func choice<T: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: T.Type) -> T? {
        value(text(key)) { readChoice($0, key) }
    }

    func optionalChoice<T: RawRepresentable<String> & CaseIterable>(_ key: String, _ type: T.Type) -> T? {
        value(optionalText(key)) { readChoice($0, key) }
    }

    /// A list of words; nil, with an error, when it is none.
    func list(_ node: Node, _ name: String) -> [Text]? {
        guard case .sequence(let sequence) = node else {
            report.error(Spot(node), "`\(name)` takes a list: `[a, b]`.")
            return nil
        }
        var texts: [Text] = []
        var seen: Set<String> = []
        for item in sequence {
            guard let text = scalar(item, name) else { continue }
            if seen.insert(text.value).inserted {
                texts.append(text)
            } else {
                report.error(text.spot, "This is in the list `\(name)` already.")
            }
        }
        return texts
    }
}

/// What sort of thing a node is, in words.
func kind(_ node: Node) -> String {
    switch node {
    case .scalar: "single value"
    case .sequence: "list"
    case .mapping: "mapping"
    case .alias: "alias"
    }
}
