import Cedar
import Core

/// Why a proof gives up: not a no, and never a yes.
public struct Undecided: Error, Hashable, Sendable {
    public var reason: String
    /// What to write instead, or how to make it smaller.
    public var hint: String
}

/// All values of one dimension that calls of some callers can have: listed one by one, or found as they are asked for.
enum Axis {
    case listed(Candidates)
    case sets(LabelSpace)

    /// What an axis is made from. Equal questions have equal axes.
    struct Question: Hashable {
        var dimension: Dimension
        var readings: Readings
        /// The bounds under which a call can be made, as far as they matter to the dimension.
        var bound: CallLabels
        /// In milliseconds.
        var now: ClosedRange<Int64>
        /// Whether anything asks for the dimension; if not, one value stands for all.
        var isAsked: Bool

        /// - Parameter readings: nil when nothing asks for the dimension.
        init(_ dimension: Dimension, _ readings: Readings?, bound: CallLabels, now: ClosedRange<Int64>) {
            self.dimension = dimension
            self.readings = readings ?? Readings()
            self.now = dimension == .now ? now : 0...0
            isAsked = readings != nil
            var own = CallLabels()
            switch dimension {
            case .dataClass: own.dataClass = bound.dataClass
            case .categories: own.categories = bound.categories
            case .subjects: own.subjects = bound.subjects
            case .purposes: own.purposes = bound.purposes
            case .exportTags: own.exportTags = bound.exportTags
            case .exports, .now: break
            }
            self.bound = own
        }
    }

    /// - Parameter classes: of the configuration whose bounds these are.
    init(_ question: Question, _ classes: DataClasses, _ countries: Countries) throws(Undecided) {
        self =
            question.dimension.isListed
            ? .listed(Candidates(question, classes, countries)) : .sets(try LabelSpace(question, countries))
    }
}

/// Values of one dimension that nothing tells apart.
enum Kind {
    case dataClass(String?)
    /// In milliseconds, and whether nothing turns afterwards.
    case moments(ClosedRange<Int64>, isLast: Bool)
    /// nil: nobody has counted.
    case counts(CountKind?)

    /// One that stands for all of them.
    var example: Coordinate {
        switch self {
        case .dataClass(let name): .dataClass(name)
        case .moments(let span, _): .now(Self.timestamp(span.lowerBound))
        case .counts(let count): .exports(count?.example)
        }
    }

    var words: String {
        switch self {
        case .dataClass(let name): return name ?? "unknown"
        case .moments(let span, let isLast):
            let (first, last) = (Self.timestamp(span.lowerBound), Self.timestamp(span.upperBound))
            return first == last ? "\(first)" : isLast ? "from \(first) on" : "from \(first) to \(last)"
        case .counts(let count): return count?.words ?? "not counted"
        }
    }

    private static func timestamp(_ milliseconds: Int64) -> Timestamp { Timestamp(nanoseconds: milliseconds * 1_000_000) }
}

/// Kinds of values of one dimension: all that calls of some callers can have.
final class Candidates {
    let dimension: Dimension
    let kinds: [Kind]
    /// What stands for each kind.
    let all: [Coordinate]
    /// As the request's context holds them.
    let fields: [[(Text, Value)]]
    /// What parts of conditions come to, by part and then by candidate. Filled by whoever asks.
    var tables: [Int: [Int32]] = [:]

    init(_ question: Axis.Question, _ classes: DataClasses, _ countries: Countries) {
        dimension = question.dimension
        let kinds = Self.kinds(question, classes)
        self.kinds = question.isAsked ? kinds : Array(kinds.prefix(1))
        all = self.kinds.map(\.example)
        fields = all.map { $0.fields(of: question.dimension, countries) }
    }

    /// Examples come from the front, and a known label says more.
    private static func kinds(_ question: Axis.Question, _ classes: DataClasses) -> [Kind] {
        let numbers = question.readings.numbers
        switch question.dimension {
        case .now:
            return Intervals(question.now, cutAt: numbers["now"] ?? []).pieces.map {
                .moments($0, isLast: $0.upperBound == question.now.upperBound)
            }
        case .exports:
            let counts = CountKind.all(
                persons: numbers["exportedPersons"] ?? [], sensitive: numbers["exportedSensitivePersons"] ?? [])
            return counts.map { .counts($0) } + [.counts(nil)]
        default:
            // Unknown is possible whatever the bounds: a new configuration may have dropped a key's class.
            let least = question.bound.dataClass.flatMap(classes.rank) ?? 0
            return classes.names.filter { (classes.rank(of: $0) ?? 0) >= least }.map { .dataClass($0) } + [.dataClass(nil)]
        }
    }
}

/// Axes that were made before: most circumstances ask the same of a dimension.
struct KnownAxes {
    private var known: [Axis.Question: Axis] = [:]

    /// By dimension.
    ///
    /// - Parameters:
    ///   - readings: by dimension; nil where nothing asks for it.
    ///   - bound: of the caller's calls.
    ///   - now: milliseconds.
    mutating func axes(
        _ world: PolicyWorld, _ readings: [Readings?], bound: CallLabels, now: ClosedRange<Int64>
    ) throws(Undecided) -> [Axis] {
        var all: [Axis] = []
        for dimension in Dimension.allCases {
            let question = Axis.Question(dimension, readings[dimension.rawValue], bound: bound, now: now)
            if let axis = known[question] {
                all.append(axis)
            } else {
                let made = try Axis(question, world.classes, world.countries)
                known[question] = made
                all.append(made)
            }
        }
        return all
    }
}
