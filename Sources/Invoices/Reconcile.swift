import Core
public import Ledger

/// Compares an invoice's rows with what the ledger charged. Pure: the same rows, attempts, rule and prices give the same answer.
///
/// - Parameters:
///   - attempts: of that provider, from `rule.lateDays` before the first day on; those outside the days count only where a row
///     names them.
///   - prices: to compare each line's amount by meter. Attempts whose price is unknown, or which were charged otherwise, are
///     compared whole.
///   - name: of the invoice, for evidence.
///   - charges: what evidence charged for sends whose holds were lost; of every provider, since the ledger does not know theirs.
public func reconcile(
    _ rows: [InvoiceRow], _ attempts: [ChargedAttempt], _ rule: InvoiceRule, prices: PriceBook = PriceBook(), name: String = "",
    charges: [ChargedAllowance] = []
) -> Reconciliation {
    var comparison = Comparison(rows, attempts, rule, prices, name, charges)
    comparison.place()
    comparison.explainByCharges()
    comparison.compareQuantities()
    comparison.findLate()
    comparison.comparePlaces()
    comparison.listCharges()
    return comparison.finished()
}

/// Where rows and attempts meet: one request, or one model (and endpoint) on one day.
struct PlaceKey: Hashable {
    /// The attempt's index, or the day.
    var first: Int32
    /// -1 for an attempt, -2 for a request that is not in the ledger, else the model.
    var model: Int32
    var endpoint: Int32
}

/// One signature's lines at one place.
struct Cell {
    enum Verdict {
        case undecided
        case nothing
        case agrees
        /// Agrees once attempts that nobody knew exactly are corrected.
        case corrected(includingVoided: Bool)
        case missing
        case unknown
        case differs
    }

    /// The rows that count.
    var rows: [Int32] = []
    /// Rows that repeat one of those.
    var repeated: [Int32] = []
    var verdict = Verdict.undecided
    /// Rows that came from a later day.
    var late: [Int32] = []
    /// Its difference and that of a later cell cancel: some of it is billed there.
    var shiftedTo: Int?
    var shiftedFrom = false
}

struct MeetingPlace {
    var key: PlaceKey
    var attempts: [Int32] = []
    var cells: [Cell]
}

/// The work of `reconcile`, step by step.
struct Comparison {
    let rows: [InvoiceRow]
    /// Charges that explain lines are added behind those that were given.
    var attempts: [ChargedAttempt]
    let charges: [ChargedAllowance]
    /// Charges that explain what stands at a place.
    var explained: [(charge: Int, place: Int)] = []
    let rule: InvoiceRule
    let prices: PriceBook
    let name: String
    let signatures: [[MeterSet]]
    let byRequest: Bool
    let usesEndpoint: Bool

    var places: [MeetingPlace] = []
    var placeOf: [PlaceKey: Int] = [:]
    var names = Names()
    var requests = Names()
    /// What each attempt is corrected by.
    var corrections: [Int32: Usage] = [:]
    var correctionAmounts: [Int32: Money] = [:]
    /// The lines that prove it, and whether others share them.
    var evidence: [Int32: (lines: [Int32], shared: Bool)] = [:]
    /// Rounding by day, where the rule rounds days.
    var roundingOfDay: [Int: Amount] = [:]
    var result: Reconciliation

    init(
        _ rows: [InvoiceRow], _ attempts: [ChargedAttempt], _ rule: InvoiceRule, _ prices: PriceBook, _ name: String,
        _ charges: [ChargedAllowance]
    ) {
        self.charges = charges
        self.rows = rows
        self.attempts = attempts
        self.rule = rule
        self.prices = prices
        self.name = name
        signatures = rule.signatures
        byRequest = rule.columns[.id] != nil
        usesEndpoint = rule.columns[.endpoint] != nil
        result = Reconciliation(totals: Totals(currency: rule.currency))
        result.totals.quantitiesOnly = rule.columns[.amount] == nil
        result.meters = signatures.flatMap { $0 }.map { MeterLine(meters: $0, ours: 0, theirs: 0, named: 0) }
    }

    /// Names as numbers, so that keys are small.
    struct Names {
        var list: [String] = []
        private var numbers: [String: Int32] = [:]

        mutating func number(_ name: String) -> Int32 {
            if let number = numbers[name] { return number }
            let number = Int32(list.count)
            numbers[name] = number
            list.append(name)
            return number
        }

        func known(_ name: String) -> Int32? { numbers[name] }
    }

    mutating func index(_ key: PlaceKey) -> Int {
        if let index = placeOf[key] { return index }
        placeOf[key] = places.count
        places.append(MeetingPlace(key: key, cells: signatures.map { _ in Cell() }))
        return places.count - 1
    }

    // MARK: Meeting

    mutating func place() {
        for row in rows { _ = names.number(row.model) }
        let from = rule.from.daysSince1970
        let to = rule.to.daysSince1970
        var byAttempt: [AttemptID: Int32] = [:]
        var byCall: [String: Int32] = [:]
        for (index, attempt) in attempts.enumerated() {
            let number = Int32(index)
            let day = rule.day(attempt)
            if byRequest {
                byAttempt[attempt.attempt] = number
                // Of a call's attempts the one that was charged answers to its id.
                if let other = byCall[attempt.call], attempts[Int(other)].how == .settled {
                } else {
                    byCall[attempt.call] = number
                }
                guard attempt.how != .voided, day >= from, day <= to else { continue }
                places[self.index(PlaceKey(first: number, model: -1, endpoint: 0))].attempts = [number]
            } else {
                let known = names.known(attempt.upstreamModel) ?? names.known(attempt.model)
                let model = known ?? names.number(attempt.upstreamModel)
                let endpoint = usesEndpoint ? names.number(attempt.endpoint) : 0
                let key = PlaceKey(first: Int32(day), model: model, endpoint: endpoint)
                places[self.index(key)].attempts.append(number)
            }
        }
        // By the attempt that the evidence named; one whose hold is there is charged by its own end.
        var chargeOf: [AttemptID: Int] = [:]
        for (number, charge) in charges.enumerated() {
            if let attempt = charge.attempt, byAttempt[attempt] == nil { chargeOf[attempt] = number }
        }
        for (index, row) in rows.enumerated() {
            guard row.kind == .usage else {
                nameCharge(row)
                continue
            }
            let key: PlaceKey
            if byRequest {
                let id = row.id ?? ""
                if let named = AttemptID(id), let charge = chargeOf.removeValue(forKey: named) {
                    let number = self.attempt(of: charge, near: row.day)
                    byAttempt[named] = number
                    explained.append((charge, self.index(PlaceKey(first: number, model: -1, endpoint: 0))))
                }
                let attempt = AttemptID(id).flatMap { byAttempt[$0] } ?? byCall[id]
                key =
                    attempt.map { PlaceKey(first: $0, model: -1, endpoint: 0) }
                    ?? PlaceKey(first: requests.number(id), model: -2, endpoint: 0)
            } else {
                let endpoint = usesEndpoint ? names.number(row.endpoint) : 0
                key = PlaceKey(first: Int32(row.day), model: names.number(row.model), endpoint: endpoint)
            }
            let place = self.index(key)
            if byRequest, key.model == -1, places[place].attempts.isEmpty { places[place].attempts = [key.first] }
            places[place].cells[row.signature].rows.append(Int32(index))
        }
        guard !byRequest else { return }
        // Days before the invoice's own are there for what a row names; lines of a day after them can only be late.
        for index in places.indices where !(from...to).contains(Int(places[index].key.first)) {
            let isAfter = Int(places[index].key.first) > to
            if isAfter || places[index].cells.allSatisfy({ $0.rows.isEmpty }) { places[index].attempts = [] }
        }
    }

    private mutating func nameCharge(_ row: InvoiceRow) {
        let (kind, note): (Finding.Kind, String) =
            switch row.kind {
            case .unmapped(let meter): (.unmapped, "meter \(meter)")
            case .other(let charge): (.otherCharge, charge)
            case .usage: (.missingHere, "")
            }
        let amount = row.amount ?? .zero
        result.totals.invoiced += amount
        result.totals.differences[kind, default: .zero] += amount
        result.findings.append(
            Finding(
                kind: kind, day: CivilDate(daysSince1970: row.day), model: row.model, endpoint: row.endpoint, attempt: nil,
                request: row.id, meters: [], ours: [], theirs: [], difference: amount, lines: [row.line], note: note))
    }

    // MARK: Quantities

    func ours(_ attempts: [Int32], _ set: MeterSet) -> Int64 {
        var sum: Int64 = 0
        for attempt in attempts { sum += set.sum(self.attempts[Int(attempt)].usage) }
        return sum
    }

    func theirs(_ rows: [Int32], _ position: Int) -> Int64 {
        var sum: Int64 = 0
        for row in rows { sum += self.rows[Int(row)].quantities[position] }
        return sum
    }

    /// 0: equal; 1: equal if estimates and doubts are corrected; 2: if voided ones are as well; 3: not.
    func fit(_ rows: [Int32], _ place: Int, _ signature: Int) -> Int {
        var worst = 0
        for (position, set) in signatures[signature].enumerated() {
            let difference = theirs(rows, position) - ours(places[place].attempts, set)
            if difference == 0 { continue }
            if room(place, set, up: difference > 0, voided: false) >= difference.magnitude {
                worst = max(worst, 1)
            } else if room(place, set, up: difference > 0, voided: true) >= difference.magnitude {
                worst = max(worst, 2)
            } else {
                return 3
            }
        }
        return worst
    }

    /// How far an attempt's count can be from what was used, in one direction.
    func room(_ attempt: Int32, _ set: MeterSet, up: Bool, voided: Bool) -> Int64 {
        let attempt = attempts[Int(attempt)]
        switch attempt.how {
        case .settled: guard attempt.estimated else { return 0 }
        case .open, .doubt: break
        case .voided: guard voided else { return 0 }
        }
        let used = set.sum(attempt.usage)
        guard up else { return used }
        var bound: Int64 = 0
        if set.bits & 0x3F != 0 { bound = bound.saturating(plus: attempt.inputBound) }
        if set.bits & ~0x3F != 0 { bound = bound.saturating(plus: attempt.outputBound) }
        return max(0, bound.saturating(minus: used))
    }

    private func room(_ place: Int, _ set: MeterSet, up: Bool, voided: Bool) -> UInt64 {
        places[place].attempts.reduce(0) { sum, attempt in
            let room = room(attempt, set, up: up, voided: voided)
            return sum.saturating(plus: UInt64(max(0, room)))
        }
    }

    mutating func compareQuantities() {
        for place in places.indices {
            for signature in signatures.indices { decide(place, signature) }
        }
    }

    mutating func decide(_ place: Int, _ signature: Int) {
        var cell = places[place].cells[signature]
        defer { places[place].cells[signature] = cell }
        if cell.rows.isEmpty {
            guard signatures[signature].contains(where: { ours(places[place].attempts, $0) != 0 }) else {
                cell.verdict = .nothing
                return
            }
            // What only Weir counted, and a whole invoice does not have, was not used.
            let isGuess = rule.isFinal && fit([], place, signature) < 3
            cell.verdict = isGuess ? .corrected(includingVoided: false) : .missing
            return
        }
        if places[place].attempts.isEmpty {
            cell.verdict = .unknown
            return
        }
        var best = fit(cell.rows, place, signature)
        if best > 0, cell.rows.count > 1 {
            let (kept, repeated) = withoutRepeats(cell.rows)
            let other = repeated.isEmpty ? 3 : fit(kept, place, signature)
            // A line that is there twice is a likelier reason than estimates that were wrong by as much.
            if other < 3 { (cell.rows, cell.repeated, best) = (kept, repeated, other) }
        }
        switch best {
        case 0: cell.verdict = .agrees
        case 1: cell.verdict = .corrected(includingVoided: false)
        case 2: cell.verdict = .corrected(includingVoided: true)
        default: cell.verdict = .differs
        }
    }

    /// A request's lines repeat each other when they count the same; a day's when every field is the same.
    private func withoutRepeats(_ rows: [Int32]) -> (kept: [Int32], repeated: [Int32]) {
        struct Line: Hashable {
            var digest: UInt64
            var quantities: [Int64]
            var amount: Amount?
        }
        // A negative line takes one back, so that one more is no repetition.
        var takenBack: [Line: Int] = [:]
        for index in rows {
            let row = self.rows[Int(index)]
            let line = Line(digest: 0, quantities: row.quantities.map { -$0 }, amount: row.amount.map { -$0 })
            takenBack[line, default: 0] += 1
        }
        var seen: Set<Line> = []
        var kept: [Int32] = []
        var repeated: [Int32] = []
        for index in rows {
            let row = self.rows[Int(index)]
            var line = Line(digest: 0, quantities: row.quantities, amount: row.amount)
            if let credit = takenBack[line], credit > 0 {
                takenBack[line] = credit - 1
                kept.append(index)
                continue
            }
            if !byRequest { line.digest = row.digest }
            if seen.insert(line).inserted { kept.append(index) } else { repeated.append(index) }
        }
        return (kept, repeated)
    }
}

extension FixedWidthInteger {
    /// Bounds that nobody set a limit to are as large as a number can be.
    fileprivate func saturating(plus other: Self) -> Self {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    fileprivate func saturating(minus other: Self) -> Self {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}
