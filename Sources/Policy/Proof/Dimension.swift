import Cedar
import Core

/// One label of a call, or what else differs between two calls of one caller for one model: the axes of the space that a proof covers.
/// They are independent of each other; fields of the context that are not stand in one dimension.
enum Dimension: Int, CaseIterable, Hashable, Sendable {
    case dataClass, categories, subjects, purposes, exportTags, exports, now

    /// The fields of the context that it fills.
    var fields: [Text] {
        switch self {
        case .dataClass: ["dataClass"]
        case .categories: ["categories"]
        case .subjects: ["subjects"]
        case .purposes: ["purpose", "purposes"]
        case .exportTags: ["exportTags"]
        case .exports: ["exportedPersons", "exportedSensitivePersons"]
        case .now: ["now"]
        }
    }

    static func of(_ field: Text) -> Dimension? { allCases.first { $0.fields.contains(field) } }

    /// Whether any condition on it can be decided, since a proof goes through every single value.
    var isListedWhole: Bool { self == .dataClass }

    /// Whether its values that matter are few enough to be listed beforehand. Those of the others are found as they are asked for.
    var isListed: Bool {
        switch self {
        case .dataClass, .exports, .now: true
        case .categories, .subjects, .purposes, .exportTags: false
        }
    }

    /// In words, for counterexamples and reasons.
    var name: String {
        switch self {
        case .dataClass: "class"
        case .categories: "categories"
        case .subjects: "subjects"
        case .purposes: "purposes"
        case .exportTags: "exportTags"
        case .exports: "exported persons"
        case .now: "now"
        }
    }
}

/// One value of a dimension. Unknown is a value too.
enum Coordinate: Hashable, Sendable {
    case dataClass(String?)
    case categories(Set<DataCategory>?)
    case subjects(Set<Place>)
    case purposes(Set<String>)
    case exportTags(Set<String>?)
    case exports(ExportCount?)
    case now(Timestamp)

    var isUnknown: Bool {
        switch self {
        case .dataClass(let name): name == nil
        case .categories(let categories): categories == nil
        case .subjects(let places): places.isUnknown
        case .purposes(let names): names.isEmpty
        case .exportTags(let tags): tags == nil
        case .exports(let count): count == nil
        case .now: false
        }
    }

    func put(into call: inout CallContext) {
        switch self {
        case .dataClass(let name): call.labels.dataClass = name
        case .categories(let categories): call.labels.categories = categories
        case .subjects(let places): call.labels.subjects = places
        case .purposes(let names): call.labels.purposes = names
        case .exportTags(let tags): call.labels.exportTags = tags
        case .exports(let count): call.exports = count
        case .now(let moment): call.now = moment
        }
    }

    /// Its dimension's fields of the context, as a call would fill them.
    func fields(of dimension: Dimension, _ countries: Countries) -> [(Text, Value)] {
        var call = CallContext(model: "", labels: .unknown, now: Timestamp(nanoseconds: 0))
        put(into: &call)
        return call.record(countries).fields.filter { dimension.fields.contains($0.name) }.map { ($0.name, $0.value) }
    }

    /// Its words as policies see them.
    func words(_ countries: Countries) -> Set<String> {
        switch self {
        case .categories(let categories): Set((categories ?? []).map(\.rawValue))
        case .subjects(let places): countries.possible(in: places)
        case .purposes(let names): names
        case .exportTags(let tags): tags ?? []
        case .dataClass, .exports, .now: []
        }
    }
}

extension Coordinate: CustomStringConvertible {
    var description: String {
        func list(_ words: some Sequence<String>) -> String { "[" + words.sorted().joined(separator: ", ") + "]" }
        return switch self {
        case .dataClass(let name): name ?? "unknown"
        case .categories(let categories): categories.map { list($0.map(\.rawValue)) } ?? "unknown"
        case .subjects(let places): places.isUnknown ? "unknown" : list(places)
        case .purposes(let names): names.isEmpty ? "unknown" : list(names)
        case .exportTags(let tags): tags.map { list($0) } ?? "unknown"
        case .exports(let count): count.map { "\($0.persons), \($0.sensitivePersons) with sensitive data" } ?? "unknown"
        case .now(let moment): "\(moment)"
        }
    }
}
