import Core

/// Names for what does not agree, and the rounding line of what does.
extension Comparison {
    mutating func comparePlace(
        _ place: Int, _ worth: Worth, _ together: inout [Int: (residue: Amount, bound: Amount)]
    ) {
        let cells = places[place].cells
        let missing = cells.indices.filter { if case .missing = cells[$0].verdict { true } else { false } }
        let isAbsent = missing.count > 1 && cells.allSatisfy(\.rows.isEmpty)
        var agrees = true
        noteLate(place)
        if isAbsent {
            let sum = missing.reduce(Amount.zero) { $0 - worth.expected[$1] }
            find(absence(place), place, missing, rows: [], difference: sum)
        }
        for (signature, cell) in cells.enumerated() {
            let residue = amount(cell.rows) - worth.expected[signature]
            if let first = cell.rows.first, !cell.repeated.isEmpty {
                repeats(place, signature, cell, of: first)
                agrees = false
            }
            switch cell.verdict {
            case .undecided, .nothing:
                // Meters that no line of this invoice counts.
                result.totals.rounding += result.totals.quantitiesOnly ? .zero : residue
            case .missing:
                agrees = false
                if !isAbsent { find(absence(place), place, [signature], rows: [], difference: residue) }
            case .unknown:
                agrees = false
                find(.missingHere, place, [signature], rows: cell.rows, difference: residue)
            case .differs:
                agrees = false
                find(.quantityDiffers, place, [signature], rows: cell.rows, difference: residue)
            case .agrees, .corrected:
                result.matchedLines += cell.rows.count
                var bound = roundingBound(cell, signature)
                if worth.whole == signature {
                    bound = cells.indices.reduce(worth.slack) { $0 + roundingBound(cells[$1], $1) }
                }
                if cell.shiftedFrom || cell.shiftedTo != nil {
                    let key = (cell.shiftedTo ?? place) * signatures.count + signature
                    together[key, default: (.zero, .zero)].residue += residue
                    together[key]?.bound += bound
                } else {
                    judge(place, signature, residue: residue, bound: bound)
                }
            }
        }
        // The ledger rounds each attempt once; what that makes is rounding too.
        if !result.totals.quantitiesOnly {
            result.totals.rounding += worth.expected.reduce(.zero, +) - worth.charged
            result.totals.roundingBound += worth.slack
        }
        if agrees, !cells.allSatisfy(\.rows.isEmpty) { result.matchedAttempts += places[place].attempts.count }
    }

    /// A difference where the tokens agree: rounding, or another price.
    mutating func judge(_ place: Int, _ signature: Int, residue: Amount, bound: Amount) {
        guard !result.totals.quantitiesOnly else { return }
        guard residue.magnitude <= bound else {
            let rows = places[place].cells[signature].rows
            find(.pricedDifferently, place, [signature], rows: rows, difference: residue, counts: false)
            return
        }
        result.totals.rounding += residue
        switch rule.rounding.scope {
        case .line: result.totals.roundingBound += bound
        case .day: if let day = day(place) { roundingOfDay[day, default: .zero] += residue }
        case .invoice: break
        }
    }

    private func absence(_ place: Int) -> Finding.Kind {
        guard !rule.isFinal, let day = day(place), day > rule.to.daysSince1970 - rule.lateDays else { return .missingThere }
        return .awaited
    }

    private mutating func repeats(_ place: Int, _ signature: Int, _ cell: Cell, of first: Int32) {
        let sets = signatures[signature]
        find(
            .duplicated, place, [signature], rows: cell.repeated, difference: amount(cell.repeated),
            ours: sets.map { _ in 0 }, note: "repeats line \(rows[Int(first)].line)")
    }

    /// Lines that stand on a later day than their attempts, or whose tokens were moved to one.
    private mutating func noteLate(_ place: Int) {
        for (signature, cell) in places[place].cells.enumerated() {
            if let other = cell.shiftedTo {
                let rows = cell.rows + places[other].cells[signature].rows
                find(
                    .late, place, [signature], rows: rows, difference: .zero, counts: false,
                    note: "some of it is on \(CivilDate(daysSince1970: Int(places[other].key.first)))")
            }
            if let row = cell.late.first {
                let day = CivilDate(daysSince1970: rows[Int(row)].day)
                find(.late, place, [signature], rows: cell.late, difference: .zero, counts: false, note: "stands on \(day)")
            }
        }
        guard byRequest, let day = day(place) else { return }
        var latest = day
        var late: [Int32] = []
        for cell in places[place].cells {
            for row in cell.rows where rows[Int(row)].day != day {
                late.append(row)
                latest = max(latest, rows[Int(row)].day)
            }
        }
        guard !late.isEmpty else { return }
        let isAllowed = latest > day && latest - day <= rule.lateDays
        let signatures = places[place].cells.indices.filter { signature in
            places[place].cells[signature].rows.contains { rows[Int($0)].day != day }
        }
        find(
            isAllowed ? .late : .tooLate, place, signatures, rows: late, difference: .zero, counts: false,
            note: "stands on \(CivilDate(daysSince1970: rows[Int(late[0])].day))")
    }

    func day(_ place: Int) -> Int? {
        let key = places[place].key
        if key.model >= 0 { return Int(key.first) }
        if key.model == -1 { return rule.day(attempts[Int(key.first)]) }
        return places[place].cells.lazy.compactMap(\.rows.first).first.map { rows[Int($0)].day }
    }

    /// - Parameters:
    ///   - counts: the difference is one of tokens as well.
    ///   - ours: tokens of the ledger, where they are not those of the place.
    private mutating func find(
        _ kind: Finding.Kind, _ place: Int, _ signatures: [Int], rows: [Int32], difference: Amount, counts: Bool = true,
        ours known: [Int64]? = nil, note: String = ""
    ) {
        let key = places[place].key
        var finding = Finding(
            kind: kind, day: day(place).map { CivilDate(daysSince1970: $0) }, model: "", endpoint: "", attempt: nil, request: nil,
            meters: [], ours: [], theirs: [], difference: result.totals.quantitiesOnly ? .zero : difference,
            lines: rows.map { self.rows[Int($0)].line }.sorted(), note: note)
        switch key.model {
        case -1:
            let attempt = attempts[Int(key.first)]
            finding.model = attempt.upstreamModel
            finding.endpoint = attempt.endpoint
            finding.attempt = attempt.attempt
            finding.request = attempt.call
        case -2:
            finding.request = requests.list[Int(key.first)]
            finding.model = rows.first.map { self.rows[Int($0)].model } ?? ""
        default:
            finding.model = names.list[Int(key.model)]
            finding.endpoint = usesEndpoint ? names.list[Int(key.endpoint)] : ""
        }
        for signature in signatures {
            let cell = places[place].cells[signature]
            let counted = kind == .duplicated ? cell.repeated : cell.rows
            let start = self.signatures[..<signature].reduce(0) { $0 + $1.count }
            for (position, set) in self.signatures[signature].enumerated() {
                var mine = ours(places[place].attempts, set)
                for attempt in places[place].attempts { if let change = corrections[attempt] { mine += set.sum(change) } }
                let here = known.map { $0[position] } ?? mine
                let there = theirs(counted, position)
                finding.meters.append(set)
                finding.ours.append(here)
                finding.theirs.append(there)
                if counts { result.meters[start + position].named += there - here }
            }
        }
        result.totals.differences[kind, default: .zero] += finding.difference
        result.findings.append(finding)
    }

    // MARK: The end

    /// Checks what rounds once over more than a line, and orders the findings.
    consuming func finished() -> Reconciliation {
        if rule.rounding.scope == .day {
            for (day, sum) in roundingOfDay.sorted(by: { $0.key < $1.key }) {
                result.totals.roundingBound += rule.rounding.bound
                if sum.magnitude > rule.rounding.bound { exceed(sum, day: day, note: "of the day") }
            }
        }
        if let stated = rule.statedTotal, !result.totals.quantitiesOnly {
            result.totals.rounding += stated - result.totals.invoiced
            result.totals.invoiced = stated
        }
        if rule.rounding.scope == .invoice, !result.totals.quantitiesOnly {
            result.totals.roundingBound += rule.rounding.bound
        }
        if result.totals.rounding.magnitude > result.totals.roundingBound {
            exceed(result.totals.rounding, day: nil, note: "of the invoice")
        }
        result.findings.sort { a, b in
            let (dayA, dayB) = (a.day ?? rule.from, b.day ?? rule.from)
            return (dayA, a.kind.rawValue, a.model, a.lines.first ?? 0) < (dayB, b.kind.rawValue, b.model, b.lines.first ?? 0)
        }
        return result
    }

    /// It is no rounding then, but a difference that has no better name.
    private mutating func exceed(_ sum: Amount, day: Int?, note: String) {
        result.totals.rounding -= sum
        result.totals.differences[.roundingExceeds, default: .zero] += sum
        result.findings.append(
            Finding(
                kind: .roundingExceeds, day: day.map { CivilDate(daysSince1970: $0) }, model: "", endpoint: "", attempt: nil,
                request: nil, meters: [], ours: [], theirs: [], difference: sum, lines: [], note: note))
    }
}
