public import Core
public import Ledger

/// What the admin API can do, filled in by whoever owns the parts. An action may throw `AdminError` or `LedgerError`.
public struct AdminActions: Sendable {
    /// Returns once the key is durable and every event loop has it.
    public var createKey: @Sendable (NewKey) async throws -> CreatedKey
    public var listKeys: @Sendable () async throws -> [KeyView]
    /// Gives the key a new secret; the old one opens it for so many seconds more.
    public var rotateKey: @Sendable (_ id: String, _ overlapSeconds: Int64) async throws -> CreatedKey
    /// Replaces all limits that are the key's own; durable when it returns.
    public var limitKey: @Sendable (_ id: String, _ limits: AccountLimits) async throws -> KeyView
    /// Replaces the models that may answer in the place of others for this key; in force on every event loop when it returns.
    public var letFallBack: @Sendable (_ id: String, _ fallbacks: [String: [String]]) async throws -> KeyView
    /// Replaces all labels that are the key's own; in force on every event loop when it returns.
    public var labelKey: @Sendable (_ id: String, _ labels: CallLabels) async throws -> KeyView
    /// Returns once no event loop lets the key in any more.
    public var revokeKey: @Sendable (_ id: String, _ why: String) async throws -> Void
    public var listEndpoints: @Sendable () async throws -> EndpointList
    /// Returns once no event loop sends anything there and the entry is durable.
    public var suspendEndpoint: @Sendable (_ name: String, _ why: String) async throws -> Void
    /// Returns once the entry is durable.
    public var resumeEndpoint: @Sendable (_ name: String, _ why: String) async throws -> Void
    public var usage: @Sendable (UsageQuery) async throws -> [UsageRow]
    /// Persons whose data have left mainland China in a year of its calendar.
    public var exports: @Sendable (_ year: Int) async throws -> [ExportYear]
    /// Holds that wait for evidence.
    public var doubts: @Sendable () async throws -> DoubtList
    /// Books evidence once; durable when it returns.
    public var evidence: @Sendable (Evidence) async throws -> EvidenceReport
    public var explain: @Sendable (ExplainQuery) async throws -> ExplainReport
    public var compare: @Sendable (_ models: [String]) async throws -> ModelComparison
    public var reload: @Sendable () async throws -> ReloadReport
    public var metrics: @Sendable () async throws -> MetricsSnapshot
    public var ready: @Sendable () async -> [ReadyCheck]
    public var status: @Sendable () async throws -> StatusReport

    public init(
        createKey: @escaping @Sendable (NewKey) async throws -> CreatedKey,
        listKeys: @escaping @Sendable () async throws -> [KeyView],
        rotateKey: @escaping @Sendable (_ id: String, _ overlapSeconds: Int64) async throws -> CreatedKey,
        limitKey: @escaping @Sendable (_ id: String, _ limits: AccountLimits) async throws -> KeyView,
        letFallBack: @escaping @Sendable (_ id: String, _ fallbacks: [String: [String]]) async throws -> KeyView,
        labelKey: @escaping @Sendable (_ id: String, _ labels: CallLabels) async throws -> KeyView,
        revokeKey: @escaping @Sendable (_ id: String, _ why: String) async throws -> Void,
        listEndpoints: @escaping @Sendable () async throws -> EndpointList,
        suspendEndpoint: @escaping @Sendable (_ name: String, _ why: String) async throws -> Void,
        resumeEndpoint: @escaping @Sendable (_ name: String, _ why: String) async throws -> Void,
        usage: @escaping @Sendable (UsageQuery) async throws -> [UsageRow],
        exports: @escaping @Sendable (_ year: Int) async throws -> [ExportYear],
        doubts: @escaping @Sendable () async throws -> DoubtList,
        evidence: @escaping @Sendable (Evidence) async throws -> EvidenceReport,
        explain: @escaping @Sendable (ExplainQuery) async throws -> ExplainReport,
        compare: @escaping @Sendable (_ models: [String]) async throws -> ModelComparison,
        reload: @escaping @Sendable () async throws -> ReloadReport,
        metrics: @escaping @Sendable () async throws -> MetricsSnapshot,
        ready: @escaping @Sendable () async -> [ReadyCheck],
        status: @escaping @Sendable () async throws -> StatusReport
    ) {
        self.createKey = createKey
        self.listKeys = listKeys
        self.rotateKey = rotateKey
        self.limitKey = limitKey
        self.letFallBack = letFallBack
        self.labelKey = labelKey
        self.revokeKey = revokeKey
        self.listEndpoints = listEndpoints
        self.suspendEndpoint = suspendEndpoint
        self.resumeEndpoint = resumeEndpoint
        self.usage = usage
        self.exports = exports
        self.doubts = doubts
        self.evidence = evidence
        self.explain = explain
        self.compare = compare
        self.reload = reload
        self.metrics = metrics
        self.ready = ready
        self.status = status
    }
}
