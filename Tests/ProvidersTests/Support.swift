import Core
import Foundation
import NIOCore
import Providers
import Testing
import Wire

func endpoint(
    _ provider: ProviderKind, tls: Bool = true, host: String = "api.example.com", port: Int? = nil, basePath: String? = nil,
    apiVersion: String? = nil, credential: String? = nil
) -> Endpoint {
    Endpoint(
        name: "e", provider: provider, origin: Origin(tls: tls, host: host, port: port ?? (tls ? 443 : 80)),
        basePath: basePath ?? (provider == .azure ? "" : "/v1"), apiVersion: apiVersion,
        credential: credential.map { .key(Secret($0)) },
        models: ["public": served],
        labels: Labels(processedIn: ["SE"], storedIn: ["SE"], operator: "o", operatorCountry: "SE"))
}

let served = ServedModel(upstreamName: "up/stream-1", price: "p", maxOutputTokens: 1_000)

/// What a plan does to a body.
struct Rewritten {
    var text: String
    var plan: RewritePlan
    var scan: RequestScan

    /// - Parameter stateID: what the provider calls the state that the body names, where the model keeps state.
    init(
        _ body: String, _ operation: Dialect, at endpoint: Endpoint, outputLimit: Int64?, keepsState: Bool = false,
        stateID: String = ""
    ) throws {
        var served = served
        if keepsState { served.state = KeptState(maxTokens: 1) }
        let buffer = ByteBuffer(string: body)
        let scan = try scanRequest(buffer, dialect: operation, maxDepth: 64)
        self.scan = scan
        let state = (keepsState ? scan.previousResponseID ?? scan.conversation : nil).map { range in
            StateSplice(
                splice: Splice(range: range, replacement: stateID),
                rewrite: scan.previousResponseID == nil ? .conversation : .previousResponse)
        }
        plan = rewritePlan(
            scan, body: buffer, dialect: operation, endpoint: endpoint, served: served, outputLimit: outputLimit, state: state)
        text = String(buffer: spliced(buffer, plan.splices))
    }
}

/// The members of a JSON object, each written in one way, so that two can be compared.
func members(_ json: String) throws -> [String: String] {
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], "\(json)")
    return try object.mapValues { value in
        let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed])
        return String(decoding: data, as: UTF8.self)
    }
}

let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
