// What judging a call costs: median and 99th percentile over a million calls, with 100 policies and 50 endpoints.
//
//   policy-bench [CALLS]
//
// 1,000 keys of 50 tenants call 8 models, some with labels that their clients narrow, 12 kinds of them, drawn so that the most frequent
// tenth makes two thirds of the calls. A policy asks up to three conditions; with `now` in one of them, every call that gets so far
// asks that one anew. What is measured is `CallJudge.judge`, all that the data path asks policy of a call.

import Cedar
import Core
import Glibc
import Policy

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
let places = ["SE", "DE", "FR", "NO", "CH", "US", "CN", "HK", "SG", "BR"]
let classes = ["public", "internal", "personal", "sensitive"]
let models = (0..<8).map { "m\($0)" }

let served = Dictionary(
    uniqueKeysWithValues: models.map { ($0, ServedModel(upstreamName: $0, price: "p", maxOutputTokens: 100)) })
let endpoints = (0..<50).map { index in
    Endpoint(
        name: "e\(index)", provider: .openai, origin: Origin(tls: false, host: "127.0.0.1", port: 9), basePath: "/v1",
        models: served,
        labels: Labels(
            processedIn: Set((0...index % 3).map { places[(index + $0) % places.count] }),
            storedIn: [places[index % places.count]],
            operator: "operator\(index % 7)", operatorCountry: places[index % places.count],
            trains: index % 5 == 0 ? .optOut : .never, retentionDays: index % 4 * 10))
}
let tenants = (0..<50).map {
    TenantPolicy(tenant: "t\($0)", teams: ["team"], places: .any, operators: .any, models: .any)
}
let callers = (0..<1_000).map { index in
    Caller(
        key: "key_\(index)", team: "team", tenantName: "t\(index % 50)", tenant: index % 50, number: UInt32(index), models: nil,
        labels: CallLabels(dataClass: classes[index % 4], subjects: [places[index % 3]]))
}
let narrowed = (0..<12).map { CallLabels(dataClass: classes[$0 % 4], subjects: [places[$0 % 5]], purposes: ["p\($0 % 2)"]) }

func policies(asksTime: Bool) -> String {
    var text = ""
    for index in 0..<100 {
        let effect = index % 4 == 3 ? "forbid" : "permit"
        let allowed = (0...index % 5 + 2).map { "\"\(places[($0 + index) % places.count])\"" }.joined(separator: ", ")
        text += """
            @id("p\(index)") \(effect) (principal in Tenant::"t\(index % 50)", action, resource)
            when { [\(allowed)].\(effect == "permit" ? "containsAll" : "containsAny")(resource.processedIn) && resource.trains == "never" }
            when { context.dataClass in DataClass::"\(classes[index % 4])" || resource.processedIn.containsAny(context.subjects) }
            unless { context.model == Model::"m\(index % 8)" && resource.retentionDays > \(index % 30) };

            """
    }
    if asksTime {
        text += """
            @id("dated") forbid (principal, action, resource)
            when { resource.operatorCountry == "CN" } when { context.now > datetime("2100-01-01") };
            """
    }
    return text
}

struct Draw {
    var state: UInt64 = 1
    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
    /// Small numbers far more often than large ones: each number of digits is as frequent as any other.
    mutating func skewed(_ bound: Int) -> Int { Int(pow(Double(bound), Double(next(1 << 20)) / Double(1 << 20))) - 1 }
}

func measure(_ name: String, asksTime: Bool) throws {
    let world = PolicyWorld(endpoints: endpoints, tenants: tenants)
    let book = try PolicyBook([Source(name: "bench.cedar", text: policies(asksTime: asksTime))], in: world)
    let began = nanoseconds()
    let timeline = PolicyTimeline(book, in: world, at: .now())
    let compiling = nanoseconds() - began
    let catalogue = Catalogue(generation: 1, endpoints: endpoints, tenants: tenants, policies: timeline)
    guard let questions = catalogue.policies?.stages[0].policies.questionCount else { preconditionFailure("within the limit") }
    var judge = CallJudge(catalogue)
    var draw = Draw()
    var times: [UInt32] = []
    times.reserveCapacity(count)
    var permitted = 0
    let now = Timestamp.now()
    for turn in 0..<count {
        let labels = draw.skewed(24)
        var call = CallFacts(
            caller: callers[draw.skewed(callers.count)], model: models[draw.skewed(8)], in: catalogue, operation: .chat,
            ownLabels: labels < 12 ? nil : narrowed[labels - 12])
        let moment = now.advanced(byMilliseconds: Int64(turn))
        let start = nanoseconds()
        judge.judge(&call, at: moment)
        times.append(UInt32(min(nanoseconds() - start, UInt64(UInt32.max))))
        if (0..<50).contains(where: { catalogue.isPermitted(call, at: $0) }) { permitted += 1 }
    }
    times.sort()
    print(
        "\(name): \(questions) questions, compiled in \(compiling / 1000) µs; \(count) calls, \(permitted * 100 / count) % permitted somewhere; "
            + "median \(times[count / 2]) ns, p90 \(times[count * 9 / 10]) ns, p99 \(times[count * 99 / 100]) ns, longest \(times[count - 1] / 1000) µs"
    )
}

try measure("policies alone", asksTime: false)
try measure("with the time", asksTime: true)
