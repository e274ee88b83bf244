import Core
import Foundation
import Testing

@Suite("Exports from China")
struct ExportTests {
    @Test("A year begins in China eight hours before it begins in UTC, to the nanosecond")
    func years() throws {
        for year in [1999, 2024, 2026, 2027, 2100, 2261] {
            let turn = CivilDate(year: year, month: 1, day: 1).start.nanoseconds - 8 * 3_600_000_000_000
            #expect(Timestamp(nanoseconds: turn).yearInChina == year)
            #expect(Timestamp(nanoseconds: turn - 1).yearInChina == year - 1)
            #expect(Timestamp(nanoseconds: turn).advanced(byMilliseconds: -1).yearInChina == year - 1)
        }
        #expect(Timestamp(nanoseconds: .max).yearInChina == 2262)
        #expect(Timestamp(nanoseconds: .min).yearInChina == 1677)
    }

    @Test("China has kept UTC+8 without daylight saving in every hour since 1992, as this machine's time zone database has it")
    func offset() throws {
        let bytes = try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Asia/Shanghai"))
        let shanghai = try #require(CivilZone(tzif: Array(bytes)))
        let start = CivilDate(year: 1992, month: 1, day: 1).start.seconds
        let end = CivilDate(year: 2100, month: 1, day: 1).start.seconds
        let odd = stride(from: start, to: end, by: 3_600).first {
            shanghai.offset(at: Timestamp(seconds: $0)) != ChinaTime.offsetSeconds
        }
        #expect(odd == nil)
        // The source that the constant names.
        #expect(shanghai.offset(at: CivilDate(year: 1991, month: 8, day: 1).start) == 9 * 3_600)
    }

    @Test(
        "The path that a count reaches turns exactly at the law's thresholds",
        arguments: [
            (0, 0, ExportPath.exempt), (99_999, 0, .exempt), (100_000, 0, .contract), (999_999, 0, .contract),
            (1_000_000, 0, .assessment), (1, 1, .contract), (9_999, 9_999, .contract), (10_000, 10_000, .assessment),
            (99_999, 1, .contract), (100_000, 10_000, .assessment), (Int64.max, 0, .assessment),
        ])
    func path(persons: Int64, sensitive: Int64, path: ExportPath) {
        #expect(ExportCount(persons: persons, sensitivePersons: sensitive).path == path)
    }

    @Test("A pseudonym is 32 digits, and pseudonyms are ordered as their text is")
    func pseudonyms() {
        let some = [(0, 0), (0, 1), (1, 0), (1, UInt64.max), (UInt64.max, 0), (UInt64.max, UInt64.max)]
        let all = some.map { Pseudonym(high: $0.0, low: $0.1) }
        #expect(all.allSatisfy { $0.description.utf8.count == 32 })
        #expect(all == all.shuffled().sorted())
        #expect(all.map(\.description) == all.map(\.description).sorted())
        #expect(all[3].description == "0000000000000001ffffffffffffffff")
    }
}
