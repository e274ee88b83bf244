/// The clock and calendar of one place: how far it is from UTC at each moment, past and to come, as the IANA database says.
///
/// Reading the database's files is for others; `utc` needs none.
public struct CivilZone: Sendable, Hashable {
    /// From this second on (UTC) clocks stand `offset` seconds before UTC.
    struct Change: Sendable, Hashable {
        var at: Int64
        var offset: Int64
    }

    /// Before the first change.
    let initial: Int64
    let changes: [Change]
    /// After the last change.
    let rule: YearlyRule?

    public static let utc = CivilZone(initial: 0, changes: [], rule: nil)

    init(initial: Int64, changes: [Change], rule: YearlyRule?) {
        self.initial = initial
        self.changes = changes
        self.rule = rule
    }

    /// Reads a compiled zone file (TZif, RFC 8536) of version 2 or later, without leap seconds.
    /// - Returns: nil for anything else.
    public init?(tzif bytes: [UInt8]) {
        var reader = ZoneReader(bytes: bytes)
        guard let old = reader.header(), old.version >= UInt8(ascii: "2"), reader.skip(old.bodyBytes(timeBytes: 4)),
            let head = reader.header(), let body = reader.body(head)
        else { return nil }
        let footer = reader.footer()
        guard let footer else { return nil }
        let rule = footer.isEmpty ? nil : YearlyRule(posix: footer)
        if !footer.isEmpty, rule == nil { return nil }
        self.init(initial: body.initial, changes: body.changes, rule: rule)
    }
}

// MARK: Offsets

extension CivilZone {
    /// Seconds that clocks here stand before UTC.
    public func offset(at moment: Timestamp) -> Int64 { segment(at: moment.seconds).offset }

    /// The offset at a second and until when it holds; nil: for ever.
    func segment(at second: Int64) -> (offset: Int64, until: Int64?) {
        var low = 0
        var high = changes.count
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= second { low = middle + 1 } else { high = middle }
        }
        if low < changes.count { return (low == 0 ? initial : changes[low - 1].offset, changes[low].at) }
        guard let rule else { return (changes.last?.offset ?? initial, nil) }
        return rule.segment(at: second)
    }

    /// The first second at which a local date has begun. Where clocks skip midnight that is later than 00:00.
    func start(ofDay days: Int) -> Int64 {
        let midnight = Int64(days) * secondsPerDay
        // No zone is more than 26 hours from UTC.
        var at = midnight - 26 * 3600
        while true {
            let (offset, until) = segment(at: at)
            let candidate = max(at, midnight - offset)
            guard let until, candidate >= until else { return candidate }
            at = until
        }
    }
}

// MARK: Windows

extension CivilZone {
    /// The calendar day, week (from Monday) or month that a moment lies in; nil for periods that no calendar knows.
    public func window(of period: Period, at moment: Timestamp) -> (from: Timestamp, to: Timestamp)? {
        let second = moment.seconds
        var day = Int(floored(second + segment(at: second).offset, by: secondsPerDay))
        // Where clocks went back over midnight, the later date has begun already.
        while start(ofDay: day) > second { day -= 1 }
        while start(ofDay: day + 1) <= second { day += 1 }
        let first: Int
        let next: Int
        switch period {
        case .day: (first, next) = (day, day + 1)
        case .week:
            // 1970-01-01 was a Thursday.
            first = day - Int(modulo(Int64(day) + 3, 7))
            next = first + 7
        case .month:
            let date = CivilDate(daysSince1970: day)
            let month = Month(year: date.year, month: date.month)
            first = day - date.day + 1
            next = CivilDate(year: month.next.year, month: month.next.month, day: 1).daysSince1970
        case .rolling, .total: return nil
        }
        return (Timestamp(seconds: start(ofDay: first)), Timestamp(seconds: start(ofDay: next)))
    }
}

let secondsPerDay: Int64 = 86_400

func floored(_ value: Int64, by divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
}

func modulo(_ value: Int64, _ divisor: Int64) -> Int64 { value - floored(value, by: divisor) * divisor }

// MARK: The file

/// The most changes and types a file may have; real ones have some 250.
private let mostRecords = 10_000

private struct ZoneReader {
    struct Header {
        var version: UInt8
        var isUTC: Int
        var isStandard: Int
        var leaps: Int
        var times: Int
        var types: Int
        var letters: Int

        func bodyBytes(timeBytes: Int) -> Int {
            times * timeBytes + times + types * 6 + letters + leaps * (timeBytes + 4) + isStandard + isUTC
        }
    }

    let bytes: [UInt8]
    var at = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, bytes.count - at >= count else { return false }
        at += count
        return true
    }

    private mutating func integer(_ count: Int) -> Int64? {
        guard bytes.count - at >= count else { return nil }
        var value = Int64(Int8(bitPattern: bytes[at]))
        for byte in bytes[(at + 1)..<(at + count)] { value = value << 8 | Int64(byte) }
        at += count
        return value
    }

    mutating func header() -> Header? {
        guard bytes.count - at >= 44, bytes[at..<(at + 4)].elementsEqual("TZif".utf8) else { return nil }
        let version = bytes[at + 4]
        at += 20
        var counts: [Int] = []
        for _ in 0..<6 {
            guard let count = integer(4), count >= 0, count <= mostRecords else { return nil }
            counts.append(Int(count))
        }
        return Header(
            version: version, isUTC: counts[0], isStandard: counts[1], leaps: counts[2], times: counts[3], types: counts[4],
            letters: counts[5])
    }

    mutating func body(_ head: Header) -> (initial: Int64, changes: [CivilZone.Change])? {
        // Leap seconds would shift every moment; the files that have them are for other uses.
        guard head.leaps == 0, head.types > 0, bytes.count - at >= head.bodyBytes(timeBytes: 8) else { return nil }
        var times: [Int64] = []
        for _ in 0..<head.times {
            guard let time = integer(8), times.last.map({ $0 < time }) ?? true else { return nil }
            times.append(time)
        }
        let kinds = bytes[at..<(at + head.times)]
        at += head.times
        var offsets: [Int64] = []
        for _ in 0..<head.types {
            guard let offset = integer(4), abs(offset) <= 26 * 3600, skip(2) else { return nil }
            offsets.append(offset)
        }
        guard kinds.allSatisfy({ Int($0) < offsets.count }),
            skip(head.letters + head.isStandard + head.isUTC)
        else { return nil }
        let changes = zip(times, kinds).map { CivilZone.Change(at: $0, offset: offsets[Int($1)]) }
        return (offsets[0], changes)
    }

    /// What stands between two line feeds at the end of the file.
    mutating func footer() -> String? {
        guard at < bytes.count, bytes[at] == 0x0a, let end = bytes[(at + 1)...].firstIndex(of: 0x0a) else { return nil }
        return String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
    }
}
