public import Cedar
public import Core

/// What policies can ask of a call, beside who calls and what for.
public struct CallContext: Sendable, Hashable {
    /// The model's public name.
    public var model: String
    public var labels: CallLabels
    public var now: Timestamp
    /// Persons whose data have left China since 1 January, this call's own among them; nil: nobody has counted.
    public var exports: ExportCount?

    public init(model: String, labels: CallLabels, now: Timestamp, exports: ExportCount? = nil) {
        self.model = model
        self.labels = labels
        self.now = now
        self.exports = exports
    }

    /// The context of the request; what the labels do not know is not there.
    public func record(_ countries: Countries = Countries()) -> Record {
        var fields: [(Text, Value)] = [
            ("model", .entity(.model(model))),
            ("now", .datetime(DateTime(milliseconds: now.nanoseconds / 1_000_000))),
        ]
        if let name = labels.dataClass { fields.append(("dataClass", .entity(.dataClass(name)))) }
        if let categories = labels.categories { fields.append(("categories", .words(Set(categories.map(\.rawValue))))) }
        if !labels.subjects.isUnknown { fields.append(("subjects", .words(countries.possible(in: labels.subjects)))) }
        if let purpose = labels.purpose { fields.append(("purpose", .string(Text(purpose)))) }
        if !labels.purposes.isEmpty { fields.append(("purposes", .words(labels.purposes))) }
        if let tags = labels.exportTags { fields.append(("exportTags", .words(tags))) }
        if let exports {
            fields.append(("exportedPersons", .long(exports.persons)))
            fields.append(("exportedSensitivePersons", .long(exports.sensitivePersons)))
        }
        return Record(fields)
    }
}
