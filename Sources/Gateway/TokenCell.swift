import Core
import Policy
import Providers
import Synchronization

/// The token of one endpoint, where every event loop reads it. Whoever gets tokens writes it; the data path waits for nobody.
final class TokenCell: Sendable {
    private struct State {
        var token: HeldToken?
        /// The header line that carries it, with its end.
        var line: [UInt8] = []
        /// The endpoint refused it, and another one is asked for.
        var isRenewing = false
    }

    /// What an endpoint's refusal of a token says.
    enum Refusal {
        /// There is a newer one already, which it has not seen.
        case stale
        /// Another one is asked for; `isFirst`: by this refusal.
        case renewing(isFirst: Bool)
        /// Another one was asked for a moment ago: the token is not what is wrong.
        case final
    }

    private let state = Mutex(State())

    func write(_ token: HeldToken?, line: [UInt8]) {
        state.withLock { $0 = State(token: token, line: line) }
    }

    /// The header line to send, and the number of its token; nil where there is none that is valid.
    func line(at now: Timestamp) -> (bytes: [UInt8], number: UInt64)? {
        state.withLock { state in
            guard let token = state.token, now < token.until else { return nil }
            return (state.line, token.number)
        }
    }

    func hasToken(at now: Timestamp) -> Bool { state.withLock { $0.token.map { now < $0.until } ?? false } }

    /// Until when it is valid; nil: there is none.
    var until: Timestamp? { state.withLock { $0.token?.until } }

    func refused(_ number: UInt64, at now: Timestamp) -> Refusal {
        state.withLock { state in
            guard let token = state.token, token.number == number else { return .stale }
            if state.isRenewing { return .renewing(isFirst: false) }
            guard now >= token.renewableFrom else { return .final }
            state.isRenewing = true
            return .renewing(isFirst: true)
        }
    }
}

/// The cells of all endpoints that are shown tokens, by what they were granted for: a credential or an address that changes gets another
/// cell, so that calls of an earlier snapshot never carry a token to where it does not belong.
struct TokenCells {
    private var cells: [Grant: TokenCell] = [:]

    mutating func cell(_ grant: Grant) -> TokenCell {
        if let cell = cells[grant] { return cell }
        let cell = TokenCell()
        cells[grant] = cell
        return cell
    }

    mutating func keep(_ grants: Set<Grant>) { cells = cells.filter { grants.contains($0.key) } }
}

extension Board {
    /// Calls `body` when an endpoint refuses a token that should be valid, at most once for each token.
    public func onRefusedToken(_ body: @escaping @Sendable (Grant, _ number: UInt64) -> Void) {
        renewal.withLock { $0 = body }
    }

    /// A token that calls may carry from now on; nil: there is none any more.
    public func give(_ token: HeldToken?, for grant: Grant) {
        cell(for: grant).write(token, line: token.map { grant.credential.tokenLine($0.value) } ?? [])
        tokenChanged(for: grant, isThere: token != nil)
    }

    /// Forgets the tokens of everything else.
    public func keepTokens(of grants: Set<Grant>) { cells.withLock { $0.tokens.keep(grants) } }

    /// Until when the token of an endpoint is valid; nil: it has none.
    public func tokenUntil(_ grant: Grant) -> Timestamp? { cell(for: grant).until }

    func cell(for grant: Grant) -> TokenCell { cells.withLock { $0.tokens.cell(grant) } }

    func askRenewal(_ grant: Grant, _ number: UInt64) {
        let body = renewal.withLock { $0 }
        body?(grant, number)
    }
}
