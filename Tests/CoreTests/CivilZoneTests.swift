import Core
import Foundation
import TestKit
import Testing

@Suite("Time zones")
struct CivilZoneTests {
    private func zone(_ name: String) throws -> CivilZone {
        try #require(CivilZone(tzif: Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/\(name)")))))
    }

    private func at(_ date: String, _ time: String = "00:00") throws -> Timestamp {
        let day = try #require(CivilDate(date))
        let parts = time.split(separator: ":").compactMap { Int64($0) }
        return Timestamp(seconds: day.start.seconds + parts[0] * 3600 + parts[1] * 60)
    }

    private func window(_ zone: CivilZone, _ period: Period, _ moment: Timestamp) throws -> [Timestamp] {
        let window = try #require(zone.window(of: period, at: moment))
        return [window.from, window.to]
    }

    @Test("A day of Stockholm has 24 hours, 23 when summer begins and 25 when it ends, also in years that no table lists")
    func stockholm() throws {
        let stockholm = try zone("Europe/Stockholm")
        let day = Period.day(zone: "Europe/Stockholm")
        // 2026: summer begins on 29 March and ends on 25 October, both at 01:00 UTC.
        #expect(try window(stockholm, day, at("2026-03-28", "12:00")) == [at("2026-03-27", "23:00"), at("2026-03-28", "23:00")])
        #expect(try window(stockholm, day, at("2026-03-29", "12:00")) == [at("2026-03-28", "23:00"), at("2026-03-29", "22:00")])
        #expect(try window(stockholm, day, at("2026-10-25", "12:00")) == [at("2026-10-24", "22:00"), at("2026-10-25", "23:00")])
        // 2060: 28 March and 31 October, by the rule at the end of the file.
        #expect(try window(stockholm, day, at("2060-03-28", "12:00")) == [at("2060-03-27", "23:00"), at("2060-03-28", "22:00")])
        #expect(try window(stockholm, day, at("2060-10-31", "12:00")) == [at("2060-10-30", "22:00"), at("2060-10-31", "23:00")])
        #expect(stockholm.offset(at: try at("2060-07-01")) == 7_200)
        #expect(stockholm.offset(at: try at("2060-12-01")) == 3_600)
    }

    @Test("Weeks begin on Monday and months on their first, in local time")
    func weeks() throws {
        let shanghai = try zone("Asia/Shanghai")
        let moment = try at("2026-11-30", "17:00")
        #expect(
            try window(shanghai, .day(zone: "Asia/Shanghai"), moment)
                == [at("2026-11-30", "16:00"), at("2026-12-01", "16:00")])
        #expect(
            try window(shanghai, .month(zone: "Asia/Shanghai"), moment)
                == [at("2026-11-30", "16:00"), at("2026-12-31", "16:00")])
        // 2026-11-30 is a Monday.
        #expect(
            try window(shanghai, .week(zone: "Asia/Shanghai"), moment)
                == [at("2026-11-29", "16:00"), at("2026-12-06", "16:00")])
        #expect(try window(.utc, .week(zone: "UTC"), at("2026-11-29", "23:59")) == [at("2026-11-23"), at("2026-11-30")])
        // Until 1991 Shanghai had summer time.
        #expect(shanghai.offset(at: try at("1990-07-01")) == 9 * 3_600)
        #expect(CivilZone.utc.window(of: .total, at: moment) == nil)
    }

    @Test(
        "Windows follow each other without gap or overlap where midnight is skipped, repeated or a whole day is missing",
        arguments: [
            "Europe/Stockholm", "America/Sao_Paulo", "America/St_Johns", "America/Havana", "Asia/Beirut", "Pacific/Apia",
            "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Scoresbysund", "Africa/Casablanca", "Europe/Dublin",
        ])
    func follow(name: String) throws {
        let zone = try zone(name)
        for period in [Period.day(zone: name), .week(zone: name), .month(zone: name)] {
            var moment = try at("1985-01-01")
            let end = try at("2045-01-01")
            var last = try window(zone, period, moment)
            while moment < end {
                let next = try window(zone, period, last[1])
                #expect(next[0] == last[1], "\(name) \(period) \(last[1])")
                #expect(next[1] > next[0])
                let middle = Timestamp(nanoseconds: next[0].nanoseconds / 2 + next[1].nanoseconds / 2)
                #expect(try window(zone, period, middle) == next, "\(name) \(period) \(middle)")
                let before = Timestamp(nanoseconds: next[1].nanoseconds - 1)
                #expect(try window(zone, period, before) == next, "\(name) \(period) \(before)")
                (last, moment) = (next, next[1])
            }
        }
    }

    @Test("Foundation's calendar begins days, weeks and months of many zones at the same moments")
    func foundation() throws {
        var random = SeededRandom(seed: testSeed("CivilZoneTests"))
        for name in ["Europe/Stockholm", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"] {
            let zone = try zone(name)
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = try #require(TimeZone(identifier: name))
            calendar.firstWeekday = 2
            for _ in 0..<300 {
                let seconds = Int64.random(in: 500_000_000...2_100_000_000, using: &random)
                let date = Date(timeIntervalSince1970: Double(seconds))
                for (period, unit) in [
                    (Period.day(zone: name), Calendar.Component.day), (.week(zone: name), .weekOfYear),
                    (.month(zone: name), .month),
                ] {
                    let expected = try #require(calendar.dateInterval(of: unit, for: date))
                    let found = try window(zone, period, Timestamp(seconds: seconds))
                    #expect(found[0].seconds == Int64(expected.start.timeIntervalSince1970), "\(name) \(period) \(seconds)")
                    #expect(found[1].seconds == Int64(expected.end.timeIntervalSince1970), "\(name) \(period) \(seconds)")
                }
            }
        }
    }

    @Test("A damaged zone file is refused or read as some zone; nothing crashes")
    func damaged() throws {
        var random = SeededRandom(seed: testSeed("CivilZoneTests.damaged"))
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/Europe/Stockholm")))
        var refused = 0
        for _ in 0..<4_000 {
            var bytes = whole
            for _ in 0...Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = .random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(at...)
                default: bytes.remove(at: at)
                }
            }
            guard let zone = CivilZone(tzif: bytes) else {
                refused += 1
                continue
            }
            _ = zone.window(
                of: .day(zone: "x"), at: Timestamp(seconds: .random(in: -5_000_000_000...5_000_000_000, using: &random)))
        }
        #expect(refused > 1_000)
        #expect(CivilZone(tzif: []) == nil)
    }
}
