public import Core
import Journal
import Synchronization

/// An export as it was judged before its hold: whose data, and the counts that policy was shown, this person among them.
public struct JudgedExport: Sendable, Hashable {
    public var exported: ExportedPerson
    public var count: ExportCount

    public init(_ exported: ExportedPerson, count: ExportCount) {
        self.exported = exported
        self.count = count
    }
}

extension LiveLedger {
    /// A tenant's counts since 1 January in China with this person among them: what policy has to be asked with.
    public func exportCount(_ tenant: String, with exported: ExportedPerson, at moment: Timestamp) -> ExportCount {
        state.withLock { state in
            state.exports.count(tenant, with: exported, in: state.clock.now(moment).yearInChina)
        }
    }

    /// A tenant's counts as they are.
    public func exportCount(_ tenant: String, at moment: Timestamp) -> ExportCount {
        state.withLock { $0.exports.count(tenant, in: $0.clock.now(moment).yearInChina) }
    }

    /// The same with a person who has not been counted: what the next call about somebody new is judged by.
    public func exportCount(_ tenant: String, withOneMore isSensitive: Bool, at moment: Timestamp) -> ExportCount {
        var random = SystemRandomNumberGenerator()
        let stranger = Pseudonym(high: random.next(), low: random.next())
        return exportCount(tenant, with: ExportedPerson(stranger, isSensitive: isSensitive), at: moment)
    }

    /// The counts of every tenant that exported in a year of China's calendar.
    public func exports(year: Int) -> [ExportYear] { state.withLock { $0.exports.tenants(in: year) } }

    /// The same in the year that it is now.
    public func exports(at moment: Timestamp) -> [ExportYear] {
        state.withLock { $0.exports.tenants(in: $0.clock.now(moment).yearInChina) }
    }
}

extension LedgerState {
    /// Counts that are greater than those an export was judged by; nil: it was judged by what is true.
    func moved(_ judged: JudgedExport, key: Int, at now: Timestamp) -> ExportCount? {
        let count = exports.count(keys[key].record.tenant, with: judged.exported, in: now.yearInChina)
        return count.exceeds(judged.count) ? count : nil
    }

    /// Counts an export whose hold is in the journal.
    ///
    /// - Returns: whether the attempt may be sent before its hold is durable. While any new person is not, no export may: a crash could
    ///   lose the one entry that counts a person whose data have left.
    mutating func countExport(
        _ exported: ExportedPerson, key: Int, at now: Timestamp, _ sequence: UInt64, _ journal: Journal
    ) -> Bool {
        let addition = exports.add(exported, of: keys[key].record.tenant, in: now.yearInChina)
        if !addition.isNone { newestPerson = sequence }
        guard let newestPerson else { return true }
        return journal.durable > newestPerson
    }
}
