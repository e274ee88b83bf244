import Core
import Ledger

// What the ledger charged by evidence, for sends whose holds were lost, has no model and no day of its own: the lines that it pays
// for are found by their request, or by their tokens.

extension Comparison {
    /// The charge as an attempt at a place, sent on a day as near to the lines' as it can have been.
    mutating func attempt(of charge: Int, near day: Int, at place: Int? = nil) -> Int32 {
        let charged = charges[charge]
        let at: Timestamp
        if day <= rule.day(charged.sent.lowerBound) {
            at = charged.sent.lowerBound
        } else if day >= rule.day(charged.sent.upperBound) {
            at = charged.sent.upperBound
        } else {
            at = Timestamp(seconds: CivilDate(daysSince1970: day).start.seconds - Int64(rule.zoneMinutes) * 60)
        }
        // The price that its neighbours were charged by, if it has any, divides its amount among the lines.
        let neighbour = place.flatMap { places[$0].attempts.first }.map { attempts[Int($0)] }
        attempts.append(
            ChargedAttempt(
                attempt: charged.attempt ?? AttemptID(high: 0, low: 0), call: "", hold: charged.sequence, at: at, endAt: at,
                tenant: charged.tenant, team: charged.team, key: charged.key, model: neighbour?.model ?? unknownRouteName,
                upstreamModel: neighbour?.upstreamModel ?? unknownRouteName, endpoint: neighbour?.endpoint ?? unknownRouteName,
                operator: neighbour?.operator ?? "", priceList: neighbour?.priceList ?? "", tier: charged.tier, how: .settled,
                usage: charged.usage, amount: charged.amount))
        return Int32(attempts.count - 1)
    }

    /// Lines with more tokens than the ledger's attempts are explained by charges that come to exactly as many, one alone before
    /// several together. Nothing is explained by halves: a rest would be a guess.
    mutating func explainByCharges() {
        guard !charges.isEmpty else { return }
        for together in [false, true] {
            for place in places.indices where !places[place].cells.allSatisfy(\.rows.isEmpty) {
                guard !byRequest || places[place].key.model == -2, let day = day(place), let missing = missing(at: place) else {
                    continue
                }
                let candidates = charges.indices.filter { charge in
                    !explained.contains { $0.charge == charge } && canStand(charge, on: day) && fits(charge, missing)
                }
                let found =
                    together
                    ? accumulated(candidates, missing) : candidates.first { tokens($0) == missing }.map { [$0] } ?? []
                for charge in found {
                    let attempt = attempt(of: charge, near: day, at: place)
                    places[place].attempts.append(attempt)
                    explained.append((charge, place))
                }
            }
        }
    }

    /// Tokens by every meter set of the rule.
    private func tokens(_ charge: Int) -> [Int64] {
        signatures.flatMap { $0 }.map { $0.sum(charges[charge].usage) }
    }

    /// What the lines have and the attempts have not; nothing where there is no more, or less of anything.
    private func missing(at place: Int) -> [Int64]? {
        var missing: [Int64] = []
        for (signature, sets) in signatures.enumerated() {
            for (position, set) in sets.enumerated() {
                missing.append(theirs(places[place].cells[signature].rows, position) - ours(places[place].attempts, set))
            }
        }
        return missing.allSatisfy { $0 >= 0 } && missing.contains { $0 > 0 } ? missing : nil
    }

    private func canStand(_ charge: Int, on day: Int) -> Bool {
        let sent = charges[charge].sent
        return day >= rule.day(sent.lowerBound) && day <= rule.day(sent.upperBound) + rule.lateDays
    }

    private func fits(_ charge: Int, _ missing: [Int64]) -> Bool {
        let tokens = tokens(charge)
        return tokens.contains { $0 > 0 } && zip(tokens, missing).allSatisfy { $0 >= 0 && $0 <= $1 }
    }

    /// As many as fit, in the order of their entries, if nothing is left over.
    private func accumulated(_ candidates: [Int], _ missing: [Int64]) -> [Int] {
        var left = missing
        var taken: [Int] = []
        for charge in candidates where fits(charge, left) {
            left = zip(left, tokens(charge)).map { $0 - $1 }
            taken.append(charge)
        }
        return left.allSatisfy { $0 == 0 } ? taken : []
    }

    /// Each charge by name: with the lines that it pays for, or as one that this invoice says nothing of.
    mutating func listCharges() {
        for (number, charge) in charges.enumerated() {
            let place = explained.first { $0.charge == number }?.place
            let days = rule.day(charge.sent.lowerBound)...rule.day(charge.sent.upperBound)
            guard place != nil || days.overlaps(rule.from.daysSince1970...rule.to.daysSince1970) else { continue }
            let what = "entry \(charge.sequence) charged \(charge.amount) to key \(charge.key) by evidence \(charge.evidence)"
            var finding = Finding(
                kind: .allowanceCharged, day: CivilDate(daysSince1970: place.flatMap(day) ?? days.upperBound), model: "",
                endpoint: "", attempt: charge.attempt, request: nil, meters: [], ours: [], theirs: [], difference: .zero,
                lines: [], note: place == nil ? "\(what); no line here is explained by it" : what)
            if let place {
                let rows = places[place].cells.flatMap(\.rows)
                finding.lines = rows.map { self.rows[Int($0)].line }.sorted()
                finding.model = rows.first.map { self.rows[Int($0)].model } ?? ""
                finding.endpoint = rows.first.map { self.rows[Int($0)].endpoint } ?? ""
                finding.request = rows.first.flatMap { self.rows[Int($0)].id }
            }
            result.findings.append(finding)
        }
    }
}
