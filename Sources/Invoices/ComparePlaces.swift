import Core
import Ledger

/// Of an invoice's name in evidence, whose whole is at most 128 bytes in the ledger.
private let evidenceNameBytesMax = 64

/// What the lines at one place should say.
struct Worth {
    /// By signature, in the invoice's currency, exact.
    var expected: [Amount]
    /// Of all the place's attempts, as the ledger charges them with their corrections.
    var charged: Amount
    /// How far the two can be apart, since the ledger rounds each attempt to a nano-dollar.
    var slack: Amount
    /// Without prices by meter nothing tells how the ledger's amount divides: one signature answers for the whole place.
    var whole: Int?
}

extension Comparison {
    /// Half a nano-dollar, in pico-dollars.
    private static let halfNano: Int128 = 500

    mutating func comparePlaces() {
        // Cells between which tokens moved are worth what they are worth together.
        var together: [Int: (residue: Amount, bound: Amount)] = [:]
        for place in places.indices {
            correct(place)
            settleDoubts(place)
            priceCorrections(place)
            let worth = worth(place)
            count(place, worth)
            comparePlace(place, worth, &together)
        }
        for (cell, sum) in together.sorted(by: { $0.key < $1.key }) {
            let (place, signature) = cell.quotientAndRemainder(dividingBy: signatures.count)
            judge(place, signature, residue: sum.residue, bound: sum.bound)
        }
    }

    // MARK: Corrections

    private mutating func correct(_ place: Int) {
        for (signature, sets) in signatures.enumerated() {
            guard case .corrected(let includingVoided) = places[place].cells[signature].verdict else { continue }
            let cell = places[place].cells[signature]
            for (position, set) in sets.enumerated() {
                let difference = theirs(cell.rows, position) - ours(places[place].attempts, set)
                guard difference != 0 else { continue }
                let up = difference > 0
                let first = places[place].attempts.map { Int128(room($0, set, up: up, voided: false)) }
                let enough = first.reduce(0, +) >= Int128(difference.magnitude)
                let weights =
                    enough || !includingVoided
                    ? first : places[place].attempts.map { Int128(room($0, set, up: up, voided: true)) }
                let parts = apportion(Int128(difference), weights)
                let candidates = weights.count { $0 > 0 }
                for (index, attempt) in places[place].attempts.enumerated() where parts[index] != 0 {
                    correct(attempt, set, by: Int64(parts[index]))
                    evidence[attempt, default: ([], false)].lines += cell.rows
                    if candidates > 1 { evidence[attempt]?.shared = true }
                }
            }
        }
    }

    /// Spreads tokens over the meters of a set: those that the attempt used already, else the first.
    private mutating func correct(_ attempt: Int32, _ set: MeterSet, by tokens: Int64) {
        var left = tokens
        let usage = attempts[Int(attempt)].usage
        var change = corrections[attempt] ?? .zero
        let meters = set.meters
        if left < 0 {
            for meter in meters where left < 0 {
                let taken = min(-left, usage[meter])
                change[meter] -= taken
                left += taken
            }
        } else if let meter = meters.first(where: { usage[$0] > 0 }) ?? meters.first {
            change[meter] += left
        }
        corrections[attempt] = change
    }

    /// A whole invoice that agrees without an attempt in doubt proves that it was not billed.
    private mutating func settleDoubts(_ place: Int) {
        guard rule.isFinal, places[place].key.model != -2 else { return }
        let agrees = places[place].cells.allSatisfy { cell in
            switch cell.verdict {
            case .agrees, .nothing, .corrected: true
            default: false
            }
        }
        // A day that is not on the invoice at all proves nothing.
        guard agrees, byRequest || places[place].cells.contains(where: { !$0.rows.isEmpty }) else { return }
        for attempt in places[place].attempts where attempts[Int(attempt)].how == .doubt && corrections[attempt] == nil {
            corrections[attempt] = .zero
            evidence[attempt] = (places[place].cells.flatMap(\.rows), false)
        }
    }

    // MARK: Worth

    /// At the attempt's own price; without one the invoice's amount is the evidence, shared by tokens.
    private mutating func priceCorrections(_ place: Int) {
        let corrected = places[place].attempts.filter { corrections[$0] != nil }
        guard !corrected.isEmpty else { return }
        var unpriced: [Int32] = []
        for number in corrected {
            let attempt = attempts[Int(number)]
            if let now = priced(number) {
                correctionAmounts[number] = now - attempt.amount
            } else {
                unpriced.append(number)
            }
        }
        if !unpriced.isEmpty {
            var missing = places[place].cells.reduce(Amount.zero) { $0 + amount($1.rows) }
            for number in places[place].attempts {
                let now = MoneyTotal(attempts[Int(number)].amount) + MoneyTotal(correctionAmounts[number] ?? .zero)
                missing -= rule.rate.amount(now)
            }
            let money = result.totals.quantitiesOnly ? .zero : rule.rate.money(missing) ?? .zero
            let shares = apportion(Int128(money.nanos), unpriced.map { Int128((corrections[$0] ?? .zero).magnitude) })
            for (number, share) in zip(unpriced, shares) { correctionAmounts[number] = Money(nanos: Int64(share)) }
        }
        for number in corrected { propose(number) }
    }

    private func priced(_ number: Int32) -> Money? {
        let attempt = attempts[Int(number)]
        guard let price = prices.price(attempt.priceList, at: attempt.at) else { return nil }
        let usage = attempt.usage + (corrections[number] ?? .zero)
        return charge(usage, price, tier: attempt.tier, startedAt: attempt.at)
    }

    private mutating func propose(_ number: Int32) {
        let attempt = attempts[Int(number)]
        let change = corrections[number] ?? .zero
        let isOpen = attempt.how == .doubt || attempt.how == .open
        let proof = evidence[number] ?? ([], false)
        result.proposals.append(
            Proposal(
                action: isOpen ? (change == .zero ? .void : .settle) : .correct, attempt: attempt.attempt, hold: attempt.hold,
                meters: change, amount: correctionAmounts[number] ?? .zero, evidence: evidenceName(proof.lines, attempt.attempt),
                isShare: proof.shared))
    }

    /// The same for the same rows of the same file and the same attempt, whenever it is asked for: the ledger books it once.
    private func evidenceName(_ rows: [Int32], _ attempt: AttemptID) -> String {
        let lines = Set(rows).sorted()
        var hash = digest([name, attempt.description])
        for row in lines { hash = (hash ^ self.rows[Int(row)].digest) &* 0x0000_0100_0000_01B3 }
        let file = String(decoding: name.utf8.suffix(evidenceNameBytesMax), as: UTF8.self)
        let first = lines.first.map { ":\(self.rows[Int($0)].line)" } ?? ":none"
        let more = lines.count > 1 ? "+\(lines.count - 1)" : ""
        return "\(file)\(first)\(more):\(hexadecimal(hash))"
    }

    private func worth(_ place: Int) -> Worth {
        var picos = [Int128](repeating: 0, count: Meter.all.count)
        var charged = MoneyTotal.zero
        var isPriced = true
        for number in places[place].attempts {
            let attempt = attempts[Int(number)]
            let now = attempt.amount + (correctionAmounts[number] ?? .zero)
            charged += now
            let usage = attempt.usage + (corrections[number] ?? .zero)
            guard isPriced, now != .zero || usage != .zero else { continue }
            guard let price = prices.price(attempt.priceList, at: attempt.at),
                let rates = price.rates(inputTokens: usage.inputTokens, tier: attempt.tier, startedAt: attempt.at)
            else {
                isPriced = false
                continue
            }
            var whole: Int128 = 0
            for meter in Meter.all {
                let tokens = usage[meter]
                guard tokens != 0 else { continue }
                let cost = Int128(tokens) * Int128(rates.charged(meter)?.picos ?? 0)
                picos[meter.index] += cost
                whole += cost
            }
            // Charged otherwise than the prices say: by an older price, or by policy.
            let difference = Int128(now.nanos) * 1000 - whole
            if difference > Self.halfNano || difference < -Self.halfNano { isPriced = false }
        }
        var worth = Worth(
            expected: signatures.map { sets in
                var sum: Int128 = 0
                for set in sets { for meter in set.meters { sum += picos[meter.index] } }
                return rule.rate.amount(picos: sum)
            },
            charged: rule.rate.amount(charged),
            slack: rule.rate.amount(picos: Self.halfNano * Int128(places[place].attempts.count)))
        if !isPriced { divide(&worth, place) }
        return worth
    }

    /// Every signature is worth what the invoice says of it, but for one, which is worth the rest: the first that does not
    /// agree, else the last.
    private func divide(_ worth: inout Worth, _ place: Int) {
        let cells = places[place].cells
        let whole =
            cells.firstIndex { cell in
                switch cell.verdict {
                case .differs, .missing: true
                default: false
                }
            } ?? cells.lastIndex { !$0.rows.isEmpty } ?? 0
        worth.expected = cells.map { amount($0.rows) }
        worth.expected[whole] = .zero
        worth.expected[whole] = worth.charged - worth.expected.reduce(.zero, +)
        worth.whole = whole
    }

    func amount(_ rows: [Int32]) -> Amount {
        var sum = Amount.zero
        for row in rows { sum += self.rows[Int(row)].amount ?? .zero }
        return sum
    }

    /// How far lines can be from what they are worth by rounding alone.
    func roundingBound(_ cell: Cell, _ signature: Int) -> Amount {
        let lines = rule.rounding.scope == .line ? max(1, cell.rows.count) : 1
        var units = rule.rounding.bound.units * Int128(lines)
        if rule.currency != "USD" {
            // A price in another currency is told in dollars to the pico.
            var tokens: Int64 = 0
            for position in signatures[signature].indices { tokens += theirs(cell.rows, position) }
            units += rule.rate.amount(picos: Int128(max(0, tokens))).units / 2 + 1
        }
        return Amount(units: units)
    }

    /// Meters and money of the place, into the totals.
    private mutating func count(_ place: Int, _ worth: Worth) {
        var line = 0
        for (signature, sets) in signatures.enumerated() {
            let cell = places[place].cells[signature]
            for (position, set) in sets.enumerated() {
                var mine = ours(places[place].attempts, set)
                for attempt in places[place].attempts {
                    if let change = corrections[attempt] { mine += set.sum(change) }
                }
                result.meters[line].ours += mine
                result.meters[line].theirs += theirs(cell.rows, position) + theirs(cell.repeated, position)
                line += 1
            }
            result.totals.invoiced += amount(cell.rows) + amount(cell.repeated)
        }
        for attempt in places[place].attempts {
            result.totals.charged += attempts[Int(attempt)].amount
            if let change = correctionAmounts[attempt] { result.totals.corrections += change }
        }
        result.totals.converted += worth.charged
    }
}

extension Usage {
    /// Of a signed vector.
    fileprivate var magnitude: Int64 {
        var sum: Int64 = 0
        for meter in Meter.all { sum += abs(self[meter]) }
        return sum
    }
}
