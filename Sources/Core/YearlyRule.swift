/// When clocks change in each year to come: the POSIX `TZ` text at the end of a zone file, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct YearlyRule: Sendable, Hashable {
    /// A moment of the year, in local time.
    struct Day: Sendable, Hashable {
        enum Kind: Sendable, Hashable {
            /// 1 to 365; 29 February is never counted.
            case julian(Int)
            /// 0 to 365, leap days counted.
            case ordinal(Int)
            /// The weekday (0 is Sunday) of a week (5: the last) of a month.
            case weekday(month: Int, week: Int, day: Int)
        }

        var kind: Kind
        /// Seconds after 00:00.
        var time: Int64
    }

    struct Summer: Sendable, Hashable {
        var offset: Int64
        var from: Day
        var to: Day
    }

    /// Seconds before UTC.
    var standard: Int64
    var summer: Summer?

    init?(posix text: String) {
        var reader = PosixZoneReader(text: Array(text.utf8))
        guard reader.name(), let standard = reader.time(hoursAtMost: 24) else { return nil }
        // POSIX counts west of Greenwich.
        self.standard = -standard
        if reader.isAtEnd { return }
        guard reader.name() else { return nil }
        var offset = self.standard + 3600
        if !reader.isNext(",") {
            guard let stated = reader.time(hoursAtMost: 24) else { return nil }
            offset = -stated
        }
        guard reader.take(","), let from = reader.day(), reader.take(","), let to = reader.day(), reader.isAtEnd else {
            return nil
        }
        summer = Summer(offset: offset, from: from, to: to)
    }

    func segment(at second: Int64) -> (offset: Int64, until: Int64?) {
        guard let summer else { return (standard, nil) }
        let year = CivilDate(daysSince1970: Int(floored(second + standard, by: secondsPerDay))).year
        var changes: [(at: Int64, offset: Int64)] = []
        for year in (year - 1)...(year + 1) {
            changes.append((summer.from.second(in: year) - standard, summer.offset))
            changes.append((summer.to.second(in: year) - summer.offset, standard))
        }
        // Where summer never ends (`0/0,J365/25`), a year's end and the next one's beginning fall on one second; the later counts.
        changes.sort { $0.at != $1.at ? $0.at < $1.at : $0.offset == standard && $1.offset != standard }
        var offset = standard
        for (index, change) in changes.enumerated() {
            if change.at > second { return (offset, change.at) }
            let isUndone = index + 1 < changes.count && changes[index + 1].at == change.at
            if !isUndone { offset = change.offset }
        }
        return (offset, nil)
    }
}

extension YearlyRule.Day {
    /// Local seconds since 1970.
    func second(in year: Int) -> Int64 {
        let january = CivilDate(year: year, month: 1, day: 1).daysSince1970
        let day: Int
        switch kind {
        case .julian(let number):
            let isLeap = CivilDate(year: year, month: 3, day: 1).daysSince1970 - january == 60
            day = january + number - 1 + (isLeap && number >= 60 ? 1 : 0)
        case .ordinal(let number): day = january + number
        case .weekday(let month, let week, let weekday):
            let first = CivilDate(year: year, month: month, day: 1).daysSince1970
            let next = Month(year: year, month: month).next
            let end = CivilDate(year: next.year, month: next.month, day: 1).daysSince1970
            // 1970-01-01 was a Thursday, and Sunday is 0.
            let ahead = Int(modulo(Int64(weekday - (first + 4)), 7))
            var found = first + ahead + (week - 1) * 7
            while found >= end { found -= 7 }
            day = found
        }
        return Int64(day) * secondsPerDay + time
    }
}

private struct PosixZoneReader {
    let text: [UInt8]
    var at = 0

    init(text: [UInt8]) { self.text = text }

    var isAtEnd: Bool { at == text.count }
    func isNext(_ character: Unicode.Scalar) -> Bool { at < text.count && text[at] == UInt8(ascii: character) }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard isNext(character) else { return false }
        at += 1
        return true
    }

    /// `CET` or `<+08>`.
    mutating func name() -> Bool {
        if take("<") {
            while at < text.count, text[at] != UInt8(ascii: ">") { at += 1 }
            return take(">")
        }
        let start = at
        while at < text.count, text[at] | 0x20 >= 0x61, text[at] | 0x20 <= 0x7a { at += 1 }
        return at - start >= 3
    }

    mutating func number(atMost: Int) -> Int? {
        let start = at
        var value = 0
        while at < text.count, at - start < 4, text[at] >= 0x30, text[at] <= 0x39 {
            value = value * 10 + Int(text[at] - 0x30)
            at += 1
        }
        return at > start && value <= atMost ? value : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time(hoursAtMost: Int) -> Int64? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard let hours = number(atMost: hoursAtMost) else { return nil }
        var seconds = Int64(hours) * 3600
        if take(":") {
            guard let minutes = number(atMost: 59) else { return nil }
            seconds += Int64(minutes) * 60
            if take(":") {
                guard let more = number(atMost: 59) else { return nil }
                seconds += Int64(more)
            }
        }
        return isNegative ? -seconds : seconds
    }

    mutating func day() -> YearlyRule.Day? {
        let kind: YearlyRule.Day.Kind
        if take("J") {
            guard let number = number(atMost: 365), number >= 1 else { return nil }
            kind = .julian(number)
        } else if take("M") {
            guard let month = number(atMost: 12), month >= 1, take("."), let week = number(atMost: 5), week >= 1, take("."),
                let day = number(atMost: 6)
            else { return nil }
            kind = .weekday(month: month, week: week, day: day)
        } else {
            guard let number = number(atMost: 365) else { return nil }
            kind = .ordinal(number)
        }
        guard take("/") else { return YearlyRule.Day(kind: kind, time: 2 * 3600) }
        // RFC 8536 allows a week of hours either way.
        guard let time = time(hoursAtMost: 167) else { return nil }
        return YearlyRule.Day(kind: kind, time: time)
    }
}
