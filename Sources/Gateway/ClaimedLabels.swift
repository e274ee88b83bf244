import Core
import Policy
import Wire

/// Words in one list of a client's header.
private let claimedWordsMax = 32
/// Bytes of one header's value.
private let claimedBytesMax = 1_024

/// The fields in which a client says something of its call to Weir.
private enum OwnField: CaseIterable {
    case dataClass, categories, subject, purpose, exportTags, person, model

    var name: StaticString {
        switch self {
        case .dataClass: "weir-class"
        case .categories: "weir-categories"
        case .subject: "weir-subject"
        case .purpose: "weir-purpose"
        case .exportTags: "weir-export-tags"
        case .person: "weir-person"
        case .model: "weir-model"
        }
    }
}

/// The labels of a call whose client says something of it in `weir-…` fields; nil: those of its key.
///
/// Strict, since a claim that is misread could loosen: an unknown field of this prefix, one that comes twice, an empty or a folded value
/// and anything but visible ASCII are refused. What is left can only narrow (`CallLabels.narrowed`).
func claimedLabels(_ head: HTTPHead, of caller: Caller, in classes: DataClasses) -> Result<CallLabels?, Failure> {
    var claim = LabelClaim()
    var seen: Set<OwnField> = []
    for field in head.fields where isOwn(field.name, head) {
        guard let own = OwnField.allCases.first(where: { head.matches(field.name, $0.name) }) else {
            return .failure(.unknownOwnField)
        }
        guard seen.insert(own).inserted else { return .failure(.repeatedOwnField("\(own.name)")) }
        // Names a person, and labels nothing.
        if own == .person { continue }
        guard let text = visible(field.value, head) else { return .failure(.badOwnField("\(own.name)")) }
        switch own {
        case .dataClass: claim.dataClass = text
        case .subject: claim.subject = text
        case .purpose: claim.purpose = text
        case .categories, .exportTags:
            guard let words = list(text) else { return .failure(.badOwnField("\(own.name)")) }
            if own == .categories { claim.categories = words } else { claim.exportTags = words }
        // It says for what the call is made, and labels nothing.
        case .person, .model: break
        }
    }
    if claim.isEmpty { return .success(nil) }
    do throws(ClaimRefusal) {
        return .success(try caller.labels.narrowed(by: claim, in: classes))
    } catch {
        return .failure(.labelRefused(error))
    }
}

private func isOwn(_ name: HTTPSpan, _ head: HTTPHead) -> Bool {
    head.withBytes(of: name) { bytes in
        bytes.count >= 5 && zip(bytes, "weir-".utf8).allSatisfy { $0 | 0x20 == $1 | 0x20 }
    }
}

/// nil when it is empty, long, or holds anything but visible ASCII and single spaces.
private func visible(_ value: HTTPSpan, _ head: HTTPHead) -> String? {
    head.withBytes(of: value) { bytes in
        guard (1...claimedBytesMax).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7E).contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Words between commas, white space around them aside; nil when one is empty or stands twice.
private func list(_ text: String) -> Set<String>? {
    var words: Set<String> = []
    let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    guard parts.count <= claimedWordsMax else { return nil }
    for part in parts {
        var word = part
        while word.first == 0x20 { word.removeFirst() }
        while word.last == 0x20 { word.removeLast() }
        guard !word.isEmpty, words.insert(String(decoding: word, as: UTF8.self)).inserted else { return nil }
    }
    return words
}

extension Failure {
    private static let ownFields = OwnField.allCases.map { "`\($0.name)`" }.joined(separator: ", ")

    static let unknownOwnField = caller(
        "weir_header_unknown", 400, "A header begins with `weir-` and is none that Weir knows.",
        "Known are \(ownFields). Correct or remove it, so that no label is lost unseen.")
    static func repeatedOwnField(_ name: String) -> Failure {
        caller("weir_header_repeated", 400, "The header `\(name)` comes more than once.", "Send it once.", parameter: name)
    }
    static func badOwnField(_ name: String) -> Failure {
        caller(
            "weir_header_bad", 400,
            "The header `\(name)` needs 1 to \(claimedBytesMax) bytes of visible ASCII; a list, up to \(claimedWordsMax) words between commas, each once.",
            "Correct the header.", parameter: name)
    }
    static func labelRefused(_ refusal: ClaimRefusal) -> Failure {
        caller(
            "weir_label_refused", 403, "What the client says of this call is not taken: \(refusal).",
            "Claim less, or ask your platform team to change the key's labels.")
    }
}
