// What judging a call costs: median and 99th percentile over a million calls, with 100 policies and 50 endpoints.
//
//   policy-bench [CALLS]
//
// 1,000 keys of 50 tenants call 8 models with 12 labels each, drawn so that the
// most frequent tenth makes two thirds of the calls. A policy asks up to three conditions;
// with `now` in one of them, every call asks that one anew.

import Cedar
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

func uid(_ type: String, _ id: String) -> EntityUID {
    guard let type = EntityType(type) else { preconditionFailure("a type's name") }
    return EntityUID(type, Text(id))
}

let endpoints = (0..<50).map { uid("Endpoint", "e\($0)") }
var all = endpoints.enumerated().map { index, endpoint in
    let processed = (0...index % 3).map { Value.string(Text(places[(index + $0) % places.count])) }
    return Entity(
        endpoint,
        attributes: Record([
            ("processedIn", .set(ValueSet(processed))), ("storedIn", .set(ValueSet(Array(processed.prefix(1))))),
            ("operator", .string(Text("operator\(index % 7)"))), ("country", .string(Text(places[index % places.count]))),
            ("trains", .string(index % 5 == 0 ? "optOut" : "never")), ("retentionDays", .long(Int64(index % 4) * 10)),
        ]))
}
let tenants = (0..<50).map { uid("Tenant", "t\($0)") }
let keys = (0..<1_000).map { uid("Key", "k\($0)") }
all += tenants.map { Entity($0) }
all += keys.enumerated().map { Entity($1, parents: [tenants[$0 % tenants.count]]) }
let entities = try Entities(all)

func policies(asksTime: Bool) throws -> PolicySet {
    var text = ""
    for index in 0..<100 {
        let effect = index % 4 == 3 ? "forbid" : "permit"
        let allowed = (0...index % 5 + 2).map { "\"\(places[($0 + index) % places.count])\"" }.joined(separator: ", ")
        text += """
            @id("p\(index)") \(effect) (principal in Tenant::"t\(index % 50)", action, resource)
            when { [\(allowed)].\(effect == "permit" ? "containsAll" : "containsAny")(resource.processedIn) && resource.trains == "never" }
            when { context.dataClass == "\(classes[index % 4])" || resource.processedIn.contains(context.subject) }
            unless { context.model == "m\(index % 8)" && resource.retentionDays > \(index % 30) };

            """
    }
    if asksTime {
        text +=
            "@id(\"dated\") forbid (principal, action, resource) when { context.now > 4000000000 && resource.country == \"CN\" };"
    }
    return try PolicySet.parse(Source(name: "bench", text: text))
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
    let began = nanoseconds()
    guard
        let compiled = CompiledPolicies(
            try policies(asksTime: asksTime), resources: endpoints, entities: entities, volatile: ["now"])
    else { preconditionFailure("within the limit") }
    let compiling = nanoseconds() - began
    var memo = PolicyMemo(compiled)
    var draw = Draw()
    var times: [UInt32] = []
    times.reserveCapacity(count)
    var permitted = 0
    for _ in 0..<count {
        let key = draw.skewed(keys.count)
        let model = draw.skewed(8)
        let label = draw.skewed(12)
        let kind = PolicyMemo.Kind(key: UInt32(key), model: UInt32(model), operation: 0, labels: UInt32(label))
        let start = nanoseconds()
        let verdict = memo.judge(kind) {
            CompiledPolicies.Call(
                principal: keys[key], action: uid("Action", "chat"),
                context: Record([
                    ("dataClass", .string(Text(classes[label % 4]))), ("model", .string(Text("m\(model)"))),
                    ("now", .long(1_800_000_000)),
                    ("subject", .string(Text(places[label % 3]))),
                ]))
        }
        times.append(UInt32(min(nanoseconds() - start, UInt64(UInt32.max))))
        if !verdict.permitted.isEmpty { permitted += 1 }
    }
    times.sort()
    print(
        "\(name): \(compiled.questionCount) questions, compiled in \(compiling / 1000) µs; \(count) calls, \(permitted * 100 / count) % permitted somewhere; "
            + "median \(times[count / 2]) ns, p90 \(times[count * 9 / 10]) ns, p99 \(times[count * 99 / 100]) ns, longest \(times[count - 1] / 1000) µs"
    )
}

try measure("policies alone", asksTime: false)
try measure("with the time", asksTime: true)
