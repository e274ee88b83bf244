import Core
import Foundation
import Ledger
import NIOCore
import Settings
import TestKit
import Testing
import Wire

/// A line of Tests/Cases/prices/transcripts.csv: a recorded answer, the row of the price table that its model is charged by, and what
/// Python's decimals say it comes to (the arithmetic stands in the line).
struct PricedTranscript: Sendable, CustomTestStringConvertible {
    var file: String
    var price: String
    var tier: String
    var startedAt: Timestamp
    var usage: Usage
    var dollars: String
    var testDescription: String { file }

    static let all: [PricedTranscript] = {
        let path = repository.appendingPathComponent("Tests/Cases/prices/transcripts.csv").path
        return ((try? read(path)) ?? "").split(separator: "\n").dropFirst().compactMap { PricedTranscript(line: $0) }
    }()

    init?(line: Substring) {
        let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        let counts = cells.dropFirst(4).prefix(6).compactMap { Int64($0) }
        guard cells.count == 12, counts.count == 6, let day = CivilDate(cells[3].prefix(10)),
            let hour = Int64(cells[3].dropFirst(11).prefix(2))
        else { return nil }
        (file, price, tier, dollars) = (cells[0], cells[1], cells[2], cells[11])
        startedAt = Timestamp(seconds: day.start.seconds + hour * 3_600)
        usage = Usage(input: counts[0], cachedInput: counts[1], cacheWrite: counts[2], cacheWriteHour: counts[3])
        (usage.output, usage.reasoning) = (counts[4], counts[5])
    }

    var bytes: [UInt8] {
        get throws {
            let folder = repository.appendingPathComponent("Tests/Cases/transcripts")
            return Array(try Data(contentsOf: folder.appendingPathComponent(file)))
        }
    }
}

/// Price lists named as their rows of share/prices.json, as a configuration takes them; read once.
private let seedBook: Result<PriceBook, ConfigurationErrors> = {
    let lists = Set(PricedTranscript.all.map(\.price) + ["gpt-5.4"]).sorted().map { row in
        let price = row == "stated" ? #"input: "0.05", output: "0.2""# : "seed: \(row)"
        return "  \(row): [{from: 2026-01-01, \(price)}]\n"
    }
    return loadPriceBook(
        text: "prices:\n" + lists.joined(), file: "prices.yaml",
        environment: ["WEIR_SHARE": repository.appendingPathComponent("share").path], readFile: readTextFile)
}()

func seedPrice(_ row: String, at moment: Timestamp) throws -> Price { try #require(try seedBook.get().price(row, at: moment)) }

@Suite("A recorded call costs what a hand computed, to the nano-dollar")
struct TranscriptPriceTests {
    @Test("Each transcript with usage, read by the real readers", arguments: PricedTranscript.all)
    func priced(_ line: PricedTranscript) throws {
        let price = try seedPrice(line.price, at: line.startedAt)
        let expected = try #require(Money(dollars: line.dollars))
        let seed = testSeed("transcript \(line.file)")
        for run in 0..<8 {
            let (usage, tier, raw) = try read(line, seed: seed &+ UInt64(run))
            #expect(usage == line.usage)
            #expect(tier?.rawValue ?? "" == line.tier)
            let read = try #require(usage)
            #expect(charge(read, price, tier: tier ?? .standard, startedAt: line.startedAt) == expected)
            if let raw { #expect(raw.withUnsafeReadableBytes { readUsage($0) } == usage, "the kept object says the same") }
            let bound = TokenBound(input: read.inputTokens, output: read.outputTokens, tier: tier ?? .standard)
            #expect(try #require(upperBound(bound, price)) >= expected)
        }
    }

    /// Streams in reads of random lengths, whole answers at once.
    private func read(_ line: PricedTranscript, seed: UInt64) throws -> (Usage?, ServiceTier?, ByteBuffer?) {
        let bytes = try line.bytes
        guard line.file.hasSuffix(".sse") else {
            // Each line of Ollama's own stream is an answer, and the last one has the counts.
            let text = bytes.split(separator: UInt8(ascii: "\n")).last.map { Array($0) } ?? []
            let body = ByteBuffer(bytes: line.file.hasSuffix(".ndjson") ? text : bytes)
            let answer = try readAnswer(body)
            return (
                answer.usage, answer.servedTier,
                answer.rawUsage.flatMap { body.getSlice(at: $0.lowerBound, length: $0.count) }
            )
        }
        let start = String(decoding: bytes.prefix(30), as: UTF8.self)
        let dialect: Dialect =
            start.hasPrefix("event: response") ? .responses : start.hasPrefix("event: message") ? .messages : .chat
        var random = SeededRandom(seed: seed)
        var reader = StreamReader(dialect: dialect, hideUsage: Bool.random(using: &random))
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + Int.random(in: 1...700, using: &random))
            _ = reader.read(ByteBuffer(bytes: bytes[at..<end]))
            at = end
        }
        #expect(reader.endOfInput() == .complete)
        return (reader.usage, reader.servedTier, reader.rawUsage)
    }

    @Test("No recorded answer with usage is left out of the table")
    func complete() throws {
        let folder = repository.appendingPathComponent("Tests/Cases/transcripts").path
        let named = Set(PricedTranscript.all.map(\.file))
        var with = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() where name != "index.json" {
            let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
            let counts = ["prompt_tokens", "output_tokens", "completion_tokens", "eval_count"]
            let counted = counts.contains { text.contains("\"\($0)\":") || text.contains("\"\($0)\" :") }
            let isUsage = counted && !name.contains("400") && !name.contains("404")
            if isUsage { with += 1 }
            #expect(!isUsage || named.contains(name), "\(name)")
        }
        #expect(with >= 40)
    }

    @Test("The same call costs the same, streamed and not: recorded pairs, and every usage put into both forms")
    func pairs() throws {
        let lines = Dictionary(grouping: PricedTranscript.all, by: \.file)
        for name in ["alibaba-tool-call", "azure-text", "azure-tool-call"] {
            #expect(lines["\(name).json"]?.first?.dollars == lines["\(name)-stream.sse"]?.first?.dollars)
        }
        let usages = [
            #"{"prompt_tokens":339,"completion_tokens":83,"total_tokens":422,"prompt_tokens_details":{"cached_tokens":320},"completion_tokens_details":{"reasoning_tokens":39}}"#,
            #"{"prompt_tokens":300000,"completion_tokens":7,"total_tokens":300007,"prompt_tokens_details":{"cached_tokens":1}}"#,
        ]
        let moment = Timestamp(seconds: 1_795_500_000)
        let price = try seedPrice("gpt-5.4", at: moment)
        for usage in usages {
            for word in ["default", "flex", "priority"] {
                let whole = try readAnswer(ByteBuffer(string: #"{"usage":\#(usage),"service_tier":"\#(word)"}"#))
                var reader = StreamReader(dialect: .chat, hideUsage: true)
                _ = reader.read(
                    ByteBuffer(
                        string: "data: {\"choices\":[],\"service_tier\":\"\(word)\",\"usage\":\(usage)}\n\ndata: [DONE]\n\n"))
                var responses = StreamReader(dialect: .responses, hideUsage: false)
                _ = responses.read(
                    ByteBuffer(
                        string:
                            "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"service_tier\":\"\(word)\",\"usage\":\(usage)}}\n\n"
                    ))
                let read = try #require(whole.usage)
                let tier = try #require(whole.servedTier)
                #expect(reader.usage == read && responses.usage == read)
                #expect(reader.servedTier == tier && responses.servedTier == tier)
                let cost = charge(read, price, tier: tier, startedAt: moment)
                #expect(charge(try #require(reader.usage), price, tier: tier, startedAt: moment) == cost)
                // Above 272,000 tokens only the standard tier has a price: an unknown one is never charged by another.
                #expect((cost == nil) == (read.inputTokens > 272_000 && tier != .standard))
            }
        }
    }
}
