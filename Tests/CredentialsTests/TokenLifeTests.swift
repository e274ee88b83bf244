import Core
import Testing

@testable import Credentials

/// The life of one credential's tokens, with a clock that the test turns.
@Suite("When tokens are asked for")
struct TokenLifeTests {
    private static let start = Timestamp(seconds: 1_800_000_000)
    private static func after(_ seconds: Int64) -> Timestamp { start.advanced(byMilliseconds: seconds * 1_000) }
    private static let hour: Int64 = 3_600_000

    /// Claims are made of what changing methods return, so the value lies in a box.
    private final class Tokens {
        private var life: TokenLife
        init(at now: Timestamp) { life = TokenLife(at: now) }
        var token: HeldToken? { life.token }
        var trouble: TokenTrouble? { life.trouble }
        var failures: Int { life.failures }
        func step(at now: Timestamp) -> TokenLife.Step { life.step(at: now) }
        func ended() -> TokenLife.Notice? { life.ended() }
        func failed(_ trouble: TokenTrouble, at now: Timestamp, chance: UInt64) -> TokenLife.Notice? {
            life.failed(trouble, at: now, chance: chance)
        }
        func fetched(_ value: Secret, lifeMilliseconds: Int64, askedAt: Timestamp, chance: UInt64) -> TokenLife.Notice? {
            life.fetched(value, lifeMilliseconds: lifeMilliseconds, askedAt: askedAt, chance: chance)
        }
        func refusedByEndpoint(_ number: UInt64, at now: Timestamp) -> Bool { life.refusedByEndpoint(number, at: now) }
    }

    private static func withToken(life: Int64 = hour) -> Tokens {
        let tokens = Tokens(at: start)
        _ = tokens.fetched(Secret("one"), lifeMilliseconds: life, askedAt: start, chance: 0)
        return tokens
    }

    @Test("The first token is asked for at once, and renewed when a quarter of its life is left, half an hour at most")
    func ahead() {
        var tokens = Tokens(at: Self.start)
        #expect(tokens.step(at: Self.start) == .fetch)
        for (life, renewed): (Int64, Int64) in [
            (Self.hour, 2_700), (24 * Self.hour, 84_600), (4_000, 3), (7 * 24 * Self.hour, 603_000),
        ] {
            tokens = Self.withToken(life: life)
            #expect(tokens.step(at: Self.start) == .rest(until: Self.after(renewed)), "\(life)")
            #expect(tokens.step(at: Self.after(renewed)) == .fetch)
        }
    }

    @Test(
        "Chance makes it earlier, never later, by a quarter of what is left at most",
        arguments: [1, 224_999, 225_000, UInt64.max])
    func jitter(_ chance: UInt64) {
        let tokens = Tokens(at: Self.start)
        _ = tokens.fetched(Secret("one"), lifeMilliseconds: Self.hour, askedAt: Self.start, chance: chance)
        guard case .rest(let until) = tokens.step(at: Self.start) else { return #expect(Bool(false), "it is due") }
        #expect(until <= Self.after(2_700) && until >= Self.after(2_475))
    }

    @Test("A token is not sent in the last moments of its life")
    func margin() {
        #expect(Self.withToken().token?.until == Self.after(3_595))
        #expect(Self.withToken(life: 4_000).token?.until == Self.start.advanced(byMilliseconds: 3_800))
    }

    @Test("A renewal that fails keeps the old token to its end, is told once, and is tried again with pauses up to a minute")
    func keepsOld() {
        let tokens = Self.withToken()
        let number = tokens.token?.number
        var now = Self.after(2_700)
        var pauses: [Int64] = []
        var notices: [TokenLife.Notice] = []
        while case .fetch = tokens.step(at: now) {
            #expect(tokens.token?.number == number)
            if let notice = tokens.failed(.unreachable, at: now, chance: 0) { notices.append(notice) }
            guard case .rest(let until) = tokens.step(at: now) else { break }
            pauses.append(until.milliseconds(since: now) / 1_000)
            now = until
        }
        #expect(Array(pauses.prefix(8)) == [1, 2, 4, 8, 16, 32, 60, 60])
        #expect(pauses.count < 25, "\(pauses.count) tries in a quarter of an hour")
        #expect(notices == [.late(.unreachable, until: Self.after(3_595))])
        #expect(now == Self.after(3_595))
        #expect(tokens.ended() == .missing(.unreachable))
        #expect(tokens.token == nil)
        // From here on nothing is told until there is a token again.
        for _ in 0..<9 { #expect(tokens.failed(.unreachable, at: now, chance: 0) == nil) }
        let restored = tokens.fetched(Secret("two"), lifeMilliseconds: Self.hour, askedAt: now, chance: 0)
        #expect(restored == .restored(until: now.advanced(byMilliseconds: Self.hour - 5_000)))
        #expect(tokens.token?.number == 2 && tokens.failures == 0)
    }

    static let beginnings: [(trouble: TokenTrouble, alarmAt: Int, pauses: [Int64])] = [
        (.refused(status: 401, word: "invalid_client"), 1, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]),
        (.nothingToShow, 1, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]),
        (.unreachable, 3, [1, 2, 4, 8, 16, 32, 60, 60]),
        (.unreadable, 3, [1, 2, 4, 8, 16, 32, 60, 60]),
        (.failed(status: 503, retryAfterMilliseconds: nil), 3, [1, 2, 4, 8, 16, 32, 60, 60]),
        (.failed(status: 429, retryAfterMilliseconds: 40_000), 3, [40, 40, 40, 40, 40, 40, 60, 60]),
        (.failed(status: 429, retryAfterMilliseconds: 999_999_000), 3, [3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600, 3_600]),
    ]

    @Test(
        "Without a first token there is one alarm, at once for a refusal, and ever longer pauses", arguments: beginnings.indices)
    func beginning(_ index: Int) {
        let (trouble, alarmAt, pauses) = Self.beginnings[index]
        let tokens = Tokens(at: Self.start)
        var now = Self.start
        var told: [Int] = []
        var found: [Int64] = []
        for number in 1...8 {
            #expect(tokens.step(at: now) == .fetch)
            if tokens.failed(trouble, at: now, chance: 0) == .missing(trouble) { told.append(number) }
            guard case .rest(let until) = tokens.step(at: now) else { break }
            found.append(until.milliseconds(since: now) / 1_000)
            now = until
        }
        #expect(told == [alarmAt])
        #expect(found == pauses)
    }

    @Test("An endpoint's refusal of a valid token asks for one new token, and no second one for five minutes")
    func forced() {
        let tokens = Self.withToken()
        let now = Self.after(100)
        #expect(!tokens.refusedByEndpoint(7, at: now), "a token that nobody knows")
        #expect(tokens.refusedByEndpoint(1, at: now))
        #expect(!tokens.refusedByEndpoint(1, at: now), "it is asked for already")
        #expect(tokens.step(at: now) == .fetch)
        _ = tokens.fetched(Secret("two"), lifeMilliseconds: Self.hour, askedAt: now, chance: 0)
        #expect(tokens.token?.number == 2)
        #expect(!tokens.refusedByEndpoint(1, at: now), "that was the old one")
        #expect(!tokens.refusedByEndpoint(2, at: Self.after(399)))
        #expect(tokens.step(at: Self.after(399)) != .fetch)
        #expect(tokens.refusedByEndpoint(2, at: Self.after(400)))
    }

    @Test("A new token that the authority refuses after the endpoint refused the old one is an alarm, though the old one lives")
    func forcedRefused() {
        let tokens = Self.withToken()
        let trouble = TokenTrouble.refused(status: 401, word: "invalid_client")
        #expect(tokens.refusedByEndpoint(1, at: Self.after(1)))
        #expect(tokens.failed(trouble, at: Self.after(1), chance: 0) == .missing(trouble))
        #expect(tokens.failed(trouble, at: Self.after(99), chance: 0) == nil)
    }

    @Test("A life that is no life is a failure, and one beyond all sense is counted as thirty days")
    func lives() {
        var tokens = Tokens(at: Self.start)
        for life: Int64 in [.min, -1, 0, 999] {
            _ = tokens.fetched(Secret("one"), lifeMilliseconds: life, askedAt: Self.start, chance: 0)
            #expect(tokens.token == nil && tokens.trouble == .unreadable)
        }
        tokens = Self.withToken(life: .max)
        #expect(tokens.token?.until == Self.after(30 * 86_400 - 5))
    }

    @Test("After a sleep beyond the token's end it is ended first, then asked for")
    func slept() {
        let tokens = Self.withToken()
        #expect(tokens.step(at: Self.after(10_000)) == .end)
        #expect(tokens.ended() == nil, "nothing has gone wrong yet")
        #expect(tokens.step(at: Self.after(10_000)) == .fetch)
        #expect(tokens.failed(.unreachable, at: Self.after(10_000), chance: 0) == .missing(.unreachable))
    }
}
