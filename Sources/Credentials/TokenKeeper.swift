public import Core
public import Logging
public import Policy

/// Where tokens go, what files hold, what time it is: what a keeper needs of the world.
public struct TokenSurroundings: Sendable {
    /// A token that calls may carry from now on; nil: there is none any more.
    public var give: @Sendable (HeldToken?, Grant) -> Void
    /// The text of a file; nil where it cannot be read.
    public var read: @Sendable (String) -> String?
    public var now: @Sendable () -> Timestamp
    public var log: Logger

    public init(
        give: @escaping @Sendable (HeldToken?, Grant) -> Void, read: @escaping @Sendable (String) -> String?,
        now: @escaping @Sendable () -> Timestamp = { .now() }, log: Logger
    ) {
        self.give = give
        self.read = read
        self.now = now
        self.log = log
    }
}

/// Keeps a token for every grant: each is fetched, renewed ahead of its end and given to the data path, by a task of its own.
public actor TokenKeeper {
    private let surroundings: TokenSurroundings
    private var sources: [Grant: TokenSource] = [:]
    private var running: [Grant: Task<Void, Never>] = [:]

    public init(_ surroundings: TokenSurroundings) { self.surroundings = surroundings }

    /// Starts to keep tokens for grants that are new. Those that it has are kept as they are.
    public func start(_ grants: [Grant]) {
        for grant in grants where running[grant] == nil {
            let source = TokenSource(grant, surroundings)
            sources[grant] = source
            running[grant] = Task { await source.run() }
        }
    }

    /// Waits until each grant has a token or was refused one, but no longer than this.
    public func settle(_ grants: [Grant], withinMilliseconds limit: Int64) async {
        let waiting = grants.compactMap { sources[$0] }
        let end = ContinuousClock.now.advanced(by: .milliseconds(limit))
        for source in waiting {
            while await !source.hasTried, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    /// Keeps none for anything else.
    public func keepOnly(_ grants: [Grant]) async {
        let wanted = Set(grants)
        for (grant, task) in running where !wanted.contains(grant) {
            task.cancel()
            await task.value
            running[grant] = nil
            sources[grant] = nil
        }
    }

    /// Its endpoint refuses a token that should be valid.
    public func refused(_ grant: Grant, number: UInt64) async { await sources[grant]?.refused(number) }

    /// Of a grant that was started: what its authority said last; nil: nothing bad.
    public func trouble(_ grant: Grant) async -> String? { await sources[grant]?.life.trouble?.word }

    public func stop() async { await keepOnly([]) }
}

/// The tokens of one grant, one after another.
actor TokenSource {
    private let grant: Grant
    private let surroundings: TokenSurroundings
    private let client: TokenClient
    private(set) var life: TokenLife
    private(set) var hasTried = false
    private var nap: Task<Void, Never>?

    init(_ grant: Grant, _ surroundings: TokenSurroundings) {
        self.grant = grant
        self.surroundings = surroundings
        client = TokenClient(trustFile: grant.authority.trustFile)
        life = TokenLife(at: surroundings.now())
    }

    func run() async {
        while !Task.isCancelled {
            switch life.step(at: surroundings.now()) {
            case .fetch: await fetch()
            case .end:
                surroundings.give(nil, grant)
                tell(life.ended())
            case .rest(let until): await rest(until)
            }
        }
        await client.close()
    }

    func refused(_ number: UInt64) {
        guard life.refusedByEndpoint(number, at: surroundings.now()) else { return }
        surroundings.log.warning(
            "an endpoint refuses a token that should be valid: another one is asked for", metadata: metadata())
        nap?.cancel()
    }

    private func fetch() async {
        let asked = surroundings.now()
        do throws(TokenTrouble) {
            let token = try await ask(at: asked)
            let notice = life.fetched(
                token.value, lifeMilliseconds: token.lifeMilliseconds, askedAt: asked, chance: .random(in: 0...(.max)))
            if life.failures == 0 {
                surroundings.give(life.token, grant)
                surroundings.log.debug("there is a new token", metadata: metadata())
            }
            tell(notice)
        } catch {
            guard !Task.isCancelled else { return }
            tell(life.failed(error, at: surroundings.now(), chance: .random(in: 0...(.max))))
        }
        hasTried = true
    }

    private func ask(at now: Timestamp) async throws(TokenTrouble) -> FreshToken {
        var federated: String?
        if case .entra(let application) = grant.credential, case .federatedToken(let file) = application.proof {
            federated = surroundings.read(file).map { String($0.filter { !$0.isWhitespace }) }
        }
        guard let request = grant.credential.tokenRequest(federated: federated, at: now) else { throw .nothingToShow }
        let reply = try await client.send(request, by: grant)
        return try grant.credential.token(in: reply, at: now)
    }

    private func rest(_ until: Timestamp) async {
        let pause = max(1, until.milliseconds(since: surroundings.now()))
        let nap = Task { _ = try? await Task.sleep(for: .milliseconds(pause)) }
        self.nap = nap
        await withTaskCancellationHandler {
            await nap.value
        } onCancel: {
            nap.cancel()
        }
        self.nap = nil
    }

    private func tell(_ notice: TokenLife.Notice?) {
        let log = surroundings.log
        switch notice {
        case nil: break
        case .late(let trouble, let until):
            log.error(
                "a token could not be renewed: the one in use serves until its end",
                metadata: metadata(["reason": "\(trouble.word)", "until": "\(until)"]))
        case .missing(let trouble):
            log.critical(
                "an endpoint has no token and gets no calls: its authority is asked again, less and less often, until it gives one",
                metadata: metadata(["reason": "\(trouble.word)"]))
        case .restored(let until):
            log.notice("an endpoint has a token again", metadata: metadata(["until": "\(until)"]))
        }
    }

    private func metadata(_ more: Logger.Metadata = [:]) -> Logger.Metadata {
        more.merging([
            "endpoint": "\(grant.endpoint)", "authority": "\(grant.authority.origin)", "credential": "\(grant.credential.kind)",
        ]) { first, _ in first }
    }
}
