import Core
import Ledger
import Yams

/// The endpoints of a file: those that can be used here, and what names all of them offer.
struct Endpoints {
    var present: [Endpoint] = []
    var leftOut: [LeftOut] = []
    /// Public model names of every endpoint, also of those left out.
    var models: Set<String> = []
    var operators: Set<String> = []
    /// Cloud regions that labels of deployments were narrowed to, with their countries.
    var regions: [Place: Place] = [:]
}

/// What an endpoint's decoder looks up.
struct EndpointContext {
    var zones: Zones
    var engines: Engines
    /// nil: the price lists could not be read at all.
    var prices: [String: [Price]]?
    var world: World
}

func decodeEndpoints(
    _ section: Section, zones: Zones, engines: Engines, prices: [String: [Price]]?, _ world: World
) -> Endpoints {
    let context = EndpointContext(zones: zones, engines: engines, prices: prices, world: world)
    var endpoints = Endpoints()
    for member in section.members("an endpoint", .label) {
        let title = "endpoint \(quoted(member.name, or: "here"))"
        guard let endpoint = Section(member.value, title, section.report) else { continue }
        decodeEndpoint(member.name, endpoint, context, into: &endpoints)
    }
    if section.entries.isEmpty { section.report.error(section.spot, "At least one endpoint is needed.") }
    return endpoints
}

private func decodeEndpoint(_ name: String, _ section: Section, _ context: EndpointContext, into endpoints: inout Endpoints) {
    let world = context.world
    // The first reason to leave it out in this environment; it is decoded in full all the same.
    var missing = section.condition(world).map { "\($0) is not set" }
    let provider = section.choice("provider", ProviderKind.self)
    let engine = decodeEngineName(section, context, &missing)
    let place = decodePlacement(section, provider)
    let web = decodeWeb(section, engine, place, context, &missing)
    if provider == .azure, let path = web?.path, path == "/openai" || path.hasPrefix("/openai/") {
        section.report.error(section.spot(of: "url"), "Leave the path out: Weir adds `/openai/…` to an Azure endpoint.")
    }
    let version = decodeVersion(section, provider)
    let shown = decodeCredential(
        section, CredentialSurroundings(provider: provider, isDated: version != nil, region: place.region, project: place.project, world: world),
        &missing)
    let trust = section.pem("trust", section.optionalText("trust"), world)
    let models = decodeModels(section, provider, context)
    let credential = checkExchange(shown, models, section)
    var labels = decodeLabels(section, name, context.zones, world, regions: &endpoints.regions)
    let priority = section.count("priority", 1, in: 0...1000)
    let weight = section.count("weight", 100, in: 0...10_000)
    let leaves = section.optionalChoice("whenCallerLeaves", Endpoint.WhenCallerLeaves.self) ?? provider?.whenCallerLeaves ?? .drain
    let timeouts = section.optionalSection("timeouts").map(decodeTimeouts) ?? EndpointTimeouts()
    let connections = section.count("connections", 256, in: 1...65_535)
    let pace = section.optionalSection("pace").map(decodePace) ?? .none
    let tier = section.optionalChoice("serviceTier", ServiceTier.self) ?? .standard
    let capacity = section.optionalChoice("capacity", Capacity.self)
    section.finish()
    if let web { checkPlacement(place, web, section) }
    checkState(models, section, provider, version, labels)
    checkSpillover(models, section, provider, &labels, world)

    endpoints.models.formUnion(models.keys)
    if let labels { endpoints.operators.insert(labels.operator) }
    if missing == nil, let provider, let web, let labels { missing = offUntilAttested(labels, provider, web, world) }
    if let missing {
        section.report.note("endpoint \(name) left out: \(missing)")
        endpoints.leftOut.append(LeftOut(name: name, models: models.keys.sorted(), why: missing))
        return
    }
    guard let provider, let web, let labels else { return }
    if trust != nil, !web.origin.tls {
        section.report.error(section.spot(of: "trust"), "`trust` cannot be enforced: the connection is plaintext.")
    }
    endpoints.present.append(
        Endpoint(
            name: name, provider: provider, origin: web.origin, basePath: basePath(web.path, provider, project: place.project), apiVersion: version,
            credential: credential, trustFile: trust, models: models, labels: labels, priority: priority, weight: weight,
            whenCallerLeaves: leaves, engine: engine, timeouts: timeouts, maxConnectionsPerLoop: connections,
            pace: pace, serviceTier: tier, isReserved: capacity.map { $0 == .reserved } ?? (engine != nil)))
}

/// The path in front of `/chat/completions`, where the URL has none. Azure's provider adds `/openai/…` itself.
private func basePath(_ path: String, _ provider: ProviderKind, project: String?) -> String {
    guard path.isEmpty else { return path }
    return switch provider {
    case .azure: ""
    case .dashscope: "/compatible-mode/v1"
    case .ark: "/api/v3"
    case .pangu: project.map { "/v1/\($0)" } ?? "/v1"
    case .openai, .anthropic, .modelarts, .deepseek, .vllm, .llamaCpp, .sglang, .ollama, .compatible: "/v1"
    }
}

private func decodeEngineName(_ section: Section, _ context: EndpointContext, _ missing: inout String?) -> String? {
    guard let text = section.optionalText("engine") else { return nil }
    guard context.engines.ports[text.value] != nil else {
        section.report.error(
            text.spot, "No engine is called \(quoted(text.value, or: "that")).",
            meant: likely(text.value, among: context.engines.ports.keys.sorted()))
        return nil
    }
    if let variable = context.engines.absent[text.value] {
        missing = missing ?? "its engine \(text.value) is left out, since \(variable) is not set"
    }
    return text.value
}

private func decodeWeb(
    _ section: Section, _ engine: String?, _ place: Placement, _ context: EndpointContext, _ missing: inout String?
) -> Web? {
    let enginePort = engine.flatMap { context.engines.ports[$0] }
    let plaintext = section.optionalChoice("plaintext", Plaintext.self)
    guard let node = engine == nil && !place.replacesURL(section) ? section.required("url") : section.optional("url") else {
        if engine == nil, place.replacesURL(section) {
            return place.host(section).map { Web(origin: Origin(tls: true, host: $0, port: 443), path: "") }
        }
        guard let enginePort else { return nil }
        return Web(origin: Origin(tls: false, host: "127.0.0.1", port: enginePort), path: "")
    }
    var web: Web?
    if case .mapping = node {
        guard case .environment(let name)? = section.reference(node, "url", files: false, inline: "") else { return nil }
        let world = context.world
        guard let value = world.isSet(name) ? world.environment[name] : world.secrets == .standIns ? "https://unset.invalid" : nil
        else {
            missing = missing ?? "\(name) is not set"
            return nil
        }
        web = section.value(Section.Text(value: value, spot: Spot(node))) { readWeb($0, name) }
    } else {
        web = section.value(section.scalar(node, "url")) { readWeb($0, "url") }
    }
    guard let web else { return nil }
    let loopback = isLoopbackHost(web.origin.host)
    if !web.origin.tls, !loopback, plaintext == nil {
        section.report.error(
            Spot(node),
            "Plaintext would show prompts and the credential to the network. Use https, or write `plaintext: allowed`.")
    }
    if let enginePort, enginePort != 0, !loopback || web.origin.port != enginePort {
        section.report.error(
            Spot(node), "The engine listens on 127.0.0.1:\(enginePort); this is somewhere else. Leave `url` out to use it.")
    }
    return web
}

/// Whether capacity is paid for by the hour or by use.
private enum Capacity: String, CaseIterable { case reserved, metered }

private enum Plaintext: String, CaseIterable { case allowed }

private enum Conversations: String, CaseIterable { case allowed }

private func decodeVersion(_ section: Section, _ provider: ProviderKind?) -> String? {
    guard let text = section.optionalText("apiVersion") else { return nil }
    if let provider, provider != .azure {
        section.report.error(text.spot, "`apiVersion` means something for `provider: azure` only.")
        return nil
    }
    if text.value == "v1" { return nil }
    let day = text.value.hasSuffix("-preview") ? text.value.dropLast(8) : text.value[...]
    guard CivilDate(day) != nil else {
        section.report.error(
            text.spot, "`apiVersion` takes `v1` or a dated version such as `2024-10-21` or `2025-04-01-preview`.",
            meant: text.value.lowercased() == "v1" || text.value == "1" ? "v1" : nil)
        return nil
    }
    return text.value
}

private func decodeTimeouts(_ section: Section) -> EndpointTimeouts {
    let standard = EndpointTimeouts()
    let timeouts = EndpointTimeouts(
        connect: section.milliseconds("connect", standard.connect, in: 10...120_000),
        firstByte: section.milliseconds("firstByte", standard.firstByte, in: 100...7_200_000),
        idle: section.milliseconds("idle", standard.idle, in: 100...3_600_000))
    section.finish()
    return timeouts
}

private func decodeModels(_ section: Section, _ provider: ProviderKind?, _ context: EndpointContext) -> [String: ServedModel] {
    guard let models = section.section("models") else { return [:] }
    var served: [String: ServedModel] = [:]
    for member in models.members("a model", .model) {
        guard let model = Section(member.value, "model \(quoted(member.name, or: "here"))", section.report) else { continue }
        served[member.name] = decodeModel(member.name, model, provider, context)
    }
    if models.entries.isEmpty { section.report.error(models.spot, "An endpoint needs at least one model.") }
    return served
}

private func decodeModel(
    _ name: String, _ section: Section, _ provider: ProviderKind?, _ context: EndpointContext
) -> ServedModel {
    let upstream = section.value(section.optionalText("as")) { readName($0, "as", .upstream) } ?? name
    // A deployment is one part of Azure's path.
    if provider == .azure || provider == .pangu, upstream.contains(where: { "/:@".contains($0) }) {
        section.report.error(
            section.spot(of: "as"), "\(provider == .azure ? "An Azure" : "A Pangu") deployment's name has no `/`, `:` or `@`. Give it with `as`.")
    }
    let price = section.text("price")
    checkPrice(price, context, section)
    let output = section.whole("maxOutput", in: 0...10_000_000)
    let image = section.optionalWhole("imageTokens", in: 1...10_000_000)
    let audio = section.optionalWhole("audioTokens", in: 1...10_000_000)
    let tokenizer = section.value(section.optionalText("tokenizer")) { readName($0, "tokenizer", .label) }
    let state = section.optionalSection("state").flatMap(decodeState)
    let spillover = section.optionalSection("spillover").flatMap { decodeSpillover($0, context) }
    let quirks = decodeQuirks(section, provider)
    section.finish()
    return ServedModel(
        upstreamName: upstream, price: price?.value ?? "", maxOutputTokens: output ?? 0, maxTokensPerImage: image,
        maxTokensPerAudio: audio, tokenizer: tokenizer, state: state, spillover: spillover, quirks: quirks)
}

func checkPrice(_ price: Section.Text?, _ context: EndpointContext, _ section: Section) {
    guard let price, let prices = context.prices, prices[price.value] == nil else { return }
    section.report.error(
        price.spot, "No price list is called \(quoted(price.value, or: "that")); a missing price is a refusal.",
        meant: likely(price.value, among: prices.keys.sorted()))
}

private func decodeState(_ section: Section) -> KeptState? {
    let most = section.whole("maxTokens", in: 1...10_000_000)
    let conversations = section.optionalChoice("conversations", Conversations.self)
    section.finish()
    return most.map { KeptState(maxTokens: $0, allowsConversations: conversations == .allowed) }
}

/// State is content that stays at the endpoint: its API must have it, and its labels must not say that nothing is kept.
private func checkState(
    _ models: [String: ServedModel], _ section: Section, _ provider: ProviderKind?, _ version: String?, _ labels: Labels?
) {
    guard models.values.contains(where: { $0.state != nil }) else { return }
    let spot = section.spot(of: "models")
    switch provider {
    case .anthropic, .llamaCpp, .sglang, .ollama, .modelarts, .pangu:
        section.report.error(
            spot, "`state` needs the Responses API, which `provider: \(provider?.rawValue ?? "")` does not have.")
    case .deepseek: section.report.error(spot, "DeepSeek is not known to keep responses.")
    case .azure where version != nil:
        section.report.error(spot, "`state` needs the Responses API, which Azure has in `apiVersion: v1` only.")
    case .azure, .openai, .dashscope, .ark, .vllm, .compatible, nil: break
    }
    if let provider, [.vllm, .dashscope, .ark].contains(provider),
        models.values.contains(where: \.keepsConversations)
    {
        section.report.error(
            spot, "`conversations: allowed` needs the Conversations API, which `provider: \(provider.rawValue)` does not have.")
    }
    if labels?.retentionDays == 0 {
        section.report.error(spot, "`state` is kept at the endpoint, but its labels say `retentionDays: 0`: nothing is kept.")
    }
}
