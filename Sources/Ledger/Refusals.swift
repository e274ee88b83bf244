public import Core
import Journal
import Synchronization

/// How many different refusals are told apart between two entries; the rest is counted together.
private let mostRefusalBuckets = 256
/// Of a code or model name.
private let largestRefusalText = 64
/// Refusals become an entry at most once a second.
private let refusalFlushNanoseconds: Int64 = 1_000_000_000

/// Refused calls, counted by key, code and model until the next entry.
struct RefusalCounts: Sendable {
    struct Bucket: Hashable, Sendable {
        var key: String?
        var code: String
        var model: String?
    }

    var from: Timestamp?
    var counts: [Bucket: Int64] = [:]
}

extension LiveLedger {
    /// Counts a refused call; an entry a second tells how many of each kind there were.
    /// - Parameter model: only a configured name; what a caller made up belongs in no journal.
    public func refusal(key: String?, code: String, model: String?, at moment: Timestamp = .now()) {
        let due = refusals.withLock { refusals -> Bool in
            let from = refusals.from ?? moment
            refusals.from = from
            var bucket = RefusalCounts.Bucket(
                key: key, code: clipped(code, largestRefusalText), model: model.map { clipped($0, largestRefusalText) })
            if refusals.counts[bucket] == nil, refusals.counts.count >= mostRefusalBuckets - 1 {
                bucket = RefusalCounts.Bucket(key: nil, code: "other", model: nil)
            }
            refusals.counts[bucket, default: 0] += 1
            return moment.nanoseconds - from.nanoseconds >= refusalFlushNanoseconds
        }
        if due { flushRefusals(at: moment) }
    }

    /// Journals what has been counted, if anything.
    public func flushRefusals(at moment: Timestamp) {
        let journal = journal
        state.withLock { state in
            // While the disk fails they are only counted: an entry a second would fill the memory instead.
            guard state.flushBacklog(journal), case .running = journal.state else { return }
            let taken = refusals.withLock { refusals in
                defer { refusals = RefusalCounts() }
                return refusals
            }
            guard let from = taken.from else { return }
            let counts = taken.counts.map { bucket, count in
                Entry.Refusals(
                    key: bucket.key, code: bucket.code, model: bucket.model, count: count)
            }.sorted { ($0.code, $0.key ?? "", $0.model ?? "") < ($1.code, $1.key ?? "", $1.model ?? "") }
            if Entry.refused(from: from, counts).write(to: &state.writer, at: state.clock.now(moment)) { state.say(journal) }
        }
    }
}
