import Core
import Foundation
import Hummingbird
import HTTPTypes
import Ledger
import NIOCore

/// The largest body of an administrative request.
let adminBodyBytesMax = 64 * 1024
/// Of a key's name, its tenant, team and each of its models, in bytes.
private let nameBytesMax = 128
private let modelsMax = 256
/// A key lives at most ten years.
private let lifetimeSecondsMax: Int64 = 3_660 * 86_400
/// Two secrets may open one key for at most thirty days.
private let overlapSecondsMax: Int64 = 30 * 86_400
private let overlapSecondsDefault: Int64 = 86_400
/// Days in one report.
private let reportDaysMax = 3_660
/// Years that a report of exports can be about.
private let exportYears = 2000...2261

/// Each route: reads what was asked, strictly, calls its action and writes the answer.
struct AdminRoutes {
    typealias Context = BasicRequestContext

    let actions: AdminActions
    let token: AdminToken

    func add(to router: Router<Context>) {
        let (actions, token) = (actions, token)
        router.get("livez") { _, _ in answer("ok\n") }
        router.get("readyz") { _, _ in
            let report = ReadyReport(await actions.ready())
            return try answer(report, status: report.ready ? .ok : .serviceUnavailable)
        }
        router.get("metrics") { request, _ in
            let metrics = try await actions.metrics()
            return answer(metrics.text(withAccounts: token.isCarried(by: request)), contentType: Exposition.contentType)
        }
        let admin = router.group("admin/v1")
        addKeys(to: admin)
        addEndpoints(to: admin)
        admin.get("usage") { request, _ in
            let query = try usageQuery(request)
            return try answer(UsageReport(query, try await actions.usage(query)))
        }
        admin.get("exports") { request, _ in
            let year = try exportsYear(request)
            return try answer(ExportReport(year: year, try await actions.exports(year)))
        }
        admin.get("explain") { request, _ in
            try answer(try await actions.explain(try explainQuery(request)))
        }
        admin.get("models") { request, _ in
            let names = try comparedModels(request)
            return try answer(try await actions.compare(names))
        }
        admin.post("reload") { request, _ in
            try await members(request).finish()
            let report = try await actions.reload()
            guard report.ok else {
                throw AdminError(
                    status: 422, code: "weir_configuration_refused",
                    message: "The configuration has errors; generation \(report.generation) stays in force.",
                    action: "Correct the file and reload again.", details: report.errors)
            }
            return try answer(report)
        }
        admin.get("doubts") { _, _ in try answer(try await actions.doubts()) }
        admin.post("evidence") { request, _ in
            try answer(try await actions.evidence(try Evidence(try await members(request))))
        }
        admin.get("status") { _, _ in try answer(try await actions.status()) }
    }

    private func addEndpoints(to admin: RouterGroup<Context>) {
        let actions = actions
        admin.get("endpoints") { _, _ in try answer(try await actions.listEndpoints()) }
        for (word, action) in [("suspend", actions.suspendEndpoint), ("resume", actions.resumeEndpoint)] {
            admin.post("endpoints/:name/\(word)") { request, context in
                var members = try await members(request)
                let why = try members.name("why", bytes: longestReason)
                try members.finish()
                guard let name = context.parameters.get("name"), name.utf8.count <= nameBytesMax else {
                    throw AdminError.unknownEndpoint
                }
                try await action(name, why)
                return Response(status: .noContent)
            }
        }
    }

    private func addKeys(to admin: RouterGroup<Context>) {
        let actions = actions
        admin.get("keys") { _, _ in try answer(KeyList(keys: try await actions.listKeys())) }
        admin.post("keys") { request, _ in
            let key = try newKey(try await members(request))
            return try answer(try await actions.createKey(key), status: .created)
        }
        admin.post("keys/:id/rotate") { request, context in
            let id = try keyID(context)
            var members = try await members(request)
            let overlap = try members.whole("overlapSeconds", in: 0...overlapSecondsMax) ?? overlapSecondsDefault
            try members.finish()
            return try answer(try await actions.rotateKey(id, overlap), status: .created)
        }
        admin.put("keys/:id/limits") { request, context in
            let id = try keyID(context)
            var members = try await members(request)
            let limits = try members.accountLimits()
            try members.finish()
            return try answer(try await actions.limitKey(id, limits))
        }
        admin.put("keys/:id/fallbacks") { request, context in
            let id = try keyID(context)
            var members = try await members(request)
            let fallbacks = try members.fallbacks()
            try members.finish()
            return try answer(try await actions.letFallBack(id, fallbacks))
        }
        admin.put("keys/:id/labels") { request, context in
            let id = try keyID(context)
            var members = try await members(request)
            let labels = try members.callLabels()
            try members.finish()
            return try answer(try await actions.labelKey(id, labels))
        }
        admin.delete("keys/:id") { request, context in
            let id = try keyID(context)
            var members = try await members(request)
            let why = try members.text("why") ?? "revoked by an administrator"
            try members.finish()
            try await actions.revokeKey(id, why)
            return Response(status: .noContent)
        }
    }
}

/// Models that one comparison shows.
private let comparedModelsMax = 32

// MARK: What was asked

private func members(_ request: Request) async throws -> Members {
    let body = try await request.body.collect(upTo: adminBodyBytesMax)
    return try Members(body: Array(body.readableBytesView))
}

private func query(_ request: Request) throws(AdminError) -> Members {
    try Members(query: request.uri.queryParameters.map { (String($0.key), String($0.value)) })
}

private func keyID(_ context: AdminRoutes.Context) throws(AdminError) -> String {
    guard let id = context.parameters.get("id"), KeyMaker.isID(id) else {
        throw .value("id", "a key's identifier: `key_` and 16 hexadecimal digits; `weir keys list` shows them")
    }
    return id
}

private func newKey(_ body: Members) throws(AdminError) -> NewKey {
    var body = body
    var key = NewKey(
        tenant: try body.name("tenant", bytes: nameBytesMax), team: try body.name("team", bytes: nameBytesMax),
        name: try body.name("name", bytes: nameBytesMax))
    key.models = try body.texts("models", count: modelsMax, bytes: nameBytesMax).map(Set.init)
    key.fallbacks = try body.fallbacks()
    key.limits = try body.accountLimits()
    key.labels = try body.callLabels()
    key.lifetimeSeconds = try body.whole("lifetimeSeconds", in: 1...lifetimeSecondsMax)
    try body.finish()
    return key
}

private func usageQuery(_ request: Request) throws(AdminError) -> UsageQuery {
    var query = try query(request)
    var by: [UsageDimension] = []
    for word in try query.text("by")?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
        guard let dimension = UsageDimension(rawValue: String(word)), !by.contains(dimension) else {
            let names = UsageDimension.allCases.map(\.rawValue).joined(separator: ", ")
            throw .value("by", "any of \(names), each at most once")
        }
        by.append(dimension)
    }
    let today = Timestamp.now().date
    func date(_ name: String, _ usual: CivilDate) throws(AdminError) -> CivilDate {
        guard let text = try query.text(name) else { return usual }
        guard let date = CivilDate(text) else { throw .value(name, "a day such as 2026-11-01") }
        return date
    }
    let from = try date("from", CivilDate(year: today.year, month: today.month, day: 1))
    let to = try date("to", max(today, from))
    try query.finish()
    guard from <= to, to.daysSince1970 - from.daysSince1970 <= reportDaysMax, (1970...2250).contains(from.year),
        to.year <= 2250
    else { throw .value("from", "no later than `to`, and at most ten years before it") }
    return UsageQuery(by: by, from: from, to: to)
}

/// This year in China where none is asked for.
private func exportsYear(_ request: Request) throws(AdminError) -> Int {
    var query = try query(request)
    let text = try query.text("year")
    try query.finish()
    guard let text else { return Timestamp.now().yearInChina }
    guard let date = CivilDate(text + "-01-01"), exportYears.contains(date.year) else {
        throw .value("year", "a year such as 2026")
    }
    return date.year
}

private func comparedModels(_ request: Request) throws(AdminError) -> [String] {
    var query = try query(request)
    let names = try query.text("compare")?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
    try query.finish()
    guard (1...comparedModelsMax).contains(names.count), names.allSatisfy({ (1...nameBytesMax).contains($0.utf8.count) }) else {
        throw .value("compare", "1 to \(comparedModelsMax) names of models, with commas between")
    }
    return names
}

private func explainQuery(_ request: Request) throws(AdminError) -> ExplainQuery {
    var query = try query(request)
    let id = try query.text("key")
    let model = try query.name("model", bytes: nameBytesMax)
    let operation = try query.text("operation") ?? Operation.chat.rawValue
    let claim = try query.claim()
    try query.finish()
    guard let operation = Operation(rawValue: operation) else {
        throw .value("operation", "one of \(Operation.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    // A whole key comes in a header, since URLs end up in logs and histories.
    let whole = HTTPField.Name("weir-key").flatMap { request.headers[$0] }
    switch (id, whole) {
    case (let id?, nil):
        guard KeyMaker.isID(id) else { throw .value("key", "a key's identifier; a whole key belongs in the header `weir-key`") }
        return ExplainQuery(key: .id(id), model: model, operation: operation, claim: claim)
    case (nil, let whole?):
        return ExplainQuery(key: .digest(KeyMaker.digest(of: whole)), model: model, operation: operation, claim: claim)
    default: throw .value("key", "given once: an identifier in `key`, or a whole key in the header `weir-key`")
    }
}

// MARK: Answers

func answer(_ text: String, contentType: String = "text/plain; charset=utf-8") -> Response {
    Response(status: .ok, headers: [.contentType: contentType], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
}

func answer(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Response(
        status: status, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(value))))
}

/// `{"error": {"code": …, "message": …, "action": …}}`, with `details` where there are any.
func answer(_ error: AdminError) -> Response {
    let status = HTTPResponse.Status(code: error.status)
    var response = (try? answer(AdminErrorBody(error), status: status)) ?? Response(status: status)
    if error.status == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
}

/// An error as it travels.
public struct AdminErrorBody: Sendable, Hashable, Codable {
    public struct Body: Sendable, Hashable, Codable {
        public var code: String
        public var message: String
        public var action: String
        public var details: [String]?
    }

    public var error: Body

    init(_ error: AdminError) {
        self.error = Body(
            code: error.code, message: error.message, action: error.action, details: error.details.isEmpty ? nil : error.details)
    }
}
