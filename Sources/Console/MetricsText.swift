import Core
import Fleet
import Gateway
import Journal
import Ledger

/// The longest syncs that are told apart, in microseconds, with the same in seconds.
private let syncBounds: [(microseconds: UInt64, seconds: String)] = [
    (50, "0.00005"), (100, "0.0001"), (250, "0.00025"), (500, "0.0005"), (1_000, "0.001"), (2_500, "0.0025"), (5_000, "0.005"),
    (10_000, "0.01"), (25_000, "0.025"), (50_000, "0.05"), (100_000, "0.1"), (250_000, "0.25"), (1_000_000, "1"),
]

extension MetricsSnapshot {
    /// In Prometheus's text format. Names that begin with `gen_ai_` follow OpenTelemetry's conventions for generative AI.
    /// `withAccounts`: also the balances of tenants and teams, which are only for who has the admin token.
    public func text(withAccounts: Bool) -> String {
        var page = Exposition()
        writeProcess(&page)
        writeCalls(&page)
        writeEndpoints(&page)
        writeTokens(&page)
        writeJournal(&page)
        writeLog(&page)
        writeMoney(&page)
        if withAccounts {
            writeAccounts(&page)
            writeExports(&page)
        }
        return page.text
    }

    private func writeProcess(_ page: inout Exposition) {
        page.family("weir_build_info", .gauge, "The version that runs.", [([("version", version)], "1")])
        page.single(
            "process_start_time_seconds", .gauge, "Start time of the process since the Unix epoch in seconds.",
            String(started.seconds))
        page.single("weir_configuration_generation", .gauge, "Number of the configuration in force.", String(generation))
        page.family(
            "weir_engine_ready", .gauge, "Whether an engine that Weir runs is ready.",
            engines.sorted { $0.key < $1.key }.map { ([("engine", $0.key)], $0.value == .ready ? "1" : "0") })
    }

    private func writeCalls(_ page: inout Exposition) {
        page.single("weir_calls_total", .counter, "Calls that were read whole.", String(loops.calls))
        page.single("weir_calls_in_flight", .gauge, "Calls under way.", String(loops.callsInFlight))
        page.single("weir_connections", .gauge, "Connections from callers.", String(loops.connections))
        page.single("weir_upstream_connections", .gauge, "Connections to endpoints.", String(loops.upstreamConnections))
        page.single(
            "weir_callers_gone_total", .counter, "Callers that left before their answer ended.", String(loops.callersGone))
        page.single(
            "weir_clipped_outputs_total", .counter, "Calls whose output limit was lowered to what the accounts can hold.",
            String(loops.clippedOutputs))
        page.family(
            "weir_failures_total", .counter, "Refusals and failures that callers saw, by code.",
            loops.failures.sorted { $0.key < $1.key }.map { ([("code", $0.key)], String($0.value)) })
    }

    // MARK: Endpoints

    private var counts: [(labels: Exposition.Labels, counts: LoopMetrics.EndpointCounts)] {
        loops.endpoints.sorted { $0.key < $1.key }.map { (labels($0.key), $0.value) }
    }

    private func labels(_ endpoint: String) -> Exposition.Labels {
        [
            ("weir_endpoint", endpoint), ("gen_ai_provider_name", endpoints[endpoint]?.provider.conventionalName ?? ""),
            ("gen_ai_request_model", endpoints[endpoint]?.model ?? ""),
        ]
    }

    private func writeEndpoints(_ page: inout Exposition) {
        page.family(
            "weir_endpoint_available", .gauge,
            "Whether an endpoint takes calls: not cooling down, resting, suspended or without its engine.",
            endpoints.sorted { $0.key < $1.key }.map { (labels($0.key), $0.value.isAvailable ? "1" : "0") })
        page.family(
            "weir_endpoint_suspended", .gauge, "Whether an endpoint gets no calls until an administrator resumes it.",
            endpoints.sorted { $0.key < $1.key }.map { (labels($0.key), $0.value.isSuspended ? "1" : "0") })
        page.family(
            "weir_region_reports_total", .counter, "Answers that told a region, by what that says beside the endpoint's label.",
            counts.flatMap { labels, counts in
                let regions = counts.regions
                return [
                    ("agrees", regions.agreed), ("unknown", regions.unknown), ("contradicts", regions.contradicted),
                ].map { (labels + [("verdict", $0.0)], String($0.1)) }
            })
        page.family(
            "weir_attempts_total", .counter, "Attempts that were begun.", counts.map { ($0.labels, String($0.counts.attempts)) })
        page.family(
            "weir_attempts_ended_total", .counter, "Attempts by how their endpoint took them.",
            counts.flatMap { labels, counts in
                [("answered", counts.answered), ("failed", counts.failed), ("throttled", counts.throttled)].map {
                    (labels + [("outcome", $0.0)], String($0.1))
                }
            })
        page.histogram(
            "gen_ai_server_request_duration_seconds", "From sending an attempt to the end of its answer.",
            counts.map { Exposition.Distribution($0.labels, $0.counts.duration) })
        page.histogram(
            "weir_first_byte_seconds", "From sending an attempt to the first byte of its answer.",
            counts.map { Exposition.Distribution($0.labels, $0.counts.firstByte) })
    }

    private func writeTokens(_ page: inout Exposition) {
        // The conventions count what was cached and what was reasoned in the totals, too.
        let meters: [(name: String, help: String, value: (Usage) -> Int64)] = [
            ("input_tokens", "Input tokens, cached ones included.", { $0.input + $0.cachedInput }),
            ("cache_read_input_tokens", "Input tokens served from the provider's cache.", { $0.cachedInput }),
            ("output_tokens", "Output tokens, reasoning included.", { $0.output + $0.reasoning }),
            ("reasoning_output_tokens", "Output tokens that were reasoning.", { $0.reasoning }),
        ]
        for meter in meters {
            page.family(
                "gen_ai_client_inference_usage_\(meter.name)_total", .counter, meter.help,
                counts.map { ($0.labels, String(meter.value($0.counts.usage))) })
        }
    }

    // MARK: Journal and money

    private func writeJournal(_ page: inout Exposition) {
        page.single(
            "weir_journal_running", .gauge, "Whether the journal can be written; no call is sent while it cannot.",
            journalState == .running ? "1" : "0")
        page.single("weir_journal_commits_total", .counter, "Commits that were written and synced.", String(journal.commits))
        page.single("weir_journal_entries_total", .counter, "Entries that became durable.", String(journal.entries))
        page.single("weir_journal_written_bytes_total", .counter, "Bytes written, filling included.", String(journal.bytes))
        page.single("weir_journal_failures_total", .counter, "Writes or syncs that failed.", String(journal.failures))
        page.single("weir_journal_durable", .gauge, "One past the last durable entry.", String(durable))
        page.single(
            "weir_journal_lag_entries", .gauge, "Entries that are not durable yet.", String(next >= durable ? next - durable : 0))
        let syncs = journal.syncMicroseconds
        page.histogram(
            "weir_journal_sync_seconds", "From the start of a commit's write to the end of its sync.",
            [
                Exposition.Distribution(
                    labels: [], cumulative: syncBounds.map { ($0.seconds, syncs.count(through: $0.microseconds)) },
                    total: syncs.total, sum: String(Double(syncs.sumMicroseconds) / 1e6))
            ])
    }

    private func writeLog(_ page: inout Exposition) {
        page.single("weir_log_checkpoints_total", .counter, "Checkpoints that were signed.", String(journal.checkpoints))
        page.single(
            "weir_log_uncovered_entries", .gauge, "Durable entries that no checkpoint covers yet.",
            String(journal.uncoveredEntries))
        page.single(
            "weir_log_failures_total", .counter, "Writes, syncs and reads of the log's files that failed.",
            String(journal.logFailures))
        page.single(
            "weir_journal_segments", .gauge, "Segment files; those that the log covers are removed.", String(journal.segments))
        if let witness {
            page.single("weir_witness_size", .gauge, "Entries that the witness has signed for.", String(witness.size))
            page.single(
                "weir_witness_failures_total", .counter, "Checkpoints that the witness did not sign.", String(witness.failures))
            page.single(
                "weir_witness_contradicted", .gauge, "Whether the witness has signed what the log no longer says.",
                witness.isContradicted ? "1" : "0")
        }
        if let backup {
            page.single("weir_backup_size", .gauge, "Entries in the copy of the log.", String(backup.size))
            page.single("weir_backup_failures_total", .counter, "Tries to copy the log that failed.", String(backup.failures))
        }
    }

    private func writeMoney(_ page: inout Exposition) {
        page.single("weir_holds_open", .gauge, "Holds that have not ended, in doubt or not.", String(openHolds))
        page.single(
            "weir_holds_in_doubt", .gauge, "Holds that wait for evidence or for their time to pass.", String(holdsInDoubt))
        page.single(
            "weir_holds_lengthened_total", .counter, "Times that a stream ran past its hold and more was held.",
            String(loops.lengthenedHolds))
        page.single(
            "weir_streams_stopped_total", .counter, "Streams that ended with an error because no more could be held.",
            String(loops.stoppedStreams))
        page.single(
            "weir_usage_unpriced_total", .counter, "Answers settled at their hold because a meter or tier had no price.",
            String(loops.unpricedUsages))
        page.family(
            "weir_estimates_total", .counter, "Attempts whose provider told no usage, by what they were counted with.",
            [
                ([("counted", "tokens")], String(loops.tokenizedEstimates)),
                ([("counted", "bytes")], String(loops.byteEstimates)),
            ])
        page.single(
            "weir_drains_given_up_total", .counter, "Answers that were cancelled because too many were read without a caller.",
            String(loops.givenUpDrains))
        page.single(
            "weir_hedges_total", .counter, "Second attempts that started beside a slow first one.", String(loops.hedges))
        page.single(
            "weir_hedges_won_total", .counter, "Second attempts that answered before the first.", String(loops.hedgesWon))
        page.single(
            "weir_alerts_total", .counter,
            "Alerts: limits that came near, and endpoints that were suspended by their own report.", String(alerts))
        page.single(
            "weir_clock_doubt_seconds", .gauge, "How far the wall clock is ahead of the time that the ledger believes.",
            String(clockDoubtSeconds))
        page.single(
            "weir_clock_ahead_seconds", .gauge, "By how much ledger time is ahead of the wall clock, and stands still.",
            String(clockAheadSeconds))
    }

    private func writeExports(_ page: inout Exposition) {
        page.family(
            "weir_exported_persons", .gauge, "Persons whose data have left mainland China since 1 January, at least.",
            exports.map { ([("tenant", $0.tenant)], String($0.count.persons)) })
        page.family(
            "weir_exported_sensitive_persons", .gauge,
            "Persons whose sensitive data have left mainland China since 1 January, at least.",
            exports.map { ([("tenant", $0.tenant)], String($0.count.sensitivePersons)) })
    }

    private func writeAccounts(_ page: inout Exposition) {
        let lines = accounts.compactMap { account in account.name.labels.map { (labels: $0, account: account) } }
            .sorted { $0.account.name.description < $1.account.name.description }
            .flatMap { row in row.account.lines.map { (labels: row.labels + [("period", $0.period.description)], line: $0) } }
        page.family(
            "weir_account_settled_dollars", .gauge, "Settled in the current window of a period.",
            lines.map { ($0.labels, $0.line.settled.description) })
        page.family(
            "weir_account_reserved_dollars", .gauge, "Held, in allowances or in doubt in the current window of a period.",
            lines.map { ($0.labels, $0.line.reserved.description) })
        page.family(
            "weir_account_limit_dollars", .gauge, "Limit of a period, without its grace.",
            lines.compactMap { row in row.line.limit.map { (row.labels, $0.amount.description) } })
    }
}

extension AccountName {
    /// Nil for keys.
    fileprivate var labels: Exposition.Labels? {
        switch self {
        case .tenant(let tenant): [("tenant", tenant)]
        case .team(let tenant, let team): [("tenant", tenant), ("team", team)]
        case .key: nil
        }
    }
}

extension ProviderKind {
    /// As OpenTelemetry's `gen_ai.provider.name` writes it, where it knows the provider.
    fileprivate var conventionalName: String { self == .azure ? "azure.ai.openai" : rawValue }
}

extension Exposition.Distribution {
    fileprivate init(_ labels: Exposition.Labels, _ histogram: LoopMetrics.Histogram) {
        var sum: UInt64 = 0
        self.labels = labels
        cumulative = zip(LoopMetrics.durationBuckets, histogram.counts).map { bound, count in
            sum += count
            return (String(bound), sum)
        }
        total = histogram.counts.reduce(0, +)
        self.sum = String(histogram.sumSeconds)
    }
}
