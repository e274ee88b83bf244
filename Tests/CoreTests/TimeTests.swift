import Core
import TestKit
import Testing

@Suite("Time is counted in UTC")
struct TimeTests {
    static let days: [(text: String, days: Int?)] = [
        ("1970-01-01", 0), ("1969-12-31", -1), ("1970-12-31", 364), ("1971-01-01", 365), ("2000-02-29", 11_016),
        ("2000-03-01", 11_017), ("2024-02-29", 19_782), ("2024-12-31", 20_088), ("2025-01-01", 20_089), ("2026-11-23", 20_780),
        ("0000-02-29", -719_469), ("0000-03-01", -719_468), ("0001-01-01", -719_162), ("1600-02-29", -135_081),
        ("9999-12-31", 2_932_896),
        ("2023-02-29", nil), ("1900-02-29", nil), ("2100-02-29", nil), ("2026-04-31", nil), ("2026-02-30", nil),
        ("2026-01-32", nil),
        ("2026-13-01", nil), ("2026-00-01", nil), ("2026-01-00", nil), ("2026-1-1", nil), ("26-01-01", nil), ("2026-01", nil),
        ("2026-01-01-01", nil), ("2026/01/01", nil), (" 2026-01-01", nil), ("2026-01-1 ", nil), ("-026-01-01", nil),
        ("+026-01-01", nil), ("2026-+1-01", nil), ("", nil), ("٢٠٢٦-01-01", nil),
    ]

    @Test("A day is read when the calendar has it, leap days included", arguments: days.indices)
    func day(_ index: Int) {
        let (text, days) = Self.days[index]
        #expect(CivilDate(text)?.daysSince1970 == days, "\(text)")
        if let days { #expect(CivilDate(daysSince1970: days).description == text) }
    }

    @Test("Every day from year 0 to 4000 follows the one before")
    func everyDay() {
        var before = CivilDate(year: -1, month: 12, day: 31)
        var broken: [Int] = []
        for day in -719_528...741_532 {
            let date = CivilDate(daysSince1970: day)
            let isLeap = before.year % 4 == 0 && (before.year % 100 != 0 || before.year % 400 == 0)
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            let next =
                before.day < lengths[before.month - 1]
                ? CivilDate(year: before.year, month: before.month, day: before.day + 1)
                : before.month < 12
                    ? CivilDate(year: before.year, month: before.month + 1, day: 1)
                    : CivilDate(year: before.year + 1, month: 1, day: 1)
            if date != next || date.daysSince1970 != day || !(before < date) { broken.append(day) }
            before = date
        }
        #expect(broken.isEmpty)
        #expect(before == CivilDate(year: 4000, month: 3, day: 31))
    }

    static let moments: [(nanoseconds: Int64, text: String)] = [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (-1_000_000, "1969-12-31T23:59:59.999Z"),
        (-1_000_000_000, "1969-12-31T23:59:59.000Z"), (-1_000_000_001, "1969-12-31T23:59:58.999Z"),
        (999_999, "1970-01-01T00:00:00.000Z"),
        (1_795_441_789_125_000_000, "2026-11-23T13:49:49.125Z"), (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
        (1_735_689_599_999_999_999, "2024-12-31T23:59:59.999Z"), (1_735_689_600_000_000_000, "2025-01-01T00:00:00.000Z"),
        (.max, "2262-04-11T23:47:16.854Z"), (.min, "1677-09-21T00:12:43.145Z"),
    ]

    @Test("A moment is written in RFC 3339, and before 1970 too", arguments: moments.indices)
    func moment(_ index: Int) {
        let (nanoseconds, text) = Self.moments[index]
        #expect(Timestamp(nanoseconds: nanoseconds).description == text)
    }

    @Test(
        "A moment beyond the range of the clock is its end, and never a crash",
        arguments: [Int64.max, 9_223_372_037, 253_402_300_799])
    func saturation(_ seconds: Int64) {
        #expect(Timestamp(seconds: seconds).nanoseconds == .max)
        #expect(Timestamp(seconds: -seconds).nanoseconds == .min)
        #expect(CivilDate(year: 9999, month: 12, day: 31).start.nanoseconds == .max)
    }

    @Test("Seconds are floored, milliseconds between moments are whole")
    func arithmetic() {
        #expect(Timestamp(nanoseconds: 1_999_999_999).seconds == 1)
        #expect(Timestamp(nanoseconds: -1).seconds == -1)
        #expect(Timestamp(nanoseconds: -1_000_000_000).seconds == -1)
        #expect(Timestamp(seconds: 5).advanced(byMilliseconds: -5_001).seconds == -1)
        #expect(Timestamp(seconds: 5).milliseconds(since: Timestamp(seconds: 3)) == 2_000)
        #expect(Timestamp(seconds: 3).milliseconds(since: Timestamp(seconds: 5)) == -2_000)
        #expect(Timestamp(nanoseconds: 1_999_999).milliseconds(since: Timestamp(nanoseconds: 0)) == 1)
        #expect(Timestamp(seconds: 1) < Timestamp(seconds: 2))
    }

    static let monthEnds: [(moment: String, seconds: Int64, month: String, next: String)] = [
        ("the last second of a leap February", 1_709_251_199, "2024-02", "2024-03"),
        ("the first of March after it", 1_709_251_200, "2024-03", "2024-04"),
        ("the last second of a plain February", 1_677_628_799, "2023-02", "2023-03"),
        ("the last second of a year", 1_735_689_599, "2024-12", "2025-01"),
        ("the first second of a year", 1_735_689_600, "2025-01", "2025-02"),
        ("the second before 1970", -1, "1969-12", "1970-01"),
    ]

    @Test("Months turn at midnight UTC, leap days and new years included", arguments: monthEnds.indices)
    func monthEnd(_ index: Int) {
        let (what, seconds, month, next) = Self.monthEnds[index]
        let moment = Timestamp(seconds: seconds)
        #expect(moment.month.description == month, "\(what)")
        #expect(moment.month.next.description == next)
        #expect(Month(month) == moment.month)
        #expect(moment.month.start <= moment && moment < moment.month.next.start)
        #expect(moment.month < moment.month.next)
    }

    @Test(
        "What is no month is not read",
        arguments: ["", "2026", "2026-13", "2026-00", "2026-1", "2026-11-01", "26-11", "2026-11 ", "２０２６-11"])
    func noMonth(_ text: String) {
        #expect(Month(text) == nil)
    }

    @Test("A random moment lies within its day and its month")
    func random() {
        let seed = testSeed("Moments")
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            let moment = Timestamp(nanoseconds: Int64(truncatingIfNeeded: random.next()) / 2)
            let date = moment.date
            let tomorrow = CivilDate(daysSince1970: date.daysSince1970 + 1)
            let isRight =
                date.start <= moment && moment < tomorrow.start && moment.month.start <= moment
                && moment < moment.month.next.start && CivilDate(date.description) == date
            if !isRight { Issue.record("seed \(seed): \(moment.nanoseconds)") }
        }
    }
}
