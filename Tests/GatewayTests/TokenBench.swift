import Core
import Credentials
import Foundation
import Gateway
import Logging
import Policy
import Simulator

/// A Weir whose endpoint `one` is shown tokens of a played authority, `login`; where the test wants, `two` has a key and comes after it.
struct TokenBench {
    let weir: Harness
    let keeper: TokenKeeper
    let grant: Grant
    let capture: LogCapture

    /// Requests that arrived at the authority.
    var asked: Int { weir.simulator.record().filter { $0.endpoint == "login" }.count }
    func calls(_ endpoint: String) -> [ReceivedRequest] { weir.simulator.record().filter { $0.endpoint == endpoint } }
    var alarms: Int { capture.all.filter { $0.hasPrefix("critical") }.count }

    static func with(
        issues: String, one: String = "provider: azure", authority provider: String = "entra", spare: Bool = false,
        isReady: Bool = true,
        endpoint make: @escaping @Sendable (Endpoint, _ login: Authority) -> Endpoint,
        _ body: (TokenBench) async throws -> Void
    ) async throws {
        let scenario = """
            endpoints:
              - name: login
                provider: \(provider)
                issues: \(issues)
              - name: one
                \(one)
                output: 4
                models: [up-m, ep-1]
              - name: two
                provider: openai
                output: 4
                models: [up-m]
            """
        let capture = LogCapture()
        try await Harness.with(
            scenario: scenario, log: capture.logger,
            endpoints: { ports in
                let login = Authority(origin: Origin(tls: false, host: "127.0.0.1", port: ports["login"] ?? 0))
                let first = make(.test("one", port: ports["one"] ?? 0, provider: .azure, basePath: ""), login)
                return spare ? [first, .test("two", port: ports["two"] ?? 0, priority: 2)] : [first]
            }
        ) { weir async throws in
            let board = weir.board
            let keeper = TokenKeeper(
                TokenSurroundings(
                    give: { board.give($0, for: $1) }, read: { try? String(contentsOfFile: $0, encoding: .utf8) },
                    log: capture.logger))
            board.onRefusedToken { grant, number in Task { await keeper.refused(grant, number: number) } }
            guard let grant = weir.endpoints[0].tokenGrant else { throw NoGrant() }
            await keeper.start([grant])
            if isReady { await keeper.settle([grant], withinMilliseconds: 5_000) }
            let result: Result<Void, any Error>
            do {
                try await body(TokenBench(weir: weir, keeper: keeper, grant: grant, capture: capture))
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await keeper.stop()
            try result.get()
        }
    }

    private struct NoGrant: Error {}
}
