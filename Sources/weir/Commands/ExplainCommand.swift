import ArgumentParser
import Console

/// `weir explain`: where a call of a key for a model could go, and why.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show each endpoint that could serve a model for a key, in order, with the reason.")

    @OptionGroup var server: ServerOptions
    @Option(help: "The key's identifier, key_…, or the key itself.") var key: String
    @Option(help: "The model that a call would name.") var model: String
    @Option(help: "chat, completions, embeddings, responses or conversations.") var operation: String = "chat"

    @Option(name: .customLong("class"), help: "The data class that the client would name.") var dataClass: String?
    @Option(help: "The subject's country that the client would name.") var subject: String?
    @Option(help: "The purpose that the client would name.") var purpose: String?
    @Option(help: "Categories that the client would name, with commas.") var categories: String?
    @Option(help: "Export tags that the client would name, with commas.") var exportTags: String?

    func run() throws {
        var query = [("model", model), ("operation", operation)]
        for (name, value) in [
            ("class", dataClass), ("subject", subject), ("purpose", purpose), ("categories", categories),
            ("exportTags", exportTags),
        ] {
            if let value { query.append((name, value)) }
        }
        var headers: [(String, String)] = []
        if KeyMaker.isID(key) {
            query.append(("key", key))
        } else {
            // A header: a whole key does not belong in a URL.
            guard (1...256).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValidationError("`--key` takes a key's identifier or a whole key.")
            }
            headers.append(("weir-key", key))
        }
        let report = try server.client().call(
            "GET", "/admin/v1/explain", query: query, headers: headers, as: ExplainReport.self)
        print("\(report.operation) with \(report.model) for \(report.key) of \(report.tenant)/\(report.team)")
        print("\(report.verdict) (configuration \(report.generation), \(report.at))")
        print("labels of the call: \(report.labels.words)")
        if let count = report.exported {
            print(
                "persons whose data left mainland China this year, with this call's: \(count.persons), with sensitive data \(count.sensitivePersons)"
            )
        }
        if !report.instead.isEmpty { print("when none of these can answer: \(report.instead.joined(separator: ", then "))") }
        if let hedge = report.hedge { print("a second attempt: \(hedge)") }
        if !report.endpoints.isEmpty { print("\n" + table(report.endpoints).text) }
        for off in report.off { print("\(off.endpoint) is off: \(off.why)") }
        for line in report.endpoints where !line.unanswered.isEmpty {
            print("\(line.endpoint): \(line.unanswered.joined(separator: "; "))")
        }
    }

    private func table(_ endpoints: [ExplainReport.Line]) -> TextTable {
        var table = TextTable([
            .init(name: "ENDPOINT"), .init(name: "STANDING"), .init(name: "PRIORITY", isNumber: true),
            .init(name: "QUOTA"), .init(name: "PAID FOR"), .init(name: "$/1,000 TOKENS", isNumber: true),
            .init(name: "WEIGHT", isNumber: true), .init(name: "TYPICAL ms", isNumber: true),
            .init(name: "FIRST %", isNumber: true),
            .init(name: "LATENCY ms", isNumber: true), .init(name: "FIRST TOKEN ms", isNumber: true),
            .init(name: "TOKENS/s", isNumber: true),
            .init(name: "$/M IN", isNumber: true), .init(name: "$/M OUT", isNumber: true), .init(name: "PROCESSED IN"),
            .init(name: "STORED IN"), .init(name: "OPERATOR"), .init(name: "POLICIES"), .init(name: "REASON"),
        ])
        table.rows = endpoints.map { line in
            [
                line.endpoint, line.standing.rawValue, String(line.priority), line.isTight ? "tight" : "ample",
                line.isReserved ? "yes" : "no", line.typicalCost ?? "-", String(line.weight), line.typicalMilliseconds ?? "-",
                line.firstPercent, line.latencyMilliseconds ?? "-", line.firstTokenMilliseconds ?? "-",
                line.tokensPerSecond ?? "-", line.price?.input ?? "-", line.price?.output ?? "-",
                places(line.labels.processedIn), places(line.labels.storedIn),
                line.labels.operator + (line.labels.operatorCountry.isEmpty ? "" : " (\(line.labels.operatorCountry))"),
                line.policies.map { $0.isEmpty ? "none" : $0.joined(separator: " ") } ?? "-", line.reason,
            ]
        }
        return table
    }

    private func places(_ places: [String]) -> String { places.isEmpty ? "unknown" : places.joined(separator: " ") }
}
