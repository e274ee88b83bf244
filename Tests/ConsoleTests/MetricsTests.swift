import Console
import Core
import Fleet
import Journal
import Testing

@testable import Gateway
@testable import Ledger

func sampleMetrics() -> MetricsSnapshot {
    var loops = LoopMetrics()
    var counts = LoopMetrics.EndpointCounts()
    counts.attempts = 3
    counts.answered = 2
    counts.failed = 1
    counts.regions.agreed = 9
    counts.regions.contradicted = 1
    counts.usage = Usage(input: 100, cachedInput: 20, output: 30, reasoning: 5)
    counts.duration.counts[3] = 2
    counts.duration.counts[LoopMetrics.durationBuckets.count] = 1
    counts.duration.sumSeconds = 93.25
    loops.endpoints = ["azure-sweden": counts, "odd \"name\"\\\n": LoopMetrics.EndpointCounts()]
    loops.failures = ["weir_limit_reached": 4]
    loops.calls = 7
    var journal = JournalStatistics()
    journal.commits = 2
    journal.syncMicroseconds.add(420)
    journal.syncMicroseconds.add(90_000)
    return MetricsSnapshot(
        version: "0.1.0", started: Timestamp(seconds: 1_700_000_000), generation: 3, loops: loops,
        endpoints: [
            "azure-sweden": .init(provider: .azure, model: "gpt-4o", isAvailable: true),
            "odd \"name\"\\\n": .init(provider: .llamaCpp, model: nil, isAvailable: false, isSuspended: true),
        ], engines: ["local": .ready, "other": .failed(reason: "no program")], journal: journal, journalState: .running,
        durable: 40, next: 42, openHolds: 2, holdsInDoubt: 1, backup: .init(size: 39, failures: 1),
        witness: .init(size: 38, failures: 0, isContradicted: true),
        accounts: [
            AccountView(
                name: .team(tenant: "acme", team: "app"), limit: Money(dollars: "25"), settled: MoneyTotal(nanos: 125),
                reserved: .zero, undrawn: .zero,
                lines: [
                    LineView(
                        period: .monthUTC, limit: SpendLimit(period: .monthUTC, amount: Money(nanos: 25_000_000_000)),
                        settled: MoneyTotal(nanos: 125), reserved: .zero)
                ]),
            AccountView(name: .key("key_1"), limit: nil, settled: .zero, reserved: .zero, undrawn: .zero),
        ], exports: [ExportYear(tenant: "acme", year: 2026, count: ExportCount(persons: 12, sensitivePersons: 3))])
}

@Suite("Metrics")
struct MetricsTests {
    @Test("The page is what a strict reader of Prometheus's text format takes, and says what was counted")
    func format() throws {
        let page = try ExpositionReader.read(sampleMetrics().text(withAccounts: true))
        #expect(page["weir_calls_total", [:]] == "7")
        #expect(page["weir_failures_total", ["code": "weir_limit_reached"]] == "4")
        let azure = [
            "weir_endpoint": "azure-sweden", "gen_ai_provider_name": "azure.ai.openai", "gen_ai_request_model": "gpt-4o",
        ]
        #expect(page["gen_ai_client_inference_usage_input_tokens_total", azure] == "120")
        #expect(page["gen_ai_client_inference_usage_output_tokens_total", azure] == "35")
        #expect(page["gen_ai_server_request_duration_seconds_count", azure] == "3")
        #expect(page["gen_ai_server_request_duration_seconds_sum", azure] == "93.25")
        #expect(page["gen_ai_server_request_duration_seconds_bucket", azure.merging(["le": "0.08"]) { $1 }] == "2")
        #expect(page["gen_ai_server_request_duration_seconds_bucket", azure.merging(["le": "+Inf"]) { $1 }] == "3")
        let odd = ["weir_endpoint": "odd \"name\"\\\n", "gen_ai_provider_name": "llama.cpp"]
        #expect(page["weir_endpoint_available", odd] == "0")
        #expect(page["weir_endpoint_suspended", odd] == "1" && page["weir_endpoint_suspended", azure] == "0")
        for (verdict, count) in [("agrees", "9"), ("unknown", "0"), ("contradicts", "1")] {
            #expect(page["weir_region_reports_total", azure.merging(["verdict": verdict]) { $1 }] == count)
        }
        #expect(page["weir_journal_lag_entries", [:]] == "2")
        #expect(page["weir_journal_sync_seconds_bucket", ["le": "0.0005"]] == "1")
        #expect(page["weir_holds_open", [:]] == "2" && page["weir_holds_in_doubt", [:]] == "1")
        #expect(page["weir_backup_size", [:]] == "39" && page["weir_backup_failures_total", [:]] == "1")
        #expect(page["weir_witness_size", [:]] == "38" && page["weir_witness_contradicted", [:]] == "1")
        #expect(page["weir_engine_ready", ["engine": "other"]] == "0")
        #expect(page["weir_account_settled_dollars", ["tenant": "acme", "team": "app", "period": "month"]] == "0.000000125")
        #expect(page["weir_account_limit_dollars", ["tenant": "acme", "team": "app", "period": "month"]] == "25.00")
        #expect(page["weir_exported_persons", ["tenant": "acme"]] == "12")
        #expect(page["weir_exported_sensitive_persons", ["tenant": "acme"]] == "3")
    }

    @Test("Balances are shown only to who has the admin token")
    func accounts() async throws {
        try await withAdminServer { client, _ in
            let open = try await client.raw(client.request("GET", "/metrics"))
            #expect(open.head.contains("text/plain; version=0.0.4"))
            _ = try ExpositionReader.read(open.body)
            #expect(!open.body.contains("acme"))
            #expect(try await client.send("GET", "/metrics").body.contains("tenant=\"acme\""))
        }
    }

    @Test("A Weir that has served nothing has a page, too")
    func empty() throws {
        let snapshot = MetricsSnapshot(
            version: "", started: Timestamp(seconds: 0), generation: 1, loops: LoopMetrics(), endpoints: [:],
            journal: JournalStatistics(), journalState: .failed(reason: "disk full"), durable: 0, next: 0, openHolds: 0,
            holdsInDoubt: 0)
        let page = try ExpositionReader.read(snapshot.text(withAccounts: true))
        #expect(page["weir_journal_running", [:]] == "0")
    }
}

/// A strict reader of the text format: help and type once and first, samples of a family together, histograms that add up.
struct ExpositionReader {
    struct Violation: Error { var line: String, reason: String }
    private struct Series: Hashable { var name: String, labels: [String: String] }

    private var samples: [Series: String] = [:]
    private var types: [String: String] = [:]

    subscript(name: String, labels: [String: String]) -> String? { samples[Series(name: name, labels: labels)] }

    static func read(_ text: String) throws -> ExpositionReader {
        var reader = ExpositionReader()
        guard text.hasSuffix("\n") else { throw Violation(line: "", reason: "no line feed at the end") }
        var family = ""
        var help = ""
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            func require(_ condition: Bool, _ reason: String) throws {
                if !condition { throw Violation(line: line, reason: reason) }
            }
            if line.hasPrefix("# HELP ") {
                let words = line.split(separator: " ", maxSplits: 3)
                try require(words.count == 4, "help without text")
                help = String(words[2])
                try require(reader.types[help] == nil, "a family twice")
            } else if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ").map(String.init)
                try require(words.count == 4 && ["counter", "gauge", "histogram"].contains(words[3]), "no type")
                family = words[2]
                try require(family == help && isName(family), "type without its help")
                try require((words[3] == "counter") == family.hasSuffix("_total"), "counters end in _total")
                reader.types[family] = words[3]
            } else {
                let (name, labels, value) = try sample(line)
                let suffixes = reader.types[family] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
                try require(suffixes.contains { name == family + $0 }, "a sample outside of its family")
                try require(isName(name) && labels.keys.allSatisfy(isName), "a bad name")
                try require(Double(value) != nil, "a bad value")
                try require(
                    reader.samples.updateValue(value, forKey: Series(name: name, labels: labels)) == nil, "a series twice")
            }
        }
        for (name, type) in reader.types where type == "histogram" { try reader.checkHistogram(name) }
        return reader
    }

    private func checkHistogram(_ name: String) throws {
        var byLabels: [[String: String]: [(bound: Double, count: Double)]] = [:]
        for (series, value) in samples where series.name == name + "_bucket" {
            var labels = series.labels
            guard let le = labels.removeValue(forKey: "le"), let bound = le == "+Inf" ? .infinity : Double(le),
                let count = Double(value)
            else { throw Violation(line: name, reason: "a bucket without its bound") }
            byLabels[labels, default: []].append((bound, count))
        }
        for (labels, buckets) in byLabels {
            let sorted = buckets.sorted { $0.bound < $1.bound }
            guard sorted.last?.bound == .infinity, self[name + "_sum", labels] != nil,
                self[name + "_count", labels].flatMap(Double.init) == sorted.last?.count,
                zip(sorted, sorted.dropFirst()).allSatisfy({ $0.count <= $1.count })
            else { throw Violation(line: name, reason: "a histogram does not add up") }
        }
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, !("0"..."9").contains(first) else { return false }
        return text.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "_"
        }
    }

    private static func sample(_ line: String) throws -> (String, [String: String], String) {
        var rest = Substring(line)
        let name = String(rest.prefix { $0 != "{" && $0 != " " })
        rest = rest.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            repeat {
                rest.removeFirst()
                let label = String(rest.prefix { $0 != "=" })
                rest = rest.dropFirst(label.count)
                guard rest.hasPrefix("=\"") else { throw Violation(line: line, reason: "a label without a value") }
                rest = rest.dropFirst(2)
                var value = ""
                while let character = rest.popFirst(), character != "\"" {
                    guard character == "\\" else {
                        value.append(character)
                        continue
                    }
                    switch rest.popFirst() {
                    case "\\": value.append("\\")
                    case "\"": value.append("\"")
                    case "n": value.append("\n")
                    default: throw Violation(line: line, reason: "a bad escape")
                    }
                }
                guard labels.updateValue(value, forKey: label) == nil else {
                    throw Violation(line: line, reason: "a label twice")
                }
            } while rest.first == ","
            guard rest.popFirst() == "}" else { throw Violation(line: line, reason: "labels without an end") }
        }
        guard rest.popFirst() == " ", !rest.isEmpty, !rest.contains(" ") else { throw Violation(line: line, reason: "no value") }
        return (name, labels, String(rest))
    }
}
