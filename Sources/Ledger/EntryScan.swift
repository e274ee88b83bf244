import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// An entry of the data path, read in one pass without building text: of what repeats, only its number.
enum ScannedEntry {
    case hold(OpenRow)
    case end(ScannedEnd)
    case allowance(key: Int32, window: Window?, amount: Money)
}

struct ScannedEnd {
    var hold: UInt64
    var attempt: AttemptID
    var isVoided: Bool
    var settled: Money = .zero
    var back: Money = .zero
    var usage: Usage = .zero
    var isEstimated = false
    var tier = ServiceTier.standard
    /// Only where a doubt was ended.
    var evidence: String?
}

extension ScannedEnd {
    init(_ end: EndEntry) {
        self.init(
            hold: end.hold, attempt: end.attempt, isVoided: end.how == .voided, settled: end.settled, back: end.back,
            usage: end.usage, isEstimated: end.estimated, tier: end.tier, evidence: end.evidence)
    }
}

/// Keys and routes that entries name, by the bytes that entries name them with.
struct ScanNames: Sendable {
    /// The most routes that are kept; a journal that sees more over its years forgets and learns again.
    private static let mostRoutes = 4_096

    private var keyBytes = ByteTable()
    private var keyNumbers: [Int32] = []
    private var routeBytes = ByteTable()
    private var routes: [InternedRoute] = []
    private var judgedBytes = ByteTable()

    func key(_ bytes: UnsafeRawBufferPointer) -> Int32? { keyBytes.find(bytes).map { keyNumbers[Int($0)] } }

    /// A route by what stands from its first member to the end of its entry.
    func route(_ bytes: UnsafeRawBufferPointer) -> InternedRoute? { routeBytes.find(bytes).map { routes[Int($0)] } }

    mutating func add(key id: String, number: Int32) {
        // An id that is written with escapes is read by `Entry.parse`.
        guard id.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f && $0 != quote && $0 != backslash }) else { return }
        Array(id.utf8).withUnsafeBytes { keyBytes.add($0) }
        keyNumbers.append(number)
    }

    func knows(judged bytes: UnsafeRawBufferPointer) -> Bool { judgedBytes.find(bytes) != nil }

    /// The next hold that was judged alike is read without building text.
    mutating func intern(_ facts: JudgedFacts) {
        var writer = EntryWriter()
        writer.judged(facts)
        guard !writer.overflowed, judgedBytes.find(writer.bytes) == nil else { return }
        if judgedBytes.count >= Self.mostRoutes { judgedBytes = ByteTable() }
        judgedBytes.add(writer.bytes)
    }

    mutating func intern(_ facts: RouteFacts) -> InternedRoute {
        var writer = EntryWriter()
        writer.route(facts)
        guard writer.finish() else { return InternedRoute(facts) }
        if let known = route(writer.bytes) { return known }
        if routes.count >= Self.mostRoutes {
            routeBytes = ByteTable()
            routes = []
        }
        let route = InternedRoute(facts)
        routeBytes.add(writer.bytes)
        routes.append(route)
        return route
    }
}

/// A route that many holds share.
final class InternedRoute: Sendable, Hashable {
    let facts: RouteFacts

    init(_ facts: RouteFacts) { self.facts = facts }

    static func == (a: InternedRoute, b: InternedRoute) -> Bool { a === b }
    func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")

/// Reads a hold, an end or an allowance that is byte for byte as `EntryWriter` writes them. `nil` for anything else, be it another
/// kind, escaped text, an unknown key or route, or damage: `Entry.parse` has the word on those. What this accepts, `Entry.parse`
/// reads alike.
func scanEntry(
    _ bytes: UnsafeRawBufferPointer, _ names: borrowing ScanNames
) -> (sequence: UInt64, at: Timestamp, entry: ScannedEntry)? {
    guard let start = bytes.baseAddress else { return nil }
    var scanner = EntryScanner(base: start, count: bytes.count)
    guard scanner.take("{\"v\":") else { return nil }
    let isSalted = scanner.take("2,\"n\":")
    guard isSalted || scanner.take("1,\"n\":"), let sequence = scanner.natural(endedBy: UInt8(ascii: ",")) else { return nil }
    if isSalted { guard scanner.takeSalt() else { return nil } }
    guard scanner.take("\"t\":\"") else { return nil }
    let entry: ScannedEntry
    let at: Int64
    if scanner.take("hold\",\"at\":\"") {
        guard let moment = scanner.natural(), let row = scanner.hold(at: moment, names) else { return nil }
        (at, entry) = (moment, .hold(row))
    } else if scanner.take("end\",\"at\":\"") {
        guard let moment = scanner.natural(), let end = scanner.end() else { return nil }
        (at, entry) = (moment, .end(end))
    } else if scanner.take("allowance\",\"at\":\"") {
        guard let moment = scanner.natural(), let key = scanner.key(names), let window = scanner.optionalWindow(),
            scanner.take(",\"amount\":\""), let amount = scanner.natural(), scanner.isAtEnd
        else { return nil }
        (at, entry) = (moment, .allowance(key: key, window: window, amount: Money(nanos: amount)))
    } else {
        return nil
    }
    return (UInt64(sequence), Timestamp(nanoseconds: at), entry)
}

/// Steps over an entry. Every step says whether the entry went on as expected.
private struct EntryScanner {
    let base: UnsafeRawPointer
    let count: Int
    var at = 0

    init(base: UnsafeRawPointer, count: Int) { (self.base, self.count) = (base, count) }

    @inline(__always) private func byte(_ at: Int) -> UInt8 { base.load(fromByteOffset: at, as: UInt8.self) }

    @inline(__always) mutating func take(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard length <= count - at, memcmp(base + at, text.utf8Start, length) == 0 else { return false }
        at += length
        return true
    }

    /// The closing brace, and nothing after it.
    var isAtEnd: Bool { at == count - 1 && byte(at) == UInt8(ascii: "}") }

    /// Digits without leading zeros, up to and over the byte that ends them.
    @inline(__always) mutating func natural(endedBy end: UInt8 = quote) -> Int64? {
        let start = at
        var value: UInt64 = 0
        while at < count {
            let digit = byte(at) &- 0x30
            guard digit < 10 else { break }
            value = value &* 10 &+ UInt64(digit)
            at += 1
        }
        let length = at - start
        // 19 digits stay within 64 bits.
        guard length > 0, length <= 19, value <= UInt64(Int64.max), length == 1 || byte(start) != 0x30, at < count,
            byte(at) == end
        else { return nil }
        at += 1
        return Int64(value)
    }

    /// Plain ASCII up to and over its closing quote.
    @inline(__always) mutating func text() -> UnsafeRawBufferPointer? {
        let start = at
        while at < count {
            let byte = byte(at)
            if byte == quote {
                at += 1
                return UnsafeRawBufferPointer(start: base + start, count: at - 1 - start)
            }
            guard byte >= 0x20, byte < 0x7f, byte != backslash else { return nil }
            at += 1
        }
        return nil
    }

    private mutating func word() -> UInt64? {
        var value: UInt64 = 0
        for offset in at..<(at + 16) {
            let byte = byte(offset)
            let digit = byte &- 0x30
            let letter = byte &- 0x61
            guard digit < 10 || letter < 6 else { return nil }
            value = value << 4 | UInt64(digit < 10 ? digit : letter + 10)
        }
        at += 16
        return value
    }

    mutating func attempt() -> AttemptID? {
        guard take(",\"attempt\":\""), count - at > 32, let high = word(), let low = word(), take("\"") else { return nil }
        return AttemptID(high: high, low: low)
    }

    mutating func key(_ names: borrowing ScanNames) -> Int32? {
        guard take(",\"key\":\""), let id = text() else { return nil }
        return names.key(id)
    }

    mutating func takeSalt() -> Bool {
        guard take("\"s\":\""), count - at > 22, isSalt(UnsafeRawBufferPointer(start: base + at, count: 22)) else { return false }
        at += 22
        return take("\",")
    }

    /// The month of version 1, if it is there; `nil` when it is none.
    mutating func optionalWindow() -> Window?? {
        guard take(",\"window\":\"") else { return .some(nil) }
        return window().map { Optional($0) }
    }

    /// `2026-11"`, in the years that `EntryReader.window` allows.
    private mutating func window() -> Window? {
        guard count - at > 8, byte(at + 4) == UInt8(ascii: "-"), byte(at + 7) == quote,
            let century = twoDigits(at), let year = twoDigits(at + 2), let month = twoDigits(at + 5), month >= 1, month <= 12
        else { return nil }
        let years = century * 100 + year
        guard years >= 1970, years <= 2261 else { return nil }
        at += 8
        return Window(months: years * 12 + month - 1)
    }

    private func twoDigits(_ at: Int) -> Int32? {
        let tens = byte(at) &- 0x30
        let ones = byte(at + 1) &- 0x30
        return tens < 10 && ones < 10 ? Int32(tens) * 10 + Int32(ones) : nil
    }

    mutating func hold(at moment: Int64, _ names: borrowing ScanNames) -> OpenRow? {
        guard let attempt = attempt(), take(",\"call\":\""), let call = text(), let key = key(names),
            let window = optionalWindow(),
            take(",\"amount\":\""), let amount = natural()
        else { return nil }
        let drawn = take(",\"drawn\":true")
        var grace: String?
        if take(",\"grace\":\"") {
            guard let name = text() else { return nil }
            grace = String(decoding: name, as: UTF8.self)
        }
        guard take(",\"inputBound\":\""), let inputBound = natural(), take(",\"outputBound\":\""),
            let outputBound = natural(), takeSize(), take(",\"generation\":\""), let generation = natural(),
            let operation = operation()
        else { return nil }
        let stream = take(",\"stream\":true")
        guard let tier = tier(), let exported = exported(), takeJudged(names) else { return nil }
        guard at < count, let route = names.route(UnsafeRawBufferPointer(start: base + at, count: count - at)) else {
            return nil
        }
        return OpenRow(
            attempt: attempt, call: String(decoding: call, as: UTF8.self), key: key, window: window,
            amount: Money(nanos: amount), grace: grace, inputBound: inputBound, outputBound: outputBound,
            generation: UInt64(generation),
            operation: operation, drawn: drawn, stream: stream, tier: tier, exported: exported, route: route,
            at: Timestamp(nanoseconds: moment))
    }

    /// How large the call was, which no balance asks; false when it reads otherwise.
    private mutating func takeSize() -> Bool {
        guard take(",\"bytes\":\"") else { return true }
        return natural() != nil && take(",\"probable\":\"") && natural() != nil
    }

    /// Whose data left China, if anybody's; `nil` when it reads otherwise.
    private mutating func exported() -> ExportedPerson?? {
        guard take(",\"exported\":{\"person\":\"") else { return .some(nil) }
        guard count - at > 32, let high = word(), let low = word(), take("\"") else { return nil }
        let isSensitive = take(",\"sensitive\":true")
        guard take("}") else { return nil }
        return ExportedPerson(Pseudonym(high: high, low: low), isSensitive: isSensitive)
    }

    /// What was judged is in few words, each of which `Entry.parse` has read once.
    private mutating func takeJudged(_ names: borrowing ScanNames) -> Bool {
        let start = at
        guard take(",\"judged\":{") else { return true }
        var depth = 1
        while depth > 0 {
            guard at < count else { return false }
            let byte = byte(at)
            at += 1
            if byte == quote {
                guard text() != nil else { return false }
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                depth -= 1
            }
        }
        return names.knows(judged: UnsafeRawBufferPointer(start: base + start, count: at - start))
    }

    /// Standard where nothing is said.
    private mutating func tier() -> ServiceTier? {
        guard take(",\"tier\":\"") else { return .standard }
        if take("priority\"") { return .priority }
        if take("flex\"") { return .flex }
        if take("batch\"") { return .batch }
        return nil
    }

    /// Those that are there, in the order of `Meter.allCases`.
    @inline(__always)
    private mutating func meters(_ usage: inout Usage) -> Bool {
        meter(",\"input\":\"", &usage.input) && meter(",\"cachedInput\":\"", &usage.cachedInput)
            && meter(",\"cacheWrite\":\"", &usage.cacheWrite) && meter(",\"cacheWriteHour\":\"", &usage.cacheWriteHour)
            && meter(",\"audioInput\":\"", &usage.audioInput) && meter(",\"imageInput\":\"", &usage.imageInput)
            && meter(",\"output\":\"", &usage.output) && meter(",\"reasoning\":\"", &usage.reasoning)
            && meter(",\"audioOutput\":\"", &usage.audioOutput) && meter(",\"imageOutput\":\"", &usage.imageOutput)
    }

    @inline(__always)
    private mutating func meter(_ name: StaticString, _ count: inout Int64) -> Bool {
        guard take(name) else { return true }
        guard let number = natural() else { return false }
        count = number
        return true
    }

    private mutating func operation() -> Operation? {
        guard take(",\"operation\":\"") else { return nil }
        if take("chat\"") { return .chat }
        if take("responses\"") { return .responses }
        if take("embeddings\"") { return .embeddings }
        if take("completions\"") { return .completions }
        if take("conversations\"") { return .conversations }
        return nil
    }

    mutating func end() -> ScannedEnd? {
        guard take(",\"hold\":\""), let hold = natural(), let attempt = attempt(), take(",\"how\":\"") else { return nil }
        let settled = take("settled\"")
        guard settled || take("voided\"") else { return nil }
        var end = ScannedEnd(hold: UInt64(hold), attempt: attempt, isVoided: !settled)
        if take(",\"settled\":\"") {
            guard let amount = natural() else { return nil }
            end.settled = Money(nanos: amount)
        }
        if take(",\"back\":\"") {
            guard let amount = natural() else { return nil }
            end.back = Money(nanos: amount)
        }
        guard meters(&end.usage) else { return nil }
        end.isEstimated = take(",\"estimated\":true")
        guard let tier = tier() else { return nil }
        end.tier = tier
        if take(",\"why\":\"") {
            guard text() != nil else { return nil }
        }
        if take(",\"region\":\"") {
            guard text() != nil else { return nil }
        }
        if take(",\"first\":\"") {
            guard natural() != nil else { return nil }
        }
        if take(",\"deployment\":\"") {
            guard text() != nil, !take(",\"price\":\"") || text() != nil else { return nil }
        }
        if take(",\"rewrites\":[\"") {
            repeat {
                guard text() != nil else { return nil }
            } while take(",\"")
            guard take("]") else { return nil }
        }
        if take(",\"usage\":") {
            // It is the last member, so it reaches to the closing brace.
            guard at < count - 1, isOneObject(UnsafeRawBufferPointer(start: base + at, count: count - 1 - at)) else { return nil }
            at = count - 1
        }
        return isAtEnd ? end : nil
    }
}
