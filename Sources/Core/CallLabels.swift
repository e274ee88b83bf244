/// What law needs to know of a call: what kind of data, about people where, for which purpose, under which export tags.
///
/// They come from the caller's identity: tenant, team and key. Each is a bound on what calls may be: a client may claim a place
/// inside it, never more. **Unknown is nil or the empty set** and is denied wherever policy asks; a client cannot fill it.
public struct CallLabels: Sendable, Hashable {
    /// The least data class of the content.
    public var dataClass: String?
    /// The least kinds of data that are named by law; nil: unknown, empty: none.
    public var categories: Set<DataCategory>?
    /// Where the people may be whom the content is about, `anywhere` included; empty: unknown.
    public var subjects: Set<Place>
    /// What the call may be for: one of these; empty: unknown.
    public var purposes: Set<String>
    /// The least export tags of the content; nil: unknown, empty: none.
    public var exportTags: Set<String>?
    /// Whether the client itself may narrow these; nil: nothing is said, which means no.
    public var clientNarrows: Bool?

    public init(
        dataClass: String? = nil, categories: Set<DataCategory>? = nil, subjects: Set<Place> = [], purposes: Set<String> = [],
        exportTags: Set<String>? = nil, clientNarrows: Bool? = nil
    ) {
        self.dataClass = dataClass
        self.categories = categories
        self.subjects = subjects
        self.purposes = purposes
        self.exportTags = exportTags
        self.clientNarrows = clientNarrows
    }

    public static let unknown = CallLabels()

    /// The purpose, where only one is left.
    public var purpose: String? { purposes.count == 1 ? purposes.first : nil }

    /// The labels under several levels of configuration, such as tenant, team and key: each known bound of each level holds. The
    /// order does not matter. Levels that leave nothing possible make the label unknown, and so denied.
    public static func together(_ levels: [CallLabels], in classes: DataClasses) -> CallLabels {
        var all = CallLabels()
        all.dataClass = levels.reduce(nil) { classes.stricter($0, $1.dataClass) }
        // A class that the configuration does not know must not vanish behind a known one.
        if levels.contains(where: { $0.dataClass.map { classes.rank(of: $0) == nil } ?? false }) { all.dataClass = nil }
        all.categories = union(levels.compactMap(\.categories))
        all.exportTags = union(levels.compactMap(\.exportTags))
        let subjects = levels.map(\.subjects).filter { !$0.isEmpty }
        all.subjects = subjects.dropFirst().reduce(subjects.first ?? []) { $0.meeting($1) }
        let purposes = levels.map(\.purposes).filter { !$0.isEmpty }
        all.purposes = purposes.dropFirst().reduce(purposes.first ?? []) { $0.intersection($1) }
        let narrows = levels.compactMap(\.clientNarrows)
        all.clientNarrows = narrows.isEmpty ? nil : narrows.allSatisfy { $0 }
        return all
    }

    private static func union<T>(_ sets: [Set<T>]) -> Set<T>? {
        sets.isEmpty ? nil : sets.reduce([]) { $0.union($1) }
    }
}

/// What a client says of one call. It is untrusted: each word is looked up and never kept as it came.
public struct LabelClaim: Sendable, Hashable {
    public var dataClass: String?
    public var categories: Set<String>
    /// Where the person is whom the call is about.
    public var subject: String?
    public var purpose: String?
    public var exportTags: Set<String>

    public init(
        dataClass: String? = nil, categories: Set<String> = [], subject: String? = nil, purpose: String? = nil,
        exportTags: Set<String> = []
    ) {
        self.dataClass = dataClass
        self.categories = categories
        self.subject = subject
        self.purpose = purpose
        self.exportTags = exportTags
    }

    public var isEmpty: Bool { self == LabelClaim() }
}

/// Why a client's claim is refused. It never repeats the client's words.
public enum ClaimRefusal: Error, Sendable, Hashable {
    case notAllowed
    case unknownClass([String])
    case lowerClass(least: String)
    case classUnknownOfKey
    case unknownCategory
    case categoriesUnknownOfKey
    case subjectOutside
    case subjectUnknownOfKey
    case notAPlace
    case purposeOutside([String])
    case purposeUnknownOfKey
    case badExportTag
    case tooManyExportTags
    case exportTagsUnknownOfKey
}

extension ClaimRefusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notAllowed: "the key's labels are fixed: a client of this key may not label its calls"
        case .unknownClass(let names): "this data class is not one of \(names.joined(separator: ", "))"
        case .lowerClass(let least): "the key's data class is \(least), and a client may only raise it"
        case .classUnknownOfKey: "the key has no data class, and a client cannot give it one; its configuration has to"
        case .unknownCategory: "this is not a category of data that Weir knows"
        case .categoriesUnknownOfKey: "nothing is said of the key's categories of data, and a client cannot fill that in"
        case .subjectOutside: "the subject's place is not one of those that the key may name"
        case .subjectUnknownOfKey: "nothing is said of where the key's subjects are, and a client cannot fill that in"
        case .notAPlace: "the subject's place has to be a country of ISO 3166-1, two capitals"
        case .purposeOutside(let names): "this purpose is not one of the key's: \(names.joined(separator: ", "))"
        case .purposeUnknownOfKey: "the key has no purpose, and a client cannot give it one; its configuration has to"
        case .badExportTag: "an export tag has 1 to \(CallLabels.exportTagBytesMax) letters, digits, `.`, `_` or `-`"
        case .tooManyExportTags: "a call has at most \(CallLabels.exportTagsMax) export tags"
        case .exportTagsUnknownOfKey: "nothing is said of the key's export tags, and a client cannot fill that in"
        }
    }
}

extension CallLabels {
    public static let exportTagBytesMax = 64
    public static let exportTagsMax = 32

    /// The labels of one call whose client claims so much. Only a claim inside these labels is taken: a class that is at least as
    /// high, a subject's place and a purpose out of the key's, more categories and export tags. Everything else is refused whole.
    public func narrowed(by claim: LabelClaim, in classes: DataClasses) throws(ClaimRefusal) -> CallLabels {
        if claim.isEmpty { return self }
        guard clientNarrows == true else { throw .notAllowed }
        var labels = self
        if let name = claim.dataClass {
            guard let rank = classes.rank(of: name) else { throw .unknownClass(classes.names) }
            guard let least = dataClass, let leastRank = classes.rank(of: least) else { throw .classUnknownOfKey }
            guard rank >= leastRank else { throw .lowerClass(least: least) }
            labels.dataClass = name
        }
        if !claim.categories.isEmpty {
            guard let categories else { throw .categoriesUnknownOfKey }
            var more: Set<DataCategory> = []
            for word in claim.categories {
                guard let category = DataCategory(rawValue: word) else { throw .unknownCategory }
                more.insert(category)
            }
            labels.categories = categories.union(more)
        }
        if let place = claim.subject {
            if subjects.isUnknown { throw .subjectUnknownOfKey }
            guard isCountry(place) else { throw .notAPlace }
            guard Set([place]).lies(within: subjects) else { throw .subjectOutside }
            labels.subjects = [place]
        }
        if let purpose = claim.purpose {
            if purposes.isEmpty { throw .purposeUnknownOfKey }
            guard purposes.contains(purpose) else { throw .purposeOutside(purposes.sorted()) }
            labels.purposes = [purpose]
        }
        if !claim.exportTags.isEmpty {
            guard let exportTags else { throw .exportTagsUnknownOfKey }
            guard claim.exportTags.allSatisfy(Self.isExportTag) else { throw .badExportTag }
            let all = exportTags.union(claim.exportTags)
            guard all.count <= Self.exportTagsMax else { throw .tooManyExportTags }
            labels.exportTags = all
        }
        return labels
    }

    public static func isExportTag(_ word: String) -> Bool {
        (1...exportTagBytesMax).contains(word.utf8.count)
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || [0x2E, 0x5F, 0x2D].contains(byte)
            }
    }

    /// Whether calls under these labels are a part of those under `others`: what narrowing always gives.
    public func lies(within others: CallLabels, in classes: DataClasses) -> Bool {
        func rank(_ name: String?) -> Int? { name.flatMap(classes.rank) }
        let classHolds =
            rank(others.dataClass).map { least in rank(dataClass).map { $0 >= least } ?? false }
            ?? (dataClass == others.dataClass)
        return classHolds && grows(categories, others.categories) && grows(exportTags, others.exportTags)
            && (others.subjects.isEmpty ? subjects.isEmpty : subjects.lies(within: others.subjects))
            && (others.purposes.isEmpty ? purposes.isEmpty : !purposes.isEmpty && purposes.isSubset(of: others.purposes))
    }

    private func grows<T>(_ set: Set<T>?, _ least: Set<T>?) -> Bool {
        guard let least else { return set == nil }
        return set?.isSuperset(of: least) ?? false
    }
}
