import Console
import Core
import Credentials
import Foundation
import Gateway
import Ledger
import Logging
import Policy
import Providers
import Settings

/// How long a start or a reload waits for first tokens; endpoints whose authorities take longer get calls when they have answered.
private let firstTokensMilliseconds: Int64 = 3_000
/// The longest file of a federated token that is read.
private let federatedTokenBytesMax = 65_536

/// Tokens that endpoints are shown: asked for here, at the edge, and given to the board that every event loop reads.
struct NodeTokens: Sendable {
    let keeper: TokenKeeper
    private let board: Board

    init(board: Board, log: Logger) {
        self.board = board
        keeper = TokenKeeper(
            TokenSurroundings(
                give: { token, grant in board.give(token, for: grant) },
                read: { path in
                    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
                    defer { try? file.close() }
                    return (try? file.read(upToCount: federatedTokenBytesMax)).flatMap {
                        $0.flatMap { String(data: $0, encoding: .utf8) }
                    }
                },
                log: log))
        let keeper = keeper
        board.onRefusedToken { grant, number in Task { await keeper.refused(grant, number: number) } }
    }

    /// Asks for tokens of what is new, and waits a little for them, so that a new snapshot finds them.
    func prepare(_ endpoints: [Endpoint]) async {
        let grants = endpoints.compactMap(\.tokenGrant)
        await keeper.start(grants)
        await keeper.settle(grants, withinMilliseconds: firstTokensMilliseconds)
    }

    /// Once the snapshot is everywhere: what no endpoint of it needs is forgotten.
    func keepOnly(_ endpoints: [Endpoint]) async {
        let grants = endpoints.compactMap(\.tokenGrant)
        await keeper.keepOnly(grants)
        board.keepTokens(of: Set(grants))
    }

    /// How each endpoint's credential stands, by name.
    func views(_ endpoints: [Endpoint], at now: Timestamp) async -> [String: EndpointView.CredentialView] {
        var views: [String: EndpointView.CredentialView] = [:]
        for endpoint in endpoints {
            guard let credential = endpoint.credential else { continue }
            guard let grant = endpoint.tokenGrant else {
                views[endpoint.name] = EndpointView.CredentialView(credential)
                continue
            }
            views[endpoint.name] = EndpointView.CredentialView(
                credential, until: board.tokenUntil(grant), trouble: await keeper.trouble(grant), at: now)
        }
        return views
    }
}
