public import Core

/// The labels of calls as administrators see them; what is unknown is left out.
public struct CallLabelsView: Sendable, Hashable, Codable {
    public var dataClass: String?
    public var categories: [String]?
    public var subjects: [String]?
    public var purposes: [String]?
    public var exportTags: [String]?
    /// Whether clients may say more of their calls.
    public var clientsNarrow: Bool

    public init(_ labels: CallLabels) {
        dataClass = labels.dataClass
        categories = labels.categories.map { $0.map(\.rawValue).sorted() }
        subjects = labels.subjects.isEmpty ? nil : labels.subjects.sorted()
        purposes = labels.purposes.isEmpty ? nil : labels.purposes.sorted()
        exportTags = labels.exportTags?.sorted()
        clientsNarrow = labels.clientNarrows == true
    }
}
