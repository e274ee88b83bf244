import Core
@testable import Drill
import Testing

@Suite("How fast an endpoint was")
struct SpeedTests {
    private let place = Speeds.Place(endpoint: "qwen", model: "m")

    private func made(_ samples: [(Int64, Int64, Int64?)]) -> Speed? {
        var speeds = Speeds()
        for (tokens, microseconds, first) in samples {
            speeds.add(
                Speeds.Sample(outputTokens: tokens, microseconds: microseconds, firstTokenMicroseconds: first), at: place)
        }
        return speeds.speed(at: place)
    }

    @Test("A line through its answers: 200 ms and 10 ms a token, whatever one slow answer says")
    func line() throws {
        let fair: [(Int64, Int64, Int64?)] = (1...20).map { ($0 * 10, 200_000 + $0 * 100_000, 210_000) }
        let speed = try #require(made(fair + [(50, 90_000_000, 80_000_000)]))
        #expect(speed.samples == 21 && speed.firstTokenMicroseconds == 210_000)
        #expect(speed.microseconds(outputTokens: 100) == 1_200_000 && speed.microseconds(outputTokens: 0) == 200_000)
    }

    @Test("Answers of one length say how long that takes, an endpoint that was never used says nothing, and no time is negative")
    func edges() {
        #expect(made([(8, 500, nil), (8, 700, nil), (8, 600, nil)])?.microseconds(outputTokens: 8) == 600)
        #expect(made([(8, 500, nil)])?.firstTokenMicroseconds == nil)
        #expect(made([]) == nil)
        // Longer answers that came faster: no slope.
        #expect(made([(1, 900, nil), (100, 100, nil)])?.microseconds(outputTokens: 1_000) == 100)
    }

    @Test("Only the newest answers count")
    func newest() {
        let old: [(Int64, Int64, Int64?)] = (0..<500).map { _ in (10, 9_000_000, nil) }
        let new: [(Int64, Int64, Int64?)] = (0..<Speeds.samplesMost).map { _ in (10, 1_000, nil) }
        #expect(made(old + new)?.microseconds(outputTokens: 10) == 1_000)
    }

    @Test("The 50th and 95th of a hundred, and of one")
    func percentiles() {
        let hundred = (1...100).map { Int64($0) }
        #expect(percentile(50, of: hundred) == 50 && percentile(95, of: hundred) == 95)
        #expect(percentile(50, of: [7]) == 7 && percentile(95, of: [7]) == 7 && percentile(95, of: []) == nil)
    }
}
