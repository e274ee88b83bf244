public import Core
import Journal
import Synchronization

/// An endpoint that no attempt goes to until somebody lifts it, and why.
public struct Suspension: Sendable, Hashable {
    /// What an answer said that contradicts the endpoint's label.
    public struct Report: Sendable, Hashable {
        /// In the provider's words.
        public var region: String
        /// The label that policy let the attempt go by.
        public var processedIn: [Place]
        public var attempt: AttemptID

        public init(region: String, processedIn: [Place], attempt: AttemptID) {
            self.region = region
            self.processedIn = processedIn
            self.attempt = attempt
        }
    }

    /// By its name in the configuration, so that neither a reload nor a restart lifts it.
    public var endpoint: String
    /// `weir`, or whoever did it by hand.
    public var who: String
    public var why: String
    /// nil: done by hand.
    public var report: Report?

    public init(endpoint: String, who: String, why: String, report: Report? = nil) {
        self.endpoint = endpoint
        self.who = who
        self.why = why
        self.report = report
    }

    /// What Weir does by itself when a report contradicts the label.
    public init(endpoint: String, contradictedBy report: Report) {
        self.init(
            endpoint: endpoint, who: "weir", why: "it reported a region that its label does not have", report: report)
    }
}

/// Of a reason that a person gives, in bytes.
public let longestReason = 256

// MARK: The live ledger

extension LiveLedger {
    /// Those in force, by endpoint.
    public var suspensions: [String: Fold.Suspended] { state.withLock { $0.suspensions } }

    /// Journals that an endpoint was suspended by its own report, and alerts. Whoever calls has seen to it already that no attempt
    /// goes there. For the data path: it waits for nothing, and where the journal takes nothing now the entry follows later.
    /// - Returns: the sequence number that the entry has or will have; nil when the endpoint was suspended before.
    public func suspend(_ suspension: Suspension, at moment: Timestamp) -> UInt64? {
        let journal = journal
        let (sequence, alerts) = state.withLock { state -> (UInt64?, [AlertNotice]) in
            guard state.suspensions[suspension.endpoint] == nil else { return (nil, []) }
            let now = state.clock.now(moment)
            guard Entry.suspended(suspension).write(to: &state.writer, at: now) else { return (nil, []) }
            let sequence = state.say(journal)
            state.suspensions[suspension.endpoint] = Fold.Suspended(suspension: suspension, since: now)
            state.alerts.append(.suspended(suspension))
            return (sequence, state.takeAlerts())
        }
        tell(alerts)
        return sequence
    }

    /// Suspends an endpoint by hand.
    /// - Parameter applying: makes it so on the data path; it runs together with the change here.
    public func suspend(
        byHand suspension: Suspension, at moment: Timestamp, applying: @Sendable () -> Void
    ) throws(LedgerError) -> UInt64 {
        try locked { (state, journal) throws(LedgerError) in
            guard state.suspensions[suspension.endpoint] == nil else { throw .suspendedBefore }
            let sequence = try state.act(.suspended(suspension), journal, at: moment)
            state.suspensions[suspension.endpoint] = Fold.Suspended(suspension: suspension, since: state.clock.now(moment))
            applying()
            return sequence
        }
    }

    /// Lifts a suspension. What is attempted then follows the entry in the journal, so a crash that loses the entry loses those too.
    /// - Parameter applying: as above. A report that comes meanwhile is either before it or suspends the endpoint anew.
    public func resume(
        endpoint: String, who: String, why: String, at moment: Timestamp, applying: @Sendable () -> Void
    ) throws(LedgerError) -> UInt64 {
        try locked { (state, journal) throws(LedgerError) in
            guard state.suspensions[endpoint] != nil else { throw .notSuspended }
            let sequence = try state.act(.resumed(endpoint: endpoint, who: who, why: why), journal, at: moment)
            state.suspensions[endpoint] = nil
            applying()
            return sequence
        }
    }
}

// MARK: As entries

extension EntryWriter {
    mutating func suspension(_ suspension: Suspension) {
        member("endpoint", suspension.endpoint)
        member("who", suspension.who)
        member("why", clipped(suspension.why, longestReason))
        guard let report = suspension.report else { return }
        member("region", report.region)
        strings("processedIn", report.processedIn)
        member("attempt", report.attempt)
    }
}

extension EntryReader {
    func suspension() throws(EntryError) -> Suspension {
        var report: Suspension.Report?
        if let region = try optionalString("region") {
            report = Suspension.Report(region: region, processedIn: try strings("processedIn"), attempt: try attempt())
        }
        return Suspension(
            endpoint: try string("endpoint"), who: try string("who"), why: try string("why"), report: report)
    }
}
