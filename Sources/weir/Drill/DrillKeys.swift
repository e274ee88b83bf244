import Core
import Crypto
import Drill
import Foundation
import Gateway
import Ledger
import Policy

/// The keys of a drill: for each key, and each kind of labels that its calls had, a secret that only the drill knows.
struct DrillKeys {
    private struct Kind: Hashable {
        var key: String
        var labels: CallLabels?
    }

    private var secrets: [Kind: String] = [:]
    private var records: [String: (record: KeyRecord, account: Int)] = [:]

    init(_ shapes: [Shape], in ledger: LiveLedger, _ accounts: [AccountView], speed: Double) throws {
        for shape in shapes {
            let kind = Kind(key: shape.key.id, labels: shape.labels)
            if secrets[kind] == nil { secrets[kind] = "drill-\(UUID().uuidString)" }
            guard records[shape.key.id] == nil else { continue }
            var record = shape.key
            record.expires = nil
            record.secrets = []
            record.limits = record.limits.left(of: accounts.first { $0.name == .key(record.id) }, speed: speed)
            records[record.id] = (record, try ledger.record(key: record, at: .now()).index)
        }
    }

    func secret(of shape: Shape) -> String { secrets[Kind(key: shape.key.id, labels: shape.labels)] ?? "" }

    func entries(in catalogue: Catalogue) -> [KeyDigest: KeyEntry] {
        var entries: [KeyDigest: KeyEntry] = [:]
        for (number, (kind, secret)) in secrets.enumerated() {
            guard let known = records[kind.key], catalogue.tenant(named: known.record.tenant) != nil,
                let digest = KeyDigest(SHA256.hash(data: Data(secret.utf8)))
            else { continue }
            var record = known.record
            // What its calls were judged by lies within what its team and tenant say.
            if let labels = kind.labels { record.labels = labels }
            entries[digest] = KeyEntry(
                record: record, account: known.account, in: catalogue, expires: nil, number: UInt32(truncatingIfNeeded: number))
        }
        return entries
    }
}

extension AccountLimits {
    /// What is left of them where so much is settled already.
    func left(of view: AccountView?, speed: Double) -> AccountLimits {
        var limits = self
        for index in limits.spend.indices {
            let settled = view?.lines.first { $0.period == limits.spend[index].period }?.settled ?? .zero
            limits.spend[index].amount = Money(
                nanos: Int64(clamping: max(0, Int128(limits.spend[index].amount.nanos) - settled.nanos)))
            limits.spend[index].alertPercents = []
        }
        limits.pace.quicken(by: speed)
        return limits
    }
}

extension PaceLimit {
    /// As much in less time: a burst may be larger by as much too.
    fileprivate mutating func quicken(by speed: Double) {
        func faster(_ most: Int64) -> Int64 { Int64(min(Double(most) * speed, 1e15)) }
        requestsPerMinute = requestsPerMinute.map(faster)
        tokensPerMinute = tokensPerMinute.map(faster)
    }
}
