import Core
import Ledger

/// The ledger as one would explain it: who has settled, held and granted what, in lists. It decides admission by promise 2
/// alone and knows nothing of how allowances are sized; it follows the grants and returns that it is told of.
struct ReferenceModel {
    struct Held { var key: Int; var window: Window; var amount: Int64; var drawn: Bool }
    struct Settled { var key: Int; var window: Window; var amount: Int64 }
    struct Credit { var key: Int; var window: Window; var amount: Int64; var sequence: UInt64 }

    var chains: [[AccountName]] = []
    var limits: [AccountName: Int64] = [:]
    var revoked: Set<Int> = []
    var window: Window
    var held: [HoldRef: Held] = [:]
    var settled: [Settled] = []
    /// What allowances were given and what they gave, since they were last called back.
    var credits: [Credit] = []
    var drawn: [Int: Int64] = [:]

    func undrawn(_ key: Int) -> Int64 {
        credits.filter { $0.key == key }.reduce(0) { $0 + $1.amount } - drawn[key, default: 0]
    }
    func drawable(_ key: Int, durable: UInt64) -> Int64 {
        credits.filter { $0.key == key && $0.sequence < durable }.reduce(0) { $0 + $1.amount } - drawn[key, default: 0]
    }
    func spoken(_ account: AccountName) -> Int64 {
        held.values.filter { $0.window == window && chains[$0.key].contains(account) }.reduce(0) { $0 + $1.amount }
            + settled.filter { $0.window == window && chains[$0.key].contains(account) }.reduce(0) { $0 + $1.amount }
    }
    func undrawn(in account: AccountName) -> Int64 {
        chains.indices.filter { chains[$0].contains(account) }.reduce(0) { $0 + undrawn($1) }
    }
    func admits(_ key: Int, _ amount: Int64) -> Bool {
        !revoked.contains(key) && chains[key].allSatisfy { spoken($0) + amount <= limits[$0] ?? .max }
    }
    mutating func turn(_ moment: Timestamp) { window = max(window, Window(moment.month)) }
    mutating func returned(_ key: Int) {
        credits.removeAll { $0.key == key }
        drawn[key] = 0
    }
}
