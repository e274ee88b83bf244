import Core
import Foundation
import Ledger
import Synchronization

/// Callers that send one call after another, plain and streamed, whatever happens to Weir, and now and then leave.
final class Load: Sendable {
    static let outputLimitMax: Int64 = 16
    /// The tests' round price.
    static let price = Price(
        from: CivilDate(year: 2020, month: 1, day: 1), input: TokenPrice(picos: 1_000_000),
        cachedInput: TokenPrice(picos: 500_000), output: TokenPrice(picos: 4_000_000))

    /// A call that went, or may have gone, to one run of Weir.
    struct Sent: Sendable {
        var key: Int
        var run: Int
        /// The most that each of its attempts may cost.
        var bound: Money
    }

    /// The head of an answer that reached its caller.
    struct Seen: Sendable {
        var status: Int
        var attempt: String?
        var code: String?
    }

    private struct State {
        var sent: [String: Sent] = [:]
        var seen: [Seen] = []
    }

    private let state = Mutex(State())
    private let run = Atomic<Int>(0)
    private let stops = Atomic<Bool>(false)
    private let working: DispatchGroup
    private let port: Int
    private let keys: [Workbench.Key]

    var sent: [String: Sent] { state.withLock { $0.sent } }
    var seen: [Seen] { state.withLock { $0.seen } }

    /// Starts so many callers for each key.
    init(port: Int, keys: [Workbench.Key], callersPerKey: Int, seed: UInt64) {
        self.port = port
        self.keys = keys
        working = DispatchGroup()
        for key in keys.indices {
            for caller in 0..<callersPerKey {
                working.enter()
                Thread { [self] in
                    call(as: key, "k\(key)-c\(caller)", SplitMix(seed: seed &+ UInt64(key * 1_000 + caller)))
                    working.leave()
                }.start()
            }
        }
    }

    /// What is sent from now on goes to this run of Weir; the one before has ended.
    func begin(run number: Int) { run.store(number, ordering: .sequentiallyConsistent) }

    /// Lets the calls under way end.
    func stop() {
        stops.store(true, ordering: .sequentiallyConsistent)
        working.wait()
    }

    private func call(as key: Int, _ name: String, _ seed: SplitMix) {
        var random = seed
        var number = 0
        var connection: (client: Client, run: Int)?
        while !stops.load(ordering: .sequentiallyConsistent) {
            if connection == nil { connection = connect() }
            guard let (client, run) = connection else {
                usleep(5_000)
                continue
            }
            number += 1
            do {
                try call(client, key: key, id: "\(name)-\(number)", run: run, &random)
                // Now and then a new connection, so that both kinds of start are met.
                if random.next() % 8 == 0 { connection = nil }
            } catch {
                connection = nil
            }
        }
    }

    /// A connection and the run of Weir at its other end: the same before and after, since runs follow one another.
    private func connect() -> (Client, Int)? {
        let before = run.load(ordering: .sequentiallyConsistent)
        guard let client = try? Client(port: port) else { return nil }
        return run.load(ordering: .sequentiallyConsistent) == before ? (client, before) : nil
    }

    private func call(_ client: Client, key: Int, id: String, run: Int, _ random: inout SplitMix) throws {
        let words = String(repeating: "water ", count: Int(random.next() % 40) + 1)
        let limit = Int64(random.next() % UInt64(Self.outputLimitMax)) + 1
        let stream = random.next() % 2 == 0 ? ",\"stream\":true" : ""
        let body =
            "{\"model\":\"m\",\"max_tokens\":\(limit)\(stream),\"messages\":[{\"role\":\"user\",\"content\":\"\(words)\"}]}"
        let input = inputTokenBound(inputBytes: body.utf8.count, messages: 1, images: 0, imageBound: nil) ?? .max
        let bound = upperBound(TokenBound(input: input, output: limit), Self.price)
        state.withLock { $0.sent[id] = Sent(key: key, run: run, bound: bound ?? .zero) }
        try client.send("POST", "/v1/chat/completions", headers: [keys[key].header, "x-request-id: \(id)"], body: body)
        // One caller in ten leaves: at once, before the answer or in the middle of it.
        if random.next() % 10 == 0 {
            usleep(UInt32(random.next() % 20_000))
            throw Client.Broken(why: "left")
        }
        var status = 0
        let answer = try client.answer { head in
            // Noted at once: the rest may never come.
            status = head.status
            let seen = Seen(status: head.status, attempt: head.headers["x-weir-attempt"])
            if head.status == 200 { state.withLock { $0.seen.append(seen) } }
        }
        if status != 200 { state.withLock { $0.seen.append(Seen(status: status, code: answer.code)) } }
        guard answer.isWhole else { throw Client.Broken(why: "cut") }
    }
}

/// Random numbers that a seed makes again.
struct SplitMix: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
