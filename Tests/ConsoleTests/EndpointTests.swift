import Console
import Core
import Foundation
@testable import Ledger
import Policy
import Synchronization
import Testing

private let moment = Timestamp(seconds: 1_795_000_000)

/// One by report, one by hand and gone since.
func sampleSuspensions() -> [String: Fold.Suspended] {
    let report = Suspension.Report(region: "East US 2", processedIn: ["SE"], attempt: AttemptID(high: 1, low: 2))
    return [
        "se": Fold.Suspended(suspension: Suspension(endpoint: "se", contradictedBy: report), since: moment),
        "gone": Fold.Suspended(suspension: Suspension(endpoint: "gone", who: "administrator", why: "old"), since: moment),
    ]
}

func sampleEndpoints() -> EndpointList {
    let endpoints = ["two", "se", "one"].map { name in
        Endpoint(
            name: name, provider: .azure, origin: Origin(tls: true, host: "example.org", port: 443), basePath: "",
            models: ["m": ServedModel(upstreamName: "m", price: "p", maxOutputTokens: 1)],
            labels: Labels(processedIn: ["SE"], storedIn: ["SE"], operator: "Microsoft", operatorCountry: "US"))
    }
    var health = [Health(), Health(), Health()]
    health[0].record(.throttled(milliseconds: 60_000), at: moment)
    health[1].suspended = true
    return EndpointList(
        Catalogue(generation: 1, endpoints: endpoints, tenants: []), health: health, suspensions: sampleSuspensions(),
        leftOut: [LeftOut(name: "cn", models: ["m"], why: "nobody attested it")], at: moment)
}

@Suite("Endpoints in the admin API")
struct EndpointTests {
    @Test("All are listed by name with their standing, and behind them what is suspended and gone")
    func list() async throws {
        try await withAdminServer { client, _ in
            let answer = try await client.send("GET", "/admin/v1/endpoints")
            #expect(answer.status == 200)
            let list = try JSONDecoder().decode(EndpointList.self, from: Data(answer.body.utf8)).endpoints
            #expect(list == sampleEndpoints().endpoints)
            #expect(list.map(\.name) == ["one", "se", "two", "cn", "gone"])
            #expect(list.map(\.standing) == [.available, .suspended, .cooling, .off, .absent])
            #expect(list[3].off == "nobody attested it" && list[3].provider == nil)
            #expect(list[2].until == moment.advanced(byMilliseconds: 60_000).description)
            #expect(list[1].suspension?.region == "East US 2" && list[1].suspension?.since == moment.description)
            #expect(list[4].suspension?.reason == "suspended by administrator: old" && list[4].provider == nil)
        }
    }

    @Test("Suspending and resuming take a reason and nothing else, and say why they were refused")
    func change() async throws {
        try await withAdminServer { client, world in
            let path = "/admin/v1/endpoints/one"
            for word in ["suspend", "resume"] {
                #expect(try await client.send("POST", "\(path)/\(word)", body: #"{"why":"a test"}"#).status == 204)
                let twice = try await client.send("POST", "\(path)/\(word)", body: #"{"why":"twice"}"#)
                #expect(twice.status == 409)
                let long = String(repeating: "x", count: longestReason + 1)
                for body in ["", "{}", #"{"why":""}"#, #"{"why":7}"#, #"{"why":"a","who":"me"}"#, #"{"why":"\#(long)"}"#] {
                    #expect(try await client.send("POST", "\(path)/\(word)", body: body).status == 400, "\(body)")
                }
                #expect(try await client.send("GET", "\(path)/\(word)").status == 404)
                #expect(try await client.raw(client.request("POST", "\(path)/\(word)", body: #"{"why":"x"}"#)).status == 401)
            }
            #expect(try await client.send("POST", "/admin/v1/endpoints/none/suspend", body: #"{"why":"x"}"#).status == 404)
            #expect(world.state.withLock { $0.reasons } == ["suspend one: a test", "resume one: a test"])
        }
    }
}
