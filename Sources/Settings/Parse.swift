import Yams

/// The largest configuration file.
public let configurationBytesMax = 1024 * 1024

/// The text as a tree, or nil when it is no YAML or uses what the form leaves out: several documents, anchors, aliases, tags.
func parseYAML(_ text: String, _ report: Report) -> Node? {
    guard text.utf8.count <= configurationBytesMax else {
        report.error(.start, "The file is larger than \(configurationBytesMax) bytes.")
        return nil
    }
    if let bomb = manyAliases(text) {
        report.error(bomb, anchorMessage)
        return nil
    }
    // The parser stops at a key that is written twice. It is reported, renamed in a copy and the copy read, so that the rest
    // of the file is judged too.
    var copy = text
    for _ in 0..<duplicatesMax {
        switch compose(copy, report) {
        case .tree(let root): return root
        case .refused: return nil
        case .duplicate(let name, let first):
            guard let second = secondKey(name, after: first, in: copy) else {
                report.error(first, "\(quoted(name, or: "This key")) is written twice in this mapping.")
                return nil
            }
            report.error(
                second.spot, "\(quoted(name, or: "This key")) is written twice; the first is in line \(first.line).")
            report.duplicates.insert(second.spot)
            copy = renamed(copy, second.key, turn: report.duplicates.count)
        }
    }
    return nil
}

/// Keys written twice beyond this many end the reading.
private let duplicatesMax = 20

private enum Composed {
    case tree(Node)
    case refused
    case duplicate(String, first: Spot)
}

private func compose(_ text: String, _ report: Report) -> Composed {
    do {
        // Nodes hold their anchors weakly: the parser owns them, so it has to outlive the inspection.
        let parser = try Parser(yaml: text, encoding: .utf8)
        guard let root = try parser.singleRoot() else {
            report.error(.start, "The file is empty.")
            return .refused
        }
        let isPlain = withExtendedLifetime(parser) { inspect(root, report) }
        return isPlain ? .tree(root) : .refused
    } catch YamlError.duplicatedKeysInMapping(let names, let context) {
        return .duplicate(names.first ?? "", first: Spot(context.mark))
    } catch let error as YamlError {
        explain(error, text, report)
    } catch {
        report.error(.start, "The file is not YAML.")
    }
    return .refused
}

private let anchorMessage = "Anchors, aliases and merges are not part of this form: write each value where it belongs."

/// Candidates for aliases beyond this many are refused before the parser compares keys that they would expand.
private let aliasesMax = 15

/// Where a file turns suspicious as an alias bomb. Few aliases cannot grow large, so only many of them are looked for, and
/// text that merely looks like that in strings and comments needs both signs.
private func manyAliases(_ text: String) -> Spot? {
    var (anchors, aliases) = (0, 0)
    var first: Spot?
    var spot = Spot.start
    var startsToken = true
    var pending: UInt8?
    for byte in text.utf8 {
        if let sign = pending, isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") {
            if sign == UInt8(ascii: "&") { anchors += 1 } else { aliases += 1 }
            if first == nil { first = Spot(line: spot.line, column: spot.column - 1) }
        }
        let signs = byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*")
        pending = signs && startsToken ? byte : nil
        startsToken = " \t\r\n[{,:-?".utf8.contains(byte)
        if byte == UInt8(ascii: "\n") {
            spot = Spot(line: spot.line + 1, column: 1)
        } else if byte & 0xC0 != 0x80 {
            spot.column += 1
        }
    }
    return anchors > 0 && aliases > aliasesMax ? first : nil
}

/// Reports every anchor and tag; whether there is none. It does not go below an anchor, so that shared nodes are seen once.
private func inspect(_ node: Node, _ report: Report) -> Bool {
    let before = report.errors.count
    visit(node, report)
    return report.errors.count == before
}

private func visit(_ node: Node, _ report: Report) {
    let spot = Spot(node)
    if node.anchor != nil {
        report.error(spot, anchorMessage)
        return
    }
    switch node {
    case .alias:
        report.error(spot, anchorMessage)
    case .scalar(let scalar):
        // The parser gives quoted text the tag of text.
        let quotes = scalar.style != .plain && scalar.style != .any
        if isTagged(scalar.tag, allowing: quotes ? [.str] : []) { report.error(spot, tagMessage) }
    case .sequence(let sequence):
        if isTagged(sequence.tag, allowing: [.seq]) { report.error(spot, tagMessage) }
        for item in sequence { visit(item, report) }
    case .mapping(let mapping):
        if isTagged(mapping.tag, allowing: [.map]) { report.error(spot, tagMessage) }
        for pair in mapping {
            visitKey(pair.key, report)
            visit(pair.value, report)
        }
    }
}

private let tagMessage = "Tags (`!…`) are not part of this form."

private func visitKey(_ key: Node, _ report: Report) {
    guard case .scalar(let scalar) = key else { return report.error(Spot(key), "A key has to be a plain word.") }
    if key.anchor != nil { report.error(Spot(key), anchorMessage) }
    // Looking for duplicates, the parser has given each key the tag that its text resolves to.
    let resolved: [Tag.Name] = [.str, .int, .float, .bool, .null, .timestamp, .merge, .value]
    if isTagged(scalar.tag, allowing: resolved) { report.error(Spot(key), tagMessage) }
}

private func isTagged(_ tag: Tag, allowing allowed: [Tag.Name]) -> Bool {
    tag != Tag(.implicit) && !allowed.contains { tag == Tag($0) }
}

extension Spot {
    init(_ node: Node) { self = node.mark.map { Spot($0) } ?? .start }
    init(_ mark: Mark) { self.init(line: max(1, mark.line), column: max(1, mark.column)) }
}

/// Says a parser's error in one line. Its problem texts are constants; its context can hold the whole file and is not shown.
private func explain(_ error: YamlError, _ text: String, _ report: Report) {
    switch error {
    case .composer(_, let problem, let mark, _):
        if problem.contains("alias") {
            report.error(Spot(mark), anchorMessage)
        } else if problem.contains("another document") {
            report.error(Spot(mark), "The file has to hold one document; another begins here.")
        } else {
            report.error(Spot(mark), "This is not YAML: \(problem).")
        }
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
        report.error(Spot(mark), "This is not YAML: \(problem)." + hint(problem, at: Spot(mark), text))
    case .reader(let problem, let offset, _, _):
        report.error(spot(ofCharacter: offset ?? 0, in: text), "This is not text that YAML can hold: \(problem).")
    default:
        report.error(.start, "The file is not YAML.")
    }
}

private func hint(_ problem: String, at spot: Spot, _ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard spot.line <= lines.count else { return "" }
    let line = lines[spot.line - 1]
    if line.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") { return " Indent with spaces, not tabs." }
    if problem.contains("mapping values are not allowed") { return " Quote text that contains `: `." }
    return ""
}

private func spot(ofCharacter offset: Int, in text: String) -> Spot {
    var spot = Spot.start
    for character in text.prefix(offset) {
        if character.isNewline { spot = Spot(line: spot.line + 1, column: 1) } else { spot.column += 1 }
    }
    return spot
}
