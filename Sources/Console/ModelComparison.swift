public import Core
public import Ledger
public import Policy

/// Endpoints of some models side by side: what is said of each, and who says it.
public struct ModelComparison: Sendable, Hashable, Codable {
    /// A value and where it comes from.
    public struct Fact: Sendable, Hashable, Codable {
        public var value: String
        public var source: String
    }

    public struct Line: Sendable, Hashable, Codable {
        public var model: String
        public var endpoint: String
        /// By name, in the order of `facts`.
        public var facts: [String: Fact]
    }

    /// The facts of every line, in the order in which they are shown.
    public static let facts = [
        "primary model", "provider", "market", "operator", "processed in", "stored in", "trains", "retention days", "contract",
        "records", "$/M in", "$/M cached", "$/M out", "paid for", "first token ms", "tokens/s", "quota a minute", "standing",
    ]

    public var at: String
    public var lines: [Line]
    /// Models that no endpoint serves.
    public var unknown: [String]
}

/// Who says so.
private enum Source {
    static let configuration = "configuration"
    static let measured = "measured"
    static let nobody = "nobody says"
}

extension ModelComparison {
    public init(_ models: [String], in catalogue: Catalogue, health: [Health], prices: PriceBook, at now: Timestamp) {
        at = now.description
        lines = models.flatMap { model in
            catalogue.endpoints.indices.compactMap { index in
                let endpoint = catalogue.endpoints[index]
                return endpoint.models[model].map {
                    Line(model, endpoint, $0, health[index], prices.price($0.price, at: now), in: catalogue, at: now)
                }
            }.sorted { $0.endpoint < $1.endpoint }
        }
        unknown = models.filter { model in !catalogue.endpoints.contains { $0.models[model] != nil } }
    }
}

extension ModelComparison.Line {
    fileprivate init(
        _ model: String, _ endpoint: Endpoint, _ served: ServedModel, _ health: Health, _ price: Price?, in catalogue: Catalogue,
        at now: Timestamp
    ) {
        self.model = model
        self.endpoint = endpoint.name
        facts = [:]
        let labels = endpoint.labels
        func say(_ name: String, _ value: String?, _ source: String) {
            facts[name] = ModelComparison.Fact(value: value ?? "unknown", source: value == nil ? Source.nobody : source)
        }
        func label(_ name: String, _ field: Labels.Field, _ value: String?) {
            say(name, value, source(of: field, in: labels))
        }
        func places(_ places: Set<Place>) -> String? { places.isUnknown ? nil : places.sorted().joined(separator: " ") }
        say("primary model", served.upstreamName, Source.configuration)
        say("provider", endpoint.provider.rawValue, Source.configuration)
        label("market", .processedIn, market(labels, catalogue.countries))
        label(
            "operator", .operator,
            labels.operator + (labels.operatorCountry.isEmpty ? "" : " (\(labels.operatorCountry))"))
        label("processed in", .processedIn, places(labels.processedIn))
        label("stored in", .storedIn, places(labels.storedIn))
        label("trains", .trains, labels.trains?.rawValue)
        label("retention days", .retentionDays, labels.retentionDays.map(String.init))
        label("contract", .contract, labels.contract)
        say(
            "records", labels.records.isEmpty ? "none" : labels.records.keys.sorted().joined(separator: " "), Source.configuration
        )
        let list = price.map { "price list \(served.price) from \($0.from)" } ?? ""
        let rates = price?.brackets[0].tiers[.standard]
        for (name, meter) in [("$/M in", Meter.input), ("$/M cached", .cachedInput), ("$/M out", .output)] {
            say(name, rates?.charged(meter).map { dollars($0) }, list)
        }
        say("paid for", endpoint.isReserved ? "yes" : "no", Source.configuration)
        say("first token ms", health.firstTokenMicroseconds.map(tenths), Source.measured)
        say("tokens/s", health.tokensInThousandSeconds.map(tenths), Source.measured)
        say("quota a minute", quota(endpoint.pace), Source.configuration)
        say("standing", EndpointView(endpoint, health, nil, at: now).standing.rawValue, Source.measured)
    }
}

private func source(of field: Labels.Field, in labels: Labels) -> String {
    switch labels.origins[field] {
    case nil, .statement: return Source.configuration
    case .catalogue(let source): return "catalogue: \(source)"
    case .attestation(let index):
        guard labels.attestations.indices.contains(index) else { return Source.configuration }
        let attestation = labels.attestations[index]
        return "attested by \(attestation.by) on \(attestation.on): \(attestation.document)"
    }
}

/// Where it is sold: in mainland China, outside of it, or both.
private func market(_ labels: Labels, _ countries: Countries) -> String? {
    if labels.processedIn.isUnknown { return nil }
    let inside = labels.processedIn.count { countries.isMainland($0) }
    if inside == 0 { return "outside mainland China" }
    return inside == labels.processedIn.count ? "mainland China" : "mainland China and outside"
}

/// What the configuration says an endpoint takes.
private func quota(_ pace: PaceLimit) -> String? {
    let parts = [
        pace.requestsPerMinute.map { "\($0) requests" }, pace.tokensPerMinute.map { "\($0) tokens" },
        pace.concurrency.map { "\($0) at once" },
    ].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
}
