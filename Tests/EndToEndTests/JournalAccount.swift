import Core
import Foundation
import Journal
import Ledger

/// What a journal says, read from its files by someone who trusts nobody.
struct JournalAccount {
    /// All balances; made by folding every entry, which fails where a prefix breaks promise 2.
    var fold = Fold()
    var holds: [AttemptID: (sequence: UInt64, entry: HoldEntry)] = [:]
    var ends: [AttemptID: EndEntry] = [:]
    var overruns = 0
    var holdsInDoubt = 0
    /// What happened to each key's allowances, in order.
    var allowances: [String: [Event]] = [:]

    enum Event {
        /// The key was served.
        case served(at: Timestamp)
        /// A start found so much of it undrawn after a crash.
        case doubt(at: Timestamp, Money)
    }

    init(folder: URL) throws {
        try Journal.scan(folder: folder.path) { sequence, bytes in
            let (stated, moment, entry) = try Entry.parse(bytes)
            guard stated == sequence else { throw Obstacle("entry \(sequence) calls itself \(stated)") }
            try fold.apply(sequence, at: moment, entry)
            try note(sequence, moment, entry)
        }
    }

    private mutating func note(_ sequence: UInt64, _ moment: Timestamp, _ entry: Entry) throws {
        switch entry {
        case .hold(let hold):
            guard holds.updateValue((sequence, hold), forKey: hold.attempt) == nil else {
                throw Obstacle("the attempt \(hold.attempt) was held twice")
            }
            allowances[hold.key, default: []].append(.served(at: moment))
        case .end(let end):
            guard ends.updateValue(end, forKey: end.attempt) == nil else {
                throw Obstacle("the attempt \(end.attempt) ended twice")
            }
        case .allowance(let block): allowances[block.key, default: []].append(.served(at: moment))
        case .allowanceDoubt(let block, _): allowances[block.key, default: []].append(.doubt(at: moment, block.amount))
        case .overrun: overruns += 1
        case .doubt: holdsInDoubt += 1
        default: break
        }
    }

    /// What the start after this moment found undrawn of a key's allowance: what was sent last may have been covered by it.
    func doubtfulAllowance(of key: String, after moment: Timestamp) -> Money {
        for event in allowances[key] ?? [] {
            switch event {
            case .doubt(let at, let amount) where at > moment: return amount
            case .served(let at) where at > moment: return .zero
            default: continue
            }
        }
        return .zero
    }

    /// Settled money of attempts whose provider told their usage.
    var told: [(attempt: AttemptID, end: EndEntry)] {
        ends.filter { $0.value.how == .settled && !$0.value.estimated }.map { ($0.key, $0.value) }
    }
}
