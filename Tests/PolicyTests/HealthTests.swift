import Core
import Policy
import Testing

@Suite("What is learned of an endpoint")
struct HealthTests {
    @Test("The breaker opens at the fifth failure in a row, not before")
    func opens() {
        var health = Health()
        for failures in 1...Health.breakerThreshold {
            #expect(health.availability(at: noon) == .ready)
            health.record(.failed, at: noon)
            #expect(health.failuresInRow == failures)
        }
        #expect(health.availability(at: noon) == .open(until: after(5_000)))
        #expect(health.availability(at: after(4_999)) == .open(until: after(5_000)))
        #expect(health.availability(at: after(5_000)) == .trial)
    }

    @Test("Without a token nothing goes there; a refused token is waited for a minute; a new one opens it at once, also after refusals")
    func tokens() {
        var health = Health()
        health.tokenMissing = true
        #expect(health.availability(at: noon) == .noToken)
        health.hasNewToken()
        #expect(health.availability(at: noon) == .ready)
        health.record(.tokenRefused, at: noon)
        #expect(health.availability(at: after(59_999)) == .noToken)
        #expect(health.availability(at: after(60_000)) == .ready)
        health.record(.tokenRefused, at: noon)
        health.hasNewToken()
        #expect(health.availability(at: noon) == .ready && health.credentialRefusals == 0)
        health.record(.credentialRefused, at: noon)
        #expect(health.availability(at: noon) == .cooling(until: after(60_000)))
        health.hasNewToken()
        #expect(health.availability(at: noon) == .ready)
        #expect(health.credentialRefusals == 1, "a new token that is refused too is no new alarm")
        let all = catalogue([endpoint("a"), endpoint("b", priority: 2)])
        var random = SystemRandomNumberGenerator()
        health.tokenMissing = true
        #expect(
            route(call(in: all), in: all, health: [health, Health()], serves: { _, _ in true }, at: noon, using: &random)
                == .attempt([1]))
    }

    @Test("While it is suspended nothing begins there, and neither answers nor time lift it")
    func suspended() {
        var health = Health()
        health.suspended = true
        health.record(.answered(latencyMicroseconds: 1), at: noon)
        for moment in [noon, after(100_000_000)] {
            #expect(health.availability(at: moment) == .suspended)
            let begins = health.begin(tokens: 1, at: moment)
            #expect(!begins)
        }
        let all = catalogue([endpoint("a"), endpoint("b", priority: 2)])
        var random = SystemRandomNumberGenerator()
        func decide(_ health: [Health]) -> Decision {
            route(call(in: all), in: all, health: health, serves: { _, _ in true }, at: noon, using: &random)
        }
        #expect(decide([health, Health()]) == .attempt([1]))
        #expect(decide([health, health]) == .refused(.unavailable(until: nil)))
        #expect(decide([health, cooling(milliseconds: 9)]) == .refused(.unavailable(until: after(9))))
        health.suspended = false
        #expect(decide([health, Health()]) == .attempt([0, 1]))
    }

    @Test("An answer between failures starts the count again")
    func resets() {
        var health = Health()
        for _ in 0..<10 {
            for _ in 1..<Health.breakerThreshold { health.record(.failed, at: noon) }
            health.record(.answered(latencyMicroseconds: 1), at: noon)
        }
        #expect(health.availability(at: noon) == .ready)
        #expect(health.failuresInRow == 0)
    }

    @Test("Half open, it lets one trial through; a good one closes it")
    func trial() {
        var health = opened()
        #expect(health.availability(at: after(5_000)) == .trial)
        _ = health.begin(tokens: 1, at: after(5_000))
        #expect(health.availability(at: after(5_001)) == .open(until: after(10_000)))
        health.record(.answered(latencyMicroseconds: 1), at: after(6_000))
        #expect(health.availability(at: after(6_000)) == .ready)
        #expect(health.openUntil == nil)
    }

    @Test("A trial without a result does not close the door for good")
    func lostTrial() {
        var health = opened()
        _ = health.begin(tokens: 1, at: after(5_000))
        #expect(health.availability(at: after(9_999)) == .open(until: after(10_000)))
        #expect(health.availability(at: after(10_000)) == .trial)
    }

    @Test("Each failed trial doubles the pause, up to five minutes; a good one begins from the first pause again")
    func doubles() {
        var health = opened()
        var now = noon
        for pause in [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000] as [Int64] {
            let until = now.advanced(byMilliseconds: pause)
            #expect(health.availability(at: now) == .open(until: until))
            now = until
            #expect(health.availability(at: now) == .trial)
            _ = health.begin(tokens: 1, at: now)
            now = now.advanced(byMilliseconds: 10)
            health.record(.failed, at: now)
        }
        for _ in 0..<100 {
            now = now.advanced(byMilliseconds: Health.breakerLongestMilliseconds)
            health.record(.failed, at: now)
        }
        #expect(health.availability(at: now) == .open(until: now.advanced(byMilliseconds: Health.breakerLongestMilliseconds)))
        now = now.advanced(byMilliseconds: Health.breakerLongestMilliseconds)
        health.record(.answered(latencyMicroseconds: 1), at: now)
        for _ in 0..<Health.breakerThreshold { health.record(.failed, at: now) }
        #expect(health.availability(at: now) == .open(until: now.advanced(byMilliseconds: 5_000)))
    }

    @Test("Attempts that were under way when it opened do not lengthen the pause")
    func stragglers() {
        var health = opened()
        for late in 1...100 as ClosedRange<Int64> { health.record(.failed, at: after(late)) }
        #expect(health.availability(at: after(100)) == .open(until: after(5_000)))
        #expect(health.availability(at: after(5_000)) == .trial)
    }

    @Test("An attempt that begins while it is open is no trial")
    func noTrialWhileOpen() {
        var health = opened()
        _ = health.begin(tokens: 1, at: after(4_000))
        #expect(health.availability(at: after(5_000)) == .trial)
    }

    static let pauses: [(asked: Int64, kept: Int64)] = [
        (0, 0), (1, 1), (1_500, 1_500), (3_600_000, 3_600_000), (3_600_001, 3_600_000), (.max, 3_600_000), (-1, 0), (.min, 0),
    ]

    @Test("A pause that the provider asks for is honoured, up to an hour", arguments: pauses.indices)
    func cooldown(_ index: Int) {
        let (asked, kept) = Self.pauses[index]
        let health = cooling(milliseconds: asked)
        #expect(health.coolUntil == after(kept))
        if kept > 0 { #expect(health.availability(at: after(kept - 1)) == .cooling(until: after(kept))) }
        #expect(health.availability(at: after(kept)) == .ready)
    }

    @Test("A shorter pause does not cut a longer one, an answer does not either")
    func longestCooldown() {
        var health = cooling(milliseconds: 10_000)
        health.record(.throttled(milliseconds: 100), at: after(1))
        health.record(.answered(latencyMicroseconds: 1), at: after(2))
        #expect(health.availability(at: after(3)) == .cooling(until: after(10_000)))
        health.record(.throttled(milliseconds: 10_000), at: after(5_000))
        #expect(health.availability(at: after(10_000)) == .cooling(until: after(15_000)))
    }

    @Test("Being asked for a pause is no failure, and after it an open breaker still wants its trial")
    func throttledTrial() {
        var health = Health()
        for _ in 0..<50 { health.record(.throttled(milliseconds: 0), at: noon) }
        #expect(health.availability(at: noon) == .ready)
        health = opened()
        _ = health.begin(tokens: 1, at: after(5_000))
        health.record(.throttled(milliseconds: 2_000), at: after(5_100))
        #expect(health.availability(at: after(5_200)) == .cooling(until: after(7_100)))
        #expect(health.availability(at: after(7_100)) == .trial)
    }

    @Test("An engine that is down is down, whatever else is known")
    func engineDown() {
        var health = opened()
        health.down = true
        #expect(health.availability(at: after(60_000)) == .down)
        health.record(.answered(latencyMicroseconds: 1), at: noon)
        #expect(health.availability(at: noon) == .down)
        health.down = false
        #expect(health.availability(at: noon) == .ready)
    }

    @Test("The latency is a moving average that starts at the first sample and comes near a new level")
    func latency() {
        var health = Health()
        #expect(health.latencyMicroseconds == nil)
        health.record(.failed, at: noon)
        #expect(health.latencyMicroseconds == nil)
        health.record(.answered(latencyMicroseconds: 8_000), at: noon)
        #expect(health.latencyMicroseconds == 8_000)
        health.record(.answered(latencyMicroseconds: 16_000), at: noon)
        #expect(health.latencyMicroseconds == 9_000)
        for _ in 0..<100 { health.record(.answered(latencyMicroseconds: 1_000), at: noon) }
        #expect((900...1_100).contains(health.latencyMicroseconds ?? 0))
    }
}
