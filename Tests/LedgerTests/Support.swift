import Core
import Journal
import Ledger
import TestKit

/// 2026-11-23T12:00:00Z.
let noon = Timestamp(seconds: 1_795_435_200)
let november = Window(noon.month)
let december = CivilDate(year: 2026, month: 12, day: 1).start

func nanos(_ value: Int64) -> Money { Money(nanos: value) }

func record(
    _ id: String, team: String = "blue", tenant: String = "acme", limit: Int64? = nil
) -> KeyRecord {
    KeyRecord(
        id: id, name: "name of \(id)", tenant: tenant, team: team, monthlyLimit: limit.map { Money(nanos: $0) },
        created: noon, secrets: [KeySecret(digest: KeyDigest(1, 2, 3, 4))])
}

let route = HoldRoute(
    RouteFacts(
        model: "gpt-4o", upstreamModel: "gpt-4o-2024-11-20", endpoint: "azure-se", link: "public", operator: "microsoft",
        operatorCountry: "US", processedIn: ["EU", "SE"]))

func request(_ key: Int, _ amount: Int64, at moment: Timestamp = noon, attempt: UInt64 = 7) -> HoldRequest {
    HoldRequest(
        attempt: AttemptID(high: 1, low: attempt), call: "req_\(attempt)", key: key, route: route, operation: .chat,
        stream: true, amount: Money(nanos: amount), inputBound: 10, outputBound: 20, generation: 3, at: moment)
}

/// Small blocks, so that allowances matter in tests with small amounts.
func smallBlocks(_ block: Int64 = 40) -> AllowanceSettings {
    var settings = AllowanceSettings()
    settings.block = block
    settings.largestBlock = block * 10
    return settings
}

/// A journal in memory that commits when the test says so.
func byHand(_ folder: String = "/j") -> Journal.Settings {
    var settings = Journal.Settings(folder: folder)
    settings.commitsByHand = true
    settings.segmentBytes = 4 * 1024
    return settings
}

/// Every durable entry of a journal, from a sequence number on.
func entries(
    _ journal: Journal, from: UInt64 = 0
) throws -> [(sequence: UInt64, at: Timestamp, entry: Entry)] {
    var result: [(sequence: UInt64, at: Timestamp, entry: Entry)] = []
    var next = from
    while next < journal.durable {
        next = try journal.read(from: next, limit: 1_000) { _, bytes in result.append(try Entry.parse(bytes)) }
    }
    return result
}

/// The fold of all durable entries; throws where one breaks a promise.
func folded(_ journal: Journal) throws -> Fold {
    var fold = Fold()
    for (sequence, at, entry) in try entries(journal) { try fold.apply(sequence, at: at, entry) }
    return fold
}

extension HoldOutcome {
    var hold: Hold? { if case .admitted(let hold, _) = self { hold } else { nil } }
    var mustSync: Bool { if case .admitted(_, let must) = self { must } else { false } }
    var refusal: MoneyRefusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}

extension Fold {
    func limit(_ place: Place) -> Money? { limits[place.account]?.spend.first { $0.period == place.period }?.amount }
}

/// Where the live ledger and a fold of its journal disagree, if anywhere: every line of every account.
func difference(_ ledger: LiveLedger, _ fold: Fold) -> String? {
    let balances = fold.balances
    for view in ledger.accounts {
        for line in view.lines {
            let balance = balances[Fold.Place(account: view.name, period: line.period)] ?? Fold.Balance()
            if balance.settled != line.settled.nanos || balance.reserved != line.reserved.nanos {
                return "\(view.name) \(line.period): live \(line.settled) + \(line.reserved), journal \(balance)"
            }
        }
        if balances[Fold.Place(account: view.name, period: .total)]?.undrawn ?? 0 != view.undrawn.nanos {
            return "\(view.name): another allowance"
        }
    }
    return nil
}

/// A ledger over a disk in memory.
func open(
    _ disk: LossyDisk, allowances: AllowanceSettings = smallBlocks(), at moment: Timestamp = noon,
    doubt: DoubtSettings = DoubtSettings(), fold: Fold = Fold(), zones: [String: CivilZone] = [:]
) throws -> (ledger: LiveLedger, report: RecoveryReport) {
    try LiveLedger.open(
        byHand(), disk: disk.boot(), fold: fold, node: "test", version: "0", allowances: allowances, doubtSettings: doubt,
        zones: zones, at: moment)
}

/// One of several, which are not none.
func pick<T>(_ choices: [T], _ random: inout SeededRandom) -> T { choices[Int.random(in: choices.indices, using: &random)] }
