import Yams

/// Turns YAML into a scenario: unknown keys, wrong units and bad values are errors with their line.
struct ScenarioReader {
    let file: String

    func read(_ yaml: String) throws -> Scenario {
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch let error as YamlError {
            throw parseError(error)
        }
        guard let root else { throw ScenarioError(file: file, line: 1, reason: "the scenario is empty") }
        var table = try Table(root, "the scenario", file)
        var scenario = Scenario()
        if let seed = try table.integer("seed", 0...Int.max) { scenario.seed = UInt64(seed) }
        scenario.adminPort = try table.integer("admin", 0...65_535)
        scenario.recordFile = try table.text("record").map { path(beside: $0) }
        scenario.endpoints = try table.list("endpoints").map(endpoint)
        try table.finish()
        let authorities = scenario.endpoints.filter(\.provider.isAuthority).map(\.name)
        for endpoint in scenario.endpoints {
            guard let name = endpoint.authority, !authorities.contains(name) else { continue }
            throw table.wrong("endpoints", "has no authority named \(name)" + suggestion(for: name, among: authorities))
        }
        if scenario.endpoints.isEmpty { throw table.wrong("endpoints", "names no endpoint") }
        var names: Set<String> = []
        for endpoint in scenario.endpoints where !names.insert(endpoint.name).inserted {
            throw table.wrong("endpoints", "has two endpoints named \(endpoint.name)")
        }
        return scenario
    }

    private func endpoint(_ node: Node) throws -> PlayedEndpoint {
        var table = try Table(node, "an endpoint", file)
        var made = PlayedEndpoint(name: try table.required("name"))
        made.host = try table.text("host")
        made.port = try table.integer("port", 0...65_535) ?? 0
        if let provider = try table.choice("provider", PlayedProvider.allCases) { made.provider = provider }
        made.basePath = try table.text("basePath") ?? made.provider.basePath
        guard made.basePath.hasPrefix("/"), !made.basePath.hasSuffix("/") else {
            throw table.wrong("basePath", "must start with / and not end with it")
        }
        made.credential = try table.text("credential")
        made.authority = try table.text("authority")
        if var keys = try table.table("signed") {
            made.signed = PlayedKeys(access: try keys.required("access"), secret: try keys.required("secret"))
            try keys.finish()
        }
        made.issue = try issue(&table)
        if made.provider.isAuthority != (made.issue != nil) {
            throw table.wrong("issues", "belongs to entra, huawei-iam and volcengine, and to each of them")
        }
        made.region = try table.text("region") ?? made.provider.region
        made.headers = try table.headers("headers")
        made.limits = try limits(&table)
        made.faults = try table.list("faults").map(rule)
        var base = PlayedModel(name: "")
        try play(&base, &table)
        made.models = try table.list("models").map { try model($0, base) }
        try table.finish()
        if made.models.isEmpty, !made.provider.isAuthority { throw table.wrong("models", "names no model") }
        return made
    }

    /// `issues`: to whom an authority gives tokens.
    private func issue(_ table: inout Table) throws -> PlayedIssue? {
        guard var inner = try table.table("issues") else { return nil }
        var issue = PlayedIssue()
        issue.domain = try inner.text("domain") ?? ""
        issue.client = try inner.text("client") ?? ""
        issue.secret = try inner.text("secret")
        issue.federated = try inner.text("federated")
        issue.scope = try inner.text("scope")
        issue.region = try inner.text("region") ?? issue.region
        issue.lifeMilliseconds = try inner.duration("lifetime") ?? issue.lifeMilliseconds
        try inner.finish()
        return issue
    }

    private func model(_ node: Node, _ base: PlayedModel) throws -> PlayedModel {
        if let name = node.scalar?.string {
            var model = base
            model.name = name
            return model
        }
        var table = try Table(node, "a model", file)
        var model = base
        model.name = try table.required("name")
        model.reports = try table.text("reports")
        model.limits = try limits(&table)
        model.spillover = try table.text("spillover")
        try play(&model, &table)
        try replay(&model, &table)
        try table.finish()
        return model
    }

    /// What can stand at an endpoint, for all its models, or at one model.
    private func play(_ model: inout PlayedModel, _ table: inout Table) throws {
        let operations = try table.choices("operations", PlayedOperation.allCases)
        if !operations.isEmpty { model.operations = Set(operations) }
        if let span = try table.span("firstToken", unit: table.milliseconds) { model.firstToken = span }
        if let pace = try table.number("pace") { model.pace = pace }
        if let span = try table.span("output", unit: Table.count) { model.output = span }
        if let span = try table.span("reasoning", unit: Table.count) { model.reasoning = span }
        if let percent = try table.integer("cachedPercent", 0...100) { model.cachedPercent = percent }
        if let tokens = try table.integer("imageTokens", 0...100_000) { model.imageTokens = tokens }
        if let most = try table.integer("inputMax", 1...Int.max) { model.inputMax = most }
        if let dimensions = try table.integer("dimensions", 1...16_384) { model.dimensions = dimensions }
        if let language = try table.choice("language", Language.allCases) { model.chinese = language == .chinese }
        if let interval = try table.duration("keepAlive") { model.keepAliveMilliseconds = interval }
        if let only = try table.choice("streamsOnly", StreamsOnly.allCases) { model.streamsOnly = only }
        let refused = try table.list("refuses").compactMap { $0.scalar?.string }
        if !refused.isEmpty { model.refuses = refused }
        if let leave = try table.choice("onLeave", Leave.allCases) { model.billsWholeAnswer = leave == .billAll }
    }

    private func limits(_ table: inout Table) throws -> RateLimits? {
        guard var inner = try table.table("limits") else { return nil }
        var limits = RateLimits()
        limits.requests = try inner.integer("requests", 1...Int.max)
        limits.tokens = try inner.integer("tokens", 1...Int.max)
        if let window = try inner.duration("window") {
            if window == 0 { throw inner.wrong("window", "must be longer than nothing") }
            limits.windowMilliseconds = window
        }
        try inner.finish()
        return limits
    }

    private func rule(_ node: Node) throws -> FaultRule {
        if let text = node.scalar?.string, let fault = Fault(text) { return FaultRule(fault) }
        var table = try Table(node, "a fault", file)
        let text = try table.required("fault")
        guard let fault = Fault(text) else {
            let name = text.split(separator: ":").first.map(String.init) ?? text
            throw table.wrong("fault", "is not a fault: \(text)" + suggestion(for: name, among: Fault.names))
        }
        var rule = FaultRule(fault)
        if let share = try table.number("share") {
            if share > 1 { throw table.wrong("share", "must be between 0 and 1") }
            rule.share = share
        }
        let requests = try table.list("requests").map { node in
            guard let text = node.scalar?.string, let number = Int(text), number > 0 else {
                throw ScenarioError(file: file, line: node.mark?.line ?? 0, reason: "requests must be numbers from 1")
            }
            return number
        }
        if !requests.isEmpty { rule.requests = requests }
        rule.every = try table.integer("every", 1...Int.max)
        rule.from = try table.integer("from", 1...Int.max)
        rule.model = try table.text("model")
        try table.finish()
        return rule
    }

    /// `replay`: one recorded answer for both ways of asking, or one for each.
    private func replay(_ model: inout PlayedModel, _ table: inout Table) throws {
        let nodes = try table.list("replay")
        let status = try table.integer("replayStatus", 100...999)
        let recordings = try nodes.map { node in
            guard let name = node.scalar?.string else { throw table.wrong("replay", "must name files") }
            guard let recording = Recording(path: path(beside: name), status: status) else {
                throw ScenarioError(file: file, line: node.mark?.line ?? 0, reason: "\(name) cannot be read")
            }
            return recording
        }
        guard recordings.count <= 2 else { throw table.wrong("replay", "names more than two files") }
        model.replayStream = recordings.first(where: \.isStream) ?? recordings.first
        model.replayWhole = recordings.first { !$0.isStream } ?? recordings.first
    }

    /// A relative path counts from the scenario's folder.
    private func path(beside name: String) -> String {
        guard !name.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return name }
        return file[...slash] + name
    }

    private func parseError(_ error: YamlError) -> ScenarioError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ScenarioError(file: file, line: mark.line, reason: problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            ScenarioError(
                file: file, line: context.mark.line, reason: "written twice: \(duplicates.joined(separator: ", "))")
        default: ScenarioError(file: file, line: 0, reason: "is not YAML")
        }
    }

    private enum Language: String, CaseIterable { case english, chinese }
    private enum Leave: String, CaseIterable { case billPlayed, billAll }
}
