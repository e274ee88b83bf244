import Core
import Yams

/// Where Weir asks for tokens unless the file says otherwise.
private let entraHosts = [EntraCloud.global: "login.microsoftonline.com", .china: "login.chinacloudapi.cn"]
/// The metadata service of Azure's machines: plaintext, on an address that does not leave the machine's host.
private let metadataOrigin = Origin(tls: false, host: "169.254.169.254", port: 80)
/// How long a key of Volcengine is asked to last, unless the file says; the SDK's own default is a week.
private let volcengineLifetimeSeconds: Int64 = 86_400
/// The SDK refuses lifetimes of less than twice the half hour in which it renews (volcengine-ark-runtime 5.0.54).
private let volcengineLifetimes: ClosedRange<Int64> = 3_600_000...2_592_000_000

/// Which of Microsoft's clouds an application is registered in.
enum EntraCloud: String, CaseIterable { case global, china }

/// The kinds of credential that are mappings of their own, and whom they are for.
private enum CredentialKind: String, CaseIterable {
    case entra, managedIdentity, huaweiIAM, huaweiKeys, volcengine

    var providers: [ProviderKind] {
        switch self {
        case .entra, .managedIdentity: [.azure, .anthropic, .compatible]
        case .huaweiIAM, .huaweiKeys: [.pangu, .compatible]
        case .volcengine: [.ark]
        }
    }
}

/// What a credential depends on beside its own section.
struct CredentialSurroundings {
    var provider: ProviderKind?
    /// Azure's dated API, whose tokens are for another scope.
    var isDated: Bool
    /// The region that the endpoint or its labels name.
    var region: String?
    var project: String?
    var world: World
}

/// `credential`: a key by reference, one of the kinds above, or `none`. What is missing in this environment is put into `missing`.
func decodeCredential(_ section: Section, _ around: CredentialSurroundings, _ missing: inout String?) -> Credential? {
    // These never answer without one, so leaving it out is a mistake; a server of one's own may have none.
    let isNeeded = around.provider.map { [.openai, .azure, .anthropic, .pangu].contains($0) } ?? false
    let why = "Refer to it, `{env: NAME}` or `{file: PATH}`, or write `none`."
    guard let node = isNeeded ? section.required("credential", why) : section.optional("credential") else { return nil }
    if case .scalar(let scalar) = node, scalar.string == "none" { return nil }
    guard let kind = kind(of: node) else {
        if around.provider == .pangu {
            section.report.error(Spot(node), "Pangu takes tokens or signed requests: `huaweiIAM` or `huaweiKeys`.")
            return nil
        }
        return secret(node, "credential", section, around.world, &missing).map { .key($0) }
    }
    guard let outer = Section(node, "`credential`", section.report), let inner = outer.section(kind.rawValue) else { return nil }
    outer.finish()
    if let provider = around.provider, !kind.providers.contains(provider) {
        section.report.error(
            Spot(node),
            "`\(kind.rawValue)` is for \(kind.providers.map { "`provider: \($0.rawValue)`" }.joined(separator: ", ")) only.")
    }
    defer { inner.finish() }
    switch kind {
    case .entra: return decodeEntra(inner, around, &missing)
    case .managedIdentity: return decodeManagedIdentity(inner, around)
    case .huaweiIAM: return decodeHuaweiUser(inner, around, &missing)
    case .huaweiKeys:
        return decodeKeys(inner, around.world, &missing).map { .huaweiKeys(HuaweiSignature(keys: $0, project: around.project)) }
    case .volcengine: return decodeVolcengine(inner, section, around, &missing)
    }
}

private func kind(of node: Node) -> CredentialKind? {
    guard case .mapping(let mapping) = node else { return nil }
    for pair in mapping {
        if case .scalar(let key) = pair.key, let kind = CredentialKind(rawValue: key.string) { return kind }
    }
    return nil
}

private func secret(
    _ node: Node, _ key: String, _ section: Section, _ world: World, _ missing: inout String?
) -> Secret? {
    switch section.secret(node, key, world) {
    case .value(let value): return Secret(value)
    case .absent(let name): missing = missing ?? "\(name) is not set"
    case nil: break
    }
    return nil
}

private func needed(_ key: String, in section: Section, _ world: World, _ missing: inout String?) -> Secret? {
    section.required(key, "Refer to it, `{env: NAME}` or `{file: PATH}`.").flatMap { secret($0, key, section, world, &missing) }
}

// MARK: - Kinds

private func decodeEntra(_ section: Section, _ around: CredentialSurroundings, _ missing: inout String?) -> Credential? {
    let tenant = section.name("tenant")
    let client = section.name("client")
    let cloud = section.optionalChoice("cloud", EntraCloud.self) ?? .global
    let scope = decodeScope(section, around, cloud)
    let authority = decodeAuthority(section, around.world, unless: Origin(tls: true, host: entraHosts[cloud] ?? "", port: 443))
    let file = section.value(section.optionalText("federatedToken")) { readPath($0, "federatedToken") }.map(around.world.path)
    var proof = file.map { EntraApplication.Proof.federatedToken(file: $0) }
    if section.has("federatedToken"), section.has("secret") {
        section.report.error(section.spot(of: "secret"), "An application shows either `secret` or `federatedToken`, not both.")
        _ = section.optional("secret")
    } else if !section.has("federatedToken") {
        proof = needed("secret", in: section, around.world, &missing).map { .secret($0) }
    }
    guard let tenant, let client, let scope, let authority, let proof else { return nil }
    return .entra(EntraApplication(tenant: tenant, client: client, proof: proof, scope: scope, authority: authority))
}

private func decodeManagedIdentity(_ section: Section, _ around: CredentialSurroundings) -> Credential? {
    let client = section.value(section.optionalText("client")) { readName($0, "client", .label) }
    let cloud = section.optionalChoice("cloud", EntraCloud.self) ?? .global
    let scope = decodeScope(section, around, cloud)
    let authority = decodeAuthority(section, around.world, unless: metadataOrigin)
    guard let scope, let authority else { return nil }
    let resource = scope.hasSuffix("/.default") ? String(scope.dropLast("/.default".count)) : scope
    return .managedIdentity(ManagedIdentity(client: client, resource: resource, authority: authority))
}

/// The scope of Azure's v1 API, and of its dated one and other services (MicrosoftDocs/azure-ai-docs, read 2026-11-23). China's is the classic
/// one with China's suffix, which third-party code alone shows.
private func decodeScope(_ section: Section, _ around: CredentialSurroundings, _ cloud: EntraCloud) -> String? {
    guard let text = section.optionalText("scope") else {
        switch cloud {
        case .global where around.isDated: return "https://cognitiveservices.azure.com/.default"
        case .global: return "https://ai.azure.com/.default"
        case .china: return "https://cognitiveservices.azure.cn/.default"
        }
    }
    return section.value(text) { text -> Reading<String> in
        guard (1...256).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            text.hasSuffix("/.default")
        else { return .wrong("`scope` takes a resource and `/.default`: `https://ai.azure.com/.default`.") }
        return .value(text)
    }
}

private func decodeHuaweiUser(_ section: Section, _ around: CredentialSurroundings, _ missing: inout String?) -> Credential? {
    let domain = section.value(section.text("domain")) { readProse($0, "domain", max: 128) }
    let user = section.value(section.text("user")) { readProse($0, "user", max: 128) }
    let password = needed("password", in: section, around.world, &missing)
    let project = section.value(section.optionalText("project")) { readName($0, "project", .label) } ?? around.region
    if project == nil {
        section.report.error(
            section.spot,
            "`project` is missing in `huaweiIAM`: the name of the project that tokens are for, such as `cn-southwest-2`.")
    }
    // The region of a project is the part of its name before any `_`.
    let region = project.map { String($0.prefix { $0 != "_" }) } ?? ""
    let authority = decodeAuthority(
        section, around.world, unless: Origin(tls: true, host: "iam.\(region).myhuaweicloud.com", port: 443))
    guard let domain, let user, let password, let project, let authority else { return nil }
    return .huaweiIAM(
        HuaweiUser(domain: domain, user: user, password: password, project: project, authority: authority))
}

private func decodeKeys(_ section: Section, _ world: World, _ missing: inout String?) -> AccessKeys? {
    let access = needed("access", in: section, world, &missing)
    let secret = needed("secret", in: section, world, &missing)
    guard let access, let secret else { return nil }
    return AccessKeys(access: access, secret: secret)
}

private func decodeVolcengine(
    _ section: Section, _ endpoint: Section, _ around: CredentialSurroundings, _ missing: inout String?
) -> Credential? {
    let keys = decodeKeys(section, around.world, &missing)
    let region = section.value(section.optionalText("region")) { readName($0, "region", .label) } ?? around.region ?? "cn-beijing"
    let lifetime =
        section.value(section.optionalText("lifetime")) {
            readQuantity(
                $0, "lifetime", Array(Unit.microseconds.dropFirst()).map { Unit(name: $0.name, scale: $0.scale / 1000) },
                volcengineLifetimes)
        }.map { $0 / 1_000 } ?? volcengineLifetimeSeconds
    if region != "cn-beijing", !section.has("authority") {
        section.report.error(
            section.spot,
            "Volcengine's control plane is known in `cn-beijing` only. Write `authority`, its URL, for another region.")
    }
    let authority = decodeAuthority(
        section, around.world, unless: Origin(tls: true, host: "ark.\(region).volcengineapi.com", port: 443))
    guard let keys, let authority else { return nil }
    return .volcengine(
        VolcengineExchange(keys: keys, region: region, resource: "", lifetimeSeconds: lifetime, authority: authority))
}

// MARK: - Authorities

private func decodeAuthority(_ section: Section, _ world: World, unless usual: Origin) -> Authority? {
    let text = section.optionalText("authority")
    let web = section.value(text) { readWeb($0, "authority") }
    let trust = section.pem("trust", section.optionalText("trust"), world)
    if let text, web == nil || text.value.isEmpty { return nil }
    let origin = web?.origin ?? usual
    if let web, let text, !web.origin.tls, !isLoopbackHost(web.origin.host), web.origin != usual {
        section.report.error(text.spot, "Plaintext would show secrets and tokens to the network. Use https.")
    }
    if trust != nil, !origin.tls {
        section.report.error(section.spot(of: "trust"), "`trust` cannot be enforced: the connection is plaintext.")
    }
    return Authority(origin: origin, basePath: web?.path ?? "", trustFile: trust)
}

/// A key of Volcengine opens one inference endpoint, so all models of this one have to be the same.
func checkExchange(_ credential: Credential?, _ models: [String: ServedModel], _ section: Section) -> Credential? {
    guard case .volcengine(var exchange)? = credential else { return credential }
    let names = Set(models.values.map(\.upstreamName))
    guard let name = names.first, names.count == 1, name.hasPrefix("ep-") && !name.hasPrefix("ep-m-") || name.hasPrefix("bot-")
    else {
        section.report.error(
            section.spot(of: "models"),
            "With `credential: {volcengine: …}` all models of an endpoint are one inference endpoint, `as: ep-…`: a key is given for one."
        )
        return credential
    }
    exchange.resource = name
    return .volcengine(exchange)
}
