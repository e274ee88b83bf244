import Core

/// Words in one list of a key's labels, and bytes of one.
private let labelWordsMax = 300
private let labelBytesMax = 64

extension Members {
    /// `class`, `categories`, `subjects`, `purposes`, `exportTags` and `clients` of a key, in the words of the configuration. What is
    /// left out is unknown of the key, and its team's and tenant's labels hold.
    mutating func callLabels() throws(AdminError) -> CallLabels {
        var labels = CallLabels()
        labels.dataClass = try text("class")
        if let words = try texts("categories", least: 0, count: labelWordsMax, bytes: labelBytesMax) {
            var categories: Set<DataCategory> = []
            for word in words {
                guard let category = DataCategory(rawValue: word) else {
                    throw .value("categories", "a list of \(DataCategory.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                categories.insert(category)
            }
            labels.categories = categories
        }
        if let places = try texts("subjects", count: labelWordsMax, bytes: labelBytesMax) {
            guard !places.isEmpty, places == [anywhere] || places.allSatisfy(isCountry) else {
                throw .value("subjects", "a list of countries of ISO 3166-1, or [\"\(anywhere)\"]")
            }
            labels.subjects = Set(places)
        }
        if let purposes = try texts("purposes", count: labelWordsMax, bytes: labelBytesMax) {
            guard !purposes.isEmpty, purposes.allSatisfy(CallLabels.isExportTag) else {
                throw .value("purposes", "a list of names of letters, digits, `.`, `_` and `-`")
            }
            labels.purposes = Set(purposes)
        }
        if let tags = try texts("exportTags", least: 0, count: CallLabels.exportTagsMax, bytes: labelBytesMax) {
            guard tags.allSatisfy(CallLabels.isExportTag) else {
                throw .value("exportTags", "a list of tags of letters, digits, `.`, `_` and `-`")
            }
            labels.exportTags = Set(tags)
        }
        switch try text("clients") {
        case nil: break
        case "narrow": labels.clientNarrows = true
        case "fixed": labels.clientNarrows = false
        default: throw .value("clients", "`narrow` or `fixed`")
        }
        return labels
    }

    /// What a client would say of a call, as `weir explain` is asked: `class`, `subject`, `purpose`, `categories`, `exportTags`.
    mutating func claim() throws(AdminError) -> LabelClaim {
        func words(_ text: String?) -> Set<String> { Set((text ?? "").split(separator: ",").map(String.init)) }
        return LabelClaim(
            dataClass: try text("class"), categories: words(try text("categories")), subject: try text("subject"),
            purpose: try text("purpose"), exportTags: words(try text("exportTags")))
    }
}
