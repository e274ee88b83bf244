import Console
import Core
import Fleet
import Foundation
import Gateway
import Journal
import Ledger
import Policy
import Providers
import Settings

/// What the admin API may do with this node.
extension Node {
    nonisolated func adminActions(adminAddress: String) -> AdminActions {
        AdminActions(
            createKey: { try await self.createKey($0) },
            listKeys: { await self.listKeys() },
            rotateKey: { try await self.rotateKey($0, overlapSeconds: $1) },
            limitKey: { try await self.limitKey($0, $1) },
            letFallBack: { try await self.letFallBack($0, $1) },
            labelKey: { try await self.labelKey($0, $1) },
            revokeKey: { try await self.revokeKey($0, why: $1) },
            listEndpoints: { await self.endpointList() },
            suspendEndpoint: { try await self.suspendEndpoint($0, why: $1) },
            resumeEndpoint: { try await self.resumeEndpoint($0, why: $1) },
            usage: { query in
                // Both days are meant whole.
                let end = CivilDate(daysSince1970: query.to.daysSince1970 + 1).start
                return try await self.bookkeeper.usage(by: query.by, from: query.from.start, to: end)
            },
            exports: { self.ledger.exports(year: $0) },
            doubts: {
                DoubtList(
                    doubts: self.ledger.doubtfulHolds.map(DoubtView.init),
                    allowances: self.ledger.doubtfulAllowances.map(DoubtfulAllowance.init))
            },
            evidence: { try await self.book($0) },
            explain: { try await self.explain($0) },
            compare: { await self.compare($0) },
            reload: { await self.reloadReport() },
            metrics: { try await self.metricsSnapshot() },
            ready: { await self.readyChecks() },
            status: { await self.status(adminAddress: adminAddress) })
    }

    // MARK: Keys

    private func createKey(_ new: NewKey) async throws -> CreatedKey {
        let (key, digest) = KeyMaker.key()
        let now = Timestamp.now()
        let record = new.record(id: KeyMaker.id(), digest: digest, at: now)
        do { try await add(record) } catch let error as NodeError {
            throw AdminError.refused(error.description, action: "Correct the request or the configuration.")
        }
        return CreatedKey(key: key, record: KeyView(record, at: now))
    }

    private func listKeys() -> [KeyView] {
        let accounts = ledger.accounts
        let now = Timestamp.now()
        return ledger.keys.map { key in
            KeyView(key.record, revoked: key.revoked, account: accounts.first { $0.name == .key(key.record.id) }, at: now)
        }
    }

    private func rotateKey(_ id: String, overlapSeconds: Int64) async throws -> CreatedKey {
        let (key, digest) = KeyMaker.key()
        guard ledger.keys.contains(where: { $0.record.id == id }) else { throw AdminError.unknownKey }
        guard ledger.keys.contains(where: { $0.record.id == id && $0.revoked == nil }) else { throw AdminError.keyConflict }
        try await rotate(id, to: digest, overlapSeconds: overlapSeconds)
        guard let record = ledger.keys.first(where: { $0.record.id == id })?.record else { throw AdminError.unknownKey }
        return CreatedKey(key: key, record: KeyView(record, at: .now()))
    }

    private func limitKey(_ id: String, _ limits: AccountLimits) async throws -> KeyView {
        guard let key = ledger.keys.first(where: { $0.record.id == id }) else { throw AdminError.unknownKey }
        guard key.revoked == nil else { throw AdminError.keyConflict }
        try await limit(id, limits)
        guard let record = ledger.keys.first(where: { $0.record.id == id })?.record else { throw AdminError.unknownKey }
        return KeyView(record, account: ledger.accounts.first { $0.name == .key(id) }, at: .now())
    }

    private func letFallBack(_ id: String, _ fallbacks: [String: [String]]) async throws -> KeyView {
        try await change(id) { $0.fallbacks = fallbacks }
    }

    private func labelKey(_ id: String, _ labels: CallLabels) async throws -> KeyView {
        try await change(id) { $0.labels = labels }
    }

    private func change(_ id: String, _ change: (inout KeyRecord) -> Void) async throws -> KeyView {
        guard let key = ledger.keys.first(where: { $0.record.id == id }) else { throw AdminError.unknownKey }
        guard key.revoked == nil else { throw AdminError.keyConflict }
        var record = key.record
        change(&record)
        do { try await replace(record) } catch let error as NodeError {
            throw AdminError.refused(error.description, action: "Correct the request or the configuration.")
        }
        return KeyView(record, account: ledger.accounts.first { $0.name == .key(id) }, at: .now())
    }

    private func revokeKey(_ id: String, why: String) async throws {
        guard let key = ledger.keys.first(where: { $0.record.id == id }) else { throw AdminError.unknownKey }
        guard key.revoked == nil else { throw AdminError.keyConflict }
        try await revoke(id, why: why)
    }

    // MARK: Endpoints

    private nonisolated func endpointList() async -> EndpointList {
        let catalogue = gateway.snapshot.catalogue
        let now = Timestamp.now()
        return EndpointList(
            catalogue, health: board.health(of: catalogue), suspensions: ledger.suspensions,
            leftOut: await configuration.leftOut, credentials: await tokens.views(catalogue.endpoints, at: now), at: now)
    }

    private nonisolated func suspendEndpoint(_ name: String, why: String) async throws {
        guard gateway.snapshot.catalogue.endpoints.contains(where: { $0.name == name }) else {
            throw AdminError.unknownEndpoint
        }
        let board = board
        let suspension = Suspension(endpoint: name, who: "administrator", why: why)
        try await durable(try ledger.suspend(byHand: suspension, at: .now()) { board.suspend(name) })
    }

    /// Also of one that the configuration has no more, so that nothing is left suspended under a name that comes back.
    private nonisolated func resumeEndpoint(_ name: String, why: String) async throws {
        let board = board
        try await durable(
            try ledger.resume(endpoint: name, who: "administrator", why: why, at: .now()) { board.resume(name) })
    }

    // MARK: Evidence

    /// Looks through the journal, which may take long: never on this actor.
    private nonisolated func book(_ evidence: Evidence) async throws -> EvidenceReport {
        let ledger = ledger
        let outcome = try await Task.detached { try ledger.book(evidence, at: .now()) }.value
        switch outcome {
        case .booked(let sequence):
            try await durable(sequence)
            return EvidenceReport(.booked)
        case .alreadyBooked(let sequence):
            try await durable(sequence)
            return EvidenceReport(.already)
        }
    }

    // MARK: Looking

    private func explain(_ query: ExplainQuery) throws -> ExplainReport {
        let keys = ledger.keys.filter { $0.revoked == nil }
        let found =
            switch query.key {
            case .id(let id): keys.first { $0.record.id == id }
            case .digest(let digest): keys.first { $0.record.secrets.contains { $0.digest == digest } }
            }
        guard let record = found?.record else { throw AdminError.unknownKey }
        let catalogue = gateway.snapshot.catalogue
        do throws(ClaimRefusal) {
            return try ExplainReport(
                key: record, model: query.model, operation: query.operation, claim: query.claim, in: catalogue,
                health: board.health(of: catalogue), prices: configuration.priceBook,
                serves: { catalogue.endpoints[$0].serves($1, model: query.model) }, suspensions: ledger.suspensions,
                leftOut: configuration.leftOut, exports: { ledger.exportCount(record.tenant, withOneMore: $0, at: .now()) },
                at: .now())
        } catch {
            throw AdminError.refused("A client of this key could not say this of its calls: \(error).", action: "Claim less.")
        }
    }

    private func compare(_ models: [String]) -> ModelComparison {
        let catalogue = gateway.snapshot.catalogue
        return ModelComparison(
            models, in: catalogue, health: board.health(of: catalogue), prices: configuration.priceBook, at: .now())
    }

    private func reloadReport() async -> ReloadReport {
        do {
            let configuration = try await reload()
            return ReloadReport(ok: true, generation: generation, notes: configuration.notes)
        } catch let errors as ConfigurationErrors {
            return ReloadReport(ok: false, generation: generation, errors: errors.errors.map(\.description))
        } catch {
            return ReloadReport(ok: false, generation: generation, errors: ["\(error)"])
        }
    }

    private func metricsSnapshot() async throws -> MetricsSnapshot {
        let catalogue = gateway.snapshot.catalogue
        let health = board.health(of: catalogue)
        let now = Timestamp.now()
        var facts: [String: MetricsSnapshot.EndpointFacts] = [:]
        for (index, endpoint) in catalogue.endpoints.enumerated() {
            let available =
                switch health[index].availability(at: now) {
                case .ready, .trial: true
                case .cooling, .open, .down, .suspended, .noToken: false
                }
            facts[endpoint.name] = MetricsSnapshot.EndpointFacts(
                endpoint, isAvailable: available, isSuspended: health[index].suspended)
        }
        let journal = ledger.journal
        return MetricsSnapshot(
            version: Node.version, started: startedAt, generation: generation, loops: try await gateway.metrics(),
            endpoints: facts, engines: Dictionary(uniqueKeysWithValues: engineStates.map { ($0.name, $0.state) }),
            journal: journal.statistics, journalState: journal.state, durable: journal.durable, next: journal.next,
            openHolds: ledger.openHolds, holdsInDoubt: ledger.doubtfulHolds.count,
            alerts: alerts.count, clockDoubtSeconds: ledger.clock.doubtfulSeconds,
            clockAheadSeconds: ledger.clock.aheadSeconds,
            backup: backup?.view.facts,
            witness: witness?.view.facts, accounts: ledger.accounts, exports: ledger.exports(at: now))
    }

    private func readyChecks() -> [ReadyCheck] {
        let journal = ledger.journal.state
        var checks = [
            ReadyCheck("calls", ok: !addresses.isEmpty, detail: addresses.isEmpty ? "not listening yet" : "listening"),
            ReadyCheck("journal", ok: journal == .running, detail: "\(journal)"),
        ]
        if let view = witness?.view {
            // A witness that is away stops nothing; one that has signed another past is a reason to take no more calls.
            checks.append(
                ReadyCheck(
                    "witness", ok: !view.isContradicted,
                    detail: view.isContradicted ? "it has signed what this log no longer says" : "signed \(view.witnessed)"))
        }
        return checks
    }

    private func status(adminAddress: String) -> StatusReport {
        let catalogue = gateway.snapshot.catalogue
        let health = board.health(of: catalogue)
        let now = Timestamp.now()
        return StatusReport(
            version: Node.version, node: configuration.node, process: ProcessInfo.processInfo.processIdentifier,
            generation: generation, started: startedAt, calls: addresses.map { "\($0)" }, admin: adminAddress,
            durable: ledger.journal.durable, next: ledger.journal.next, journal: "\(ledger.journal.state)",
            endpoints: catalogue.endpoints.enumerated().map { .init($1.name, "\(health[$0].availability(at: now))") },
            engines: engineStates.map { .init($0.name, "\($0.state)") }, notes: configuration.notes)
    }
}

extension LiveLedger {
    fileprivate func book(_ evidence: Evidence, at moment: Timestamp) throws -> CorrectionOutcome {
        switch evidence.action {
        case .correct:
            try correct(
                Correction(
                    hold: evidence.hold, attempt: evidence.attempt, amount: evidence.amount, usage: evidence.meters,
                    evidence: evidence.name, why: evidence.why), at: moment)
        case .settle:
            try resolve(
                Resolution(
                    hold: evidence.hold, attempt: evidence.attempt, settled: evidence.amount, usage: evidence.meters,
                    tier: evidence.tier, evidence: evidence.name, why: evidence.why), at: moment)
        case .void:
            try resolve(
                Resolution(
                    hold: evidence.hold, attempt: evidence.attempt, settled: .zero, isVoid: true, evidence: evidence.name,
                    why: evidence.why), at: moment)
        case .settleAllowance:
            try resolve(
                AllowanceEvidence(
                    doubt: evidence.hold,
                    finding: .charged(
                        evidence.amount, evidence.meters, tier: evidence.tier ?? .standard,
                        attempt: evidence.attempt == unknownAttempt ? nil : evidence.attempt),
                    evidence: evidence.name, why: evidence.why), at: moment)
        case .voidAllowance:
            try resolve(
                AllowanceEvidence(doubt: evidence.hold, finding: .voided, evidence: evidence.name, why: evidence.why),
                at: moment)
        }
    }
}

extension Backup.State {
    fileprivate var facts: MetricsSnapshot.BackupFacts { .init(size: size, failures: failures) }
}

extension LogWitness.State {
    fileprivate var facts: MetricsSnapshot.WitnessFacts {
        .init(size: witnessed, failures: failures, isContradicted: isContradicted)
    }
}
