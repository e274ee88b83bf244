import Cedar
import Foundation

/// How many answers of the engine agree with a folder of tests.
struct CorpusReport {
    var tests = 0
    /// Whether policies pass the validator: one judgement for each test.
    var validations = Count()
    /// Decision, determining policies and erring policies: one judgement for each request, right only when all three are.
    var requests = Count()
    /// One sentence for each disagreement, with the file's name before.
    var disagreements: [String] = []

    struct Count {
        var judged = 0
        var agree = 0
    }

    var isAgreed: Bool { tests > 0 && disagreements.isEmpty }

    var summary: String {
        "\(tests) tests: \(requests.agree) of \(requests.judged) requests agree, "
            + "\(validations.agree) of \(validations.judged) validations agree"
    }
}

/// Runs every test of a folder and of the folders in it.
struct CorpusRunner {
    let root: URL

    func run() throws -> CorpusReport {
        var report = CorpusReport()
        let files = (FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? [])
            .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        for file in files {
            let name = String(file.path.dropFirst(root.path.count).drop { $0 == "/" })
            do {
                guard let test = try CorpusTest.read(try source(file)) else { continue }
                report.tests += 1
                try run(test, file, name, &report)
            } catch {
                report.disagreements.append("\(name): \(error)")
            }
        }
        return report
    }

    private func source(_ file: URL) throws -> Source {
        Source(name: file.lastPathComponent, text: try String(contentsOf: file, encoding: .utf8))
    }

    /// A file that a test names: its path begins at the corpus's own root, which is this folder or one above.
    private func companion(_ path: String, of test: URL) throws -> Source {
        var folder = root
        for _ in 0..<3 {
            let file = folder.appending(path: path)
            if FileManager.default.fileExists(atPath: file.path) { return try source(file) }
            folder = folder.deletingLastPathComponent()
        }
        return try source(test.deletingLastPathComponent().appending(path: (path as NSString).lastPathComponent))
    }

    private func run(_ test: CorpusTest, _ file: URL, _ name: String, _ report: inout CorpusReport) throws {
        let schemaSource = try companion(test.schema, of: file)
        let schema = test.schema.hasSuffix(".json") ? try Schema.parseJSON(schemaSource) : try Schema.parse(schemaSource)
        let policies = try PolicySet.parse(try companion(test.policies, of: file), naming: .position)
        let entities = try Entities.parseJSON(try companion(test.entities, of: file), schema: schema)
        let errors = validate(policies, against: schema).filter { $0.severity == .error }
        report.validations.judged += 1
        if errors.isEmpty == test.shouldValidate {
            report.validations.agree += 1
        } else {
            report.disagreements.append(
                "\(name): " + (errors.first.map { "the validator found: \($0.message)" } ?? "the validator found no error"))
        }
        for question in test.questions {
            report.requests.judged += 1
            let problems = try disagreements(question, test, policies, entities, schema)
            if problems.isEmpty { report.requests.agree += 1 }
            report.disagreements += problems.map { "\(name): \(question.description): \($0)" }
        }
    }

    private func disagreements(
        _ question: CorpusTest.Question, _ test: CorpusTest, _ policies: PolicySet, _ entities: Entities, _ schema: Schema
    ) throws -> [String] {
        let action = try EntityUID.parseJSON(question.action, in: test.source)
        let request = Request(
            principal: try EntityUID.parseJSON(question.principal, in: test.source), action: action,
            resource: try EntityUID.parseJSON(question.resource, in: test.source),
            context: try Record.parseJSON(question.context, in: test.source, type: schema.actions[action]?.context))
        let answer = policies.authorize(request, entities)
        func list(_ ids: some Sequence<Text>) -> String { ids.map(\.string).sorted().joined(separator: ", ") }
        var problems: [String] = []
        if answer.decision != question.decision {
            problems.append("decision is \(answer.decision.rawValue), wanted \(question.decision.rawValue)")
        }
        if Set(answer.determining) != question.reason {
            problems.append("determining policies are [\(list(answer.determining))], wanted [\(list(question.reason))]")
        }
        let failing = answer.failures.map(\.policy)
        if Set(failing) != question.errors {
            problems.append("erring policies are [\(list(failing))], wanted [\(list(question.errors))]")
        }
        return problems
    }
}
