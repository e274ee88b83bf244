import Core
import Foundation
import Ledger
import Settings
import Testing

private let share = ["WEIR_SHARE": repository.appendingPathComponent("share").path]

/// The book of a text with `prices` and perhaps `currencies`; `files` stand beside the real ones.
private func book(_ text: String, files: [String: String] = [:]) -> Result<PriceBook, ConfigurationErrors> {
    loadPriceBook(text: text, file: "weir.yaml", environment: share) { path in
        if let content = files[path] { return content }
        return try readTextFile(path)
    }
}

private func history(_ item: String, currencies: String = "", files: [String: String] = [:]) throws -> [Price] {
    try book("prices: {p: [\(item)]}\n" + currencies, files: files).get().history("p")
}

private func errors(_ text: String, files: [String: String] = [:]) -> [String] {
    guard case .failure(let errors) = book(text, files: files) else { return [] }
    return errors.errors.map(\.description)
}

private func dollars(_ rate: TokenPrice?) -> Int64? { rate?.picos }

@Suite("The price table share/prices.json")
struct PriceTableTests {
    @Test("Every row either prices tokens or says why it cannot")
    func rows() throws {
        let data = try Data(contentsOf: repository.appendingPathComponent("share/prices.json"))
        let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let models = try #require(root["models"] as? [[String: Any]])
        let ids = try models.map { try #require($0["id"] as? String) }
        func lists(_ ids: [String]) -> String {
            "prices:\n" + ids.indices.map { "  p\($0): [{from: 2026-01-01, seed: \"\(ids[$0])\"}]\n" }.joined()
        }
        guard case .failure(let errors) = book(lists(ids)) else {
            Issue.record("rows that cannot price a call were taken")
            return
        }
        // Rows of zeros, of rerankers, and without a price by token; each in a line of its own.
        let refused = errors.errors
        #expect(refused.allSatisfy { $0.message.contains("counts as unknown") || $0.message.contains("it cannot price a call") })
        let lines = Set(refused.map { $0.line - 2 })
        let good = try book(lists(ids.indices.filter { !lines.contains($0) }.map { ids[$0] })).get()
        #expect(good.names.allSatisfy { good.price($0, at: Timestamp(seconds: 1_795_000_000)) != nil })
        #expect(good.names.count == 594)
        #expect(models.count == 612)
    }

    @Test("A row's brackets, tiers, cache writes, reasoning, audio and off-peak hours become the price")
    func meters() throws {
        let long = try history("{from: 2026-01-01, seed: gpt-5.6}")[0]
        #expect(long.brackets.map(\.aboveInputTokens) == [0, 272_000])
        #expect(dollars(long.brackets[0].tiers[.priority]?[.output]) == 40_000_000)
        #expect(dollars(long.brackets[0].tiers[.flex]?[.cachedInput]) == 200_000)
        #expect(dollars(long.brackets[0].tiers[.batch]?[.input]) == 2_000_000)
        #expect(dollars(long.brackets[0].tiers[.standard]?[.cacheWrite]) == 5_000_000)
        #expect(dollars(long.brackets[1].tiers[.standard]?[.cacheWrite]) == 10_000_000)
        #expect(long.brackets[1].tiers[.priority] == nil)
        let writes = try history(#"{from: 2026-01-01, seed: gpt-5.5, input: "4"}"#)[0].brackets.map {
            $0.tiers[.standard]?[.cacheWrite]?.picos
        }
        #expect(writes == [4_000_000, 10_000_000], "where writes have no price they are input")
        #expect(long.brackets[0].tiers[.priority]?[.cacheWrite] == nil, "where they have one, it is unknown in other tiers")
        let tiers = try history("{from: 2026-01-01, seed: dashscope/qwen-plus-latest}")[0]
        #expect(tiers.brackets.map(\.aboveInputTokens) == [0, 256_000])
        #expect(dollars(tiers.brackets[1].tiers[.standard]?[.reasoning]) == 12_000_000)
        let claude = try history("{from: 2026-01-01, seed: claude-sonnet-4-5}")[0]
        #expect(dollars(claude.brackets[0].tiers[.standard]?[.cacheWriteHour]) == 6_000_000)
        let embeddings = try history("{from: 2026-01-01, seed: text-embedding-3-large}")[0]
        #expect(embeddings.makesNoOutput)
        #expect(charge(Usage(input: 8), embeddings, startedAt: embeddings.from.start) == Money(nanos: 1040))
        #expect(upperBound(TokenBound(input: 8, output: 0), embeddings) == Money(nanos: 1040))
        #expect(upperBound(TokenBound(input: 8, output: 1), embeddings) == nil)

        let deepseek = try history("{from: 2026-01-01, seed: deepseek-v4-pro}")[0]
        let offPeak = try #require(deepseek.offPeak)
        // 2026-11-23 is a Monday.
        let held: [(String, Int64, Bool)] = [
            ("2026-11-23", 0, true), ("2026-11-23", 3599, true), ("2026-11-23", 3600, false), ("2026-11-23", 4 * 3600, true),
            ("2026-11-23", 6 * 3600, false), ("2026-11-23", 10 * 3600, true), ("2026-11-23", 86_399, true),
            ("2026-11-28", 7 * 3600, true), ("2026-11-29", 86_399, true),
        ]
        for (day, second, expected) in held {
            let moment = Timestamp(seconds: try #require(CivilDate(day)).start.seconds + second)
            #expect(offPeak.holds(at: moment) == expected, "\(day) \(second)")
        }
        #expect(try #require(deepseek.dearest(inputTokensAtMost: 5, tier: .standard))[.input] == TokenPrice(picos: 1_320_000))
    }

    @Test("A table with duplicates, overlaps, gaps, unknown keys or bad numbers is refused by row and place")
    func bad() {
        func problems(_ rows: String) -> [String] {
            errors(
                "prices: {p: [{from: 2026-01-01, seed: a, file: t.json}]}",
                files: ["t.json": "{\"about\": {},\n\"models\": [\n\(rows)\n]}"])
        }
        let good = #"{"id":"a","mode":"chat","usdPerMTok":{"input":"1","output":"2"}}"#
        #expect(problems(good).isEmpty)
        #expect(problems(good + ",\n" + good) == ["t.json:4:1: The row `a` is there twice."])
        let tiers = { (a: Int, b: Int) in
            #"{"id":"a","mode":"chat","tiers":[{"fromTokens":0,"toTokens":10,"usdPerMTok":{"input":"1","output":"1"}},"# + "\n"
                + #"{"fromTokens":\#(a),"toTokens":\#(b),"usdPerMTok":{"input":"1","output":"1"}}]}"#
        }
        #expect(problems(tiers(10, 20)).isEmpty)
        #expect(problems(tiers(9, 20)) == ["t.json:4:1: A tier of `a` overlaps the one before it."])
        #expect(problems(tiers(11, 20)) == ["t.json:4:1: Between a tier of `a` and the one before it there is a gap."])
        #expect(problems(tiers(10, 10)).count == 1)
        #expect(
            problems(#"{"id":"a","mode":"chat","usdPerMTok":{"input":"1","output":"2","perImage":"1"}}"#)[0].contains("no meter"))
        #expect(problems(#"{"id":"a","mode":"chat","usdPerMTok":{"input":1,"output":"2"}}"#)[0].hasPrefix("t.json:3:47:"))
        #expect(problems(#"{"id":"a","mode":"chat","usdPerMTok":{"input":"1.1234567","output":"2"}}"#).count == 1)
        #expect(problems(#"{"id":"a","mode":"chat","id":"b"}"#)[0] == "t.json:3:25: `id` is written twice in this object.")
        #expect(
            problems(#"{"id":"a","mode":"chat","surcharge":"1","usdPerMTok":{"input":"1","output":"2"}}"#)[0].contains(
                "`surcharge`"))
        #expect(problems(#"{"id":"a","mode":"chat","usdPerMTok":{"input":"1","output":"2"},}"#).count == 1)
        #expect(problems(good + "]").count == 1)
        #expect(problems(#"{"id":"a","mode":"chat"}"#)[0].contains("has no price by token"))
        #expect(
            errors("prices: {p: [{from: 2026-01-01, seed: a, file: none.json}]}")[0].contains(
                "weir.yaml:1:39: The price table cannot be read"))
    }

    @Test("Hours past midnight reach into the next day, and the whole day is written as one")
    func wrapping() throws {
        let item =
            #"{from: 2026-01-01, input: "4", output: "4", offPeak: {windows: [{days: [sun], hours: ["22:00-06:00"]}], input: "1", output: "1"}}"#
        let offPeak = try #require(try history(item)[0].offPeak)
        let sunday = try #require(CivilDate("2026-11-29")).start.seconds
        for (hour, expected) in [(Int64(21), false), (22, true), (23, true), (24, true), (29, true), (30, false), (0, false)] {
            #expect(offPeak.holds(at: Timestamp(seconds: sunday + hour * 3600)) == expected, "\(hour)")
        }
    }
}

@Suite("Contract prices in the configuration")
struct ContractPriceTests {
    @Test("A discount and an uplift apply to the row, and what is stated is paid as it is")
    func overlay() throws {
        let price = try history(#"{from: 2026-01-01, seed: gpt-5.6, discount: "8%", uplift: "1.10", cachedInput: "0.3"}"#)[0]
        let standard = try #require(price.brackets[0].tiers[.standard])
        // 4 × 0.92 × 1.10 and 20 × 0.92 × 1.10, by hand.
        #expect(dollars(standard[.input]) == 4_048_000)
        #expect(dollars(standard[.output]) == 20_240_000)
        #expect(dollars(standard[.cachedInput]) == 300_000)
        #expect(dollars(price.brackets[1].tiers[.standard]?[.input]) == 8_096_000)
        #expect(dollars(price.brackets[0].tiers[.priority]?[.cachedInput]) == 809_600)
        let more = try history(
            #"{from: 2026-01-01, seed: gpt-5.6, tiers: {priority: {input: "7"}}, above: [{inputTokens: 272000, output: "29", tiers: {priority: {input: "14", output: "58"}}}, {inputTokens: 500000, input: "9", output: "40"}]}"#
        )[0]
        #expect(dollars(more.brackets[0].tiers[.priority]?[.input]) == 7_000_000)
        #expect(dollars(more.brackets[0].tiers[.priority]?[.output]) == 40_000_000)
        #expect(dollars(more.brackets[1].tiers[.standard]?[.input]) == 8_000_000)
        #expect(dollars(more.brackets[1].tiers[.standard]?[.output]) == 29_000_000)
        #expect(dollars(more.brackets[1].tiers[.priority]?[.output]) == 58_000_000)
        #expect(more.brackets.map(\.aboveInputTokens) == [0, 272_000, 500_000])
    }

    @Test("Another currency is converted at the rate of the day, exactly, with one entry for each change of either")
    func currencies() throws {
        let rates = """
            currencies:
              CNY:
                - {from: 2026-01-01, usd: "0.1389", source: "contract 7, annex 2"}
                - {from: 2026-03-01, usd: "0.140625", source: "contract 7, annex 3"}
                - {from: 2026-09-01, usd: "0.15", source: "contract 7, annex 4"}
            """
        let text = """
            prices:
              p:
                - {from: 2026-02-01, currency: CNY, input: "2", output: "8"}
                - {from: 2026-05-01, currency: CNY, input: "4", output: "8"}
                - {from: 2026-10-01, input: "1", output: "1"}
            """
        let list = try book(text + "\n" + rates).get().history("p")
        #expect(list.map(\.from.description) == ["2026-02-01", "2026-03-01", "2026-05-01", "2026-09-01", "2026-10-01"])
        #expect(list.map { $0.brackets[0].tiers[.standard]?[.input]?.picos } == [277_800, 281_250, 562_500, 600_000, 1_000_000])
        let early = errors(text.replacing("2026-02-01", with: "2025-12-31") + "\n" + rates)
        #expect(early == ["weir.yaml:3:36: `currencies` has no rate of `CNY` for 2025-12-31, when this price begins."])
    }

    @Test("What has more than six decimals is rounded half-even once, and noted")
    func rounding() throws {
        func input(_ cny: String, _ usd: String) throws -> Int64? {
            try history(
                "{from: 2026-01-01, currency: CNY, input: \"\(cny)\", output: \"1\"}",
                currencies: "currencies: {CNY: [{from: 2026-01-01, usd: \"\(usd)\", source: s}]}")[0].brackets[0].tiers[
                    .standard]?[.input]?.picos
        }
        #expect(try input("0.000001", "0.5") == 0, "half of a pico-dollar goes to the even zero")
        #expect(try input("0.000003", "0.5") == 2)
        #expect(try input("0.000005", "0.5") == 2)
        #expect(try input("0.000005", "0.500000000001") == 3)
        #expect(try input("999999999", "0.000000000001") == 1000)
        let configuration = try load(
            smallest.replacing(
                "{from: 2026-01-01, input: \"1\", output: \"2\"}",
                with: "{from: 2026-01-01, seed: gpt-4o, discount: \"33.3333%\"}"),
            environment: share,
            files: [
                repository.appendingPathComponent("share").path + "/prices.json": try read(
                    repository.appendingPathComponent("share/prices.json").path)
            ]
        ).get()
        // 2.5 × 0.666667 is 1.6666675.
        #expect(dollars(configuration.priceBook.history("p")[0].brackets[0].tiers[.standard]?[.input]) == 1_666_668)
        #expect(configuration.notes.count == 1)
        #expect(configuration.notes.first?.hasPrefix("price p from 2026-01-01: rounded half-even to six decimals") == true)
    }

    @Test("The version of a book changes with any rate, and not with the order of its lists")
    func version() throws {
        let a = try book(#"prices: {p: [{from: 2026-01-01, input: "1", output: "2"}], q: [{from: 2026-01-01, seed: gpt-5.6}]}"#)
            .get()
        let b = try book(#"prices: {q: [{from: 2026-01-01, seed: gpt-5.6}], p: [{from: 2026-01-01, input: "1.0", output: "2"}]}"#)
            .get()
        let c = try book(
            #"prices: {p: [{from: 2026-01-01, input: "1.000001", output: "2"}], q: [{from: 2026-01-01, seed: gpt-5.6}]}"#
        ).get()
        #expect(a.version == b.version)
        #expect(a.version != c.version)
        #expect(a.version.utf8.count == 16)
        #expect(a.text.contains("q 2026-01-01 above 272000 standard input=8000000"))
    }

    @Test("The share folder is what the environment names, and a missing table is said")
    func folder() {
        #expect(shareFile("prices.json", environment: ["WEIR_SHARE": "/opt/weir/share/"]) == "/opt/weir/share/prices.json")
        let nowhere = loadPriceBook(
            text: "prices: {p: [{from: 2026-01-01, seed: gpt-4o}]}", file: "weir.yaml", environment: ["WEIR_SHARE": "/nowhere"],
            readFile: readTextFile)
        guard case .failure(let errors) = nowhere else { return #expect(Bool(false), "read a table from nowhere") }
        #expect(errors.description.contains("/nowhere/prices.json"))
    }
}
