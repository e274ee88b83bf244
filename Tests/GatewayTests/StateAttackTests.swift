import Core
import Crypto
import Foundation
import Ledger
import Policy
import TestKit
import Testing

@testable import Gateway

/// Attempts in process, against the function with which the data path finds state.
private let attempts = 1_000_000
/// Of them, those for each live id.
private let attemptsPerID = 20
/// Attempts over sockets.
private let socketAttempts = 4_000

@Suite("One tenant with the live ids of another")
struct StateAttackTests {
    /// One fuzzed attempt with an id that is not the attacker's. `own`: an id of the attacker's own.
    private static func attempt(_ victim: [UInt8], own: [UInt8], _ number: Int, _ random: inout SeededRandom) -> [UInt8] {
        var text = victim
        func place(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
        switch number % attemptsPerID {
        // As it is.
        case 0: break
        // Changed in one or several places.
        case 1, 2: text[place(text.count)] ^= 1 << UInt8(place(8))
        case 3, 4: for _ in 0...place(5) { text[place(text.count)] = own[place(own.count)] }
        case 5: text.removeLast(1 + place(text.count - 1))
        case 6: text.append(contentsOf: own.suffix(1 + place(40)))
        case 7: text.remove(at: place(text.count))
        case 8: text.insert(own[place(own.count)], at: place(text.count))
        case 9: text.swapAt(place(text.count), place(text.count))
        // What the victim's says under the attacker's signature, cut at any place, and the other way round.
        case 10, 11:
            let cut = place(min(text.count, own.count))
            text = Array(victim[..<cut] + own[cut...])
        case 12, 13:
            let cut = place(min(text.count, own.count))
            text = Array(own[..<cut] + victim[cut...])
        case 14: text = Array(victim.dropLast(22) + own.suffix(22))
        // The bytes under the text.
        case 15, 16:
            guard var bytes = victim.dropFirst(5).withUnsafeBytes({ Base64URL.bytes($0) }) else { break }
            bytes[place(bytes.count)] = UInt8(place(256))
            text = Array(victim.prefix(5))
            Base64URL.append(bytes, to: &text)
        case 17:
            // Signed anew with what an attacker may guess.
            guard let bytes = victim.dropFirst(5).withUnsafeBytes({ Base64URL.bytes($0) }) else { break }
            let payload = bytes.dropLast(StateID.tagBytes)
            let guess = SymmetricKey(data: Data([0, UInt8(place(256))]))
            text = Array(victim.prefix(5))
            let tag = HMAC<SHA256>.authenticationCode(for: payload, using: guess).withUnsafeBytes {
                [UInt8]($0.prefix(StateID.tagBytes))
            }
            Base64URL.append(payload + tag, to: &text)
        case 18: text = Array(String(decoding: victim, as: UTF8.self).lowercased().utf8)
        default: text = victim + Array("=".utf8)
        }
        return text
    }

    @Test("A million fuzzed attempts, each with a live id that its owner just used: none finds the owner's state")
    func million() throws {
        var random = SeededRandom(seed: testSeed("cross-tenant ids"))
        let tenants = (0..<40).map { "tenant-\($0)" }
        let keys = tenants.map { SymmetricKey.tenant($0) }
        let endpoints = (0..<5).map {
            Endpoint.test("e\($0)", port: 1, provider: .openai, state: KeptState(maxTokens: 100, allowsConversations: true))
        }
        let catalogue = Catalogue(
            generation: 1, endpoints: endpoints,
            tenants: tenants.map { TenantPolicy(tenant: $0, teams: ["team"], places: .any, operators: .any, models: .any) })
        let snapshot = Snapshot(
            catalogue: catalogue, prices: PriceBook(["price": [.test]]), limits: ListenerLimits(), keys: [:], board: Board())
        let model = try #require(catalogue.model(named: "m"))
        func find(_ text: [UInt8], _ kind: StateKind, _ key: SymmetricKey) -> Result<FoundState, StateRefusal> {
            text.withUnsafeBytes { snapshot.find($0, kind, key: key, model: model) }
        }

        var made = 0
        var refused = 0
        var found = 0
        while made < attempts {
            let owner = Int.random(in: 0..<tenants.count, using: &random)
            let attacker = (owner + Int.random(in: 1..<tenants.count, using: &random)) % tenants.count
            let home = Int.random(in: 0..<5, using: &random)
            let id = StateID.random(&random, home: "e\(home)")
            let live = try #require(id.signed(with: keys[owner]))
            let own = try #require(StateID.random(&random, home: "e\(home)").signed(with: keys[attacker]))
            // Its owner uses it…
            guard case .success(FoundState(id: id, home: home)) = find(live, id.kind, keys[owner]) else {
                Issue.record("an owner was refused")
                return
            }
            // …and at once another tenant tries.
            for number in 0..<attemptsPerID {
                let text = Self.attempt(live, own: own, number, &random)
                let kind: StateKind = text.starts(with: "conv_".utf8) ? .conversation : .response
                made += 1
                switch find(text, kind, keys[attacker]) {
                case .failure(.notFound): refused += 1
                case .failure(let refusal): Issue.record("told more than that there is nothing: \(refusal)")
                case .success(let state):
                    // A fuzzed text can happen to be the attacker's own id, whole; then it is its own state.
                    if text == own, state.id.providerID != id.providerID { refused += 1 } else { found += 1 }
                }
            }
        }
        #expect(made >= attempts && refused == made && found == 0)
    }

    @Test("Thousands of attempts over sockets with live ids: each is answered as a made-up one, and no endpoint hears of it")
    func sockets() async throws {
        var random = SeededRandom(seed: testSeed("cross-tenant calls"))
        try await StateBench.with(limit: nil) { bench async throws in
            let attackerKey = StateBench.otherKey.secret
            let own = Array(try bench.respond(key: attackerKey).id.utf8)
            let client = try RawClient(port: bench.weir.port)
            func call(_ id: String, _ key: String) throws -> RawAnswer {
                try client.send(
                    Harness.request(
                        #"{"model":"m","input":"x","previous_response_id":"\#(id)"}"#, path: "/v1/responses", key: key))
                return try client.answer()
            }
            let forged = try call("resp_made_up", attackerKey).withoutNames
            var live = Array(try bench.respond().id.utf8)
            var calls = 0
            for number in 0..<socketAttempts {
                if number % attemptsPerID == 0 {
                    // The owner goes on, and the id of the new response is the one under attack.
                    let reply = try bench.respond(after: String(decoding: live, as: UTF8.self))
                    #expect(reply.raw.status == 200)
                    live = Array(reply.id.utf8)
                    calls += 1
                }
                let text = Self.attempt(live, own: own, number, &random)
                // What cannot stand in a JSON text is refused before anybody looks at it.
                guard text != own, text.allSatisfy({ (0x21..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) else { continue }
                let answer = try call(String(decoding: text, as: UTF8.self), attackerKey)
                #expect(answer.withoutNames == forged)
            }
            #expect(bench.asked.count == calls + 2)
        }
    }
}
