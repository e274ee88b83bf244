import Core
import Ledger

// An invoice by day often has a line on a later day than the use that it bills. It is told from a day's own line by its tokens.

extension Comparison {
    /// Lines of a later day that are those of a day that has none, and days between which the same tokens moved.
    mutating func findLate() {
        guard !byRequest, rule.lateDays > 0 else { return }
        // A day whose line was taken from it looks for its own on a later day, and so on; lines move to earlier days only.
        while moveRows() {}
        for place in places.indices {
            for signature in signatures.indices {
                switch places[place].cells[signature].verdict {
                case .differs, .missing: shift(place, signature)
                default: break
                }
            }
        }
    }

    private func later(_ place: Int) -> [Int] {
        let key = places[place].key
        return (1...Int32(rule.lateDays)).compactMap {
            placeOf[PlaceKey(first: key.first + $0, model: key.model, endpoint: key.endpoint)]
        }
    }

    /// A line that is rather that of an earlier day, which has none.
    private struct Move {
        var place: Int
        var signature: Int
        var from: Int
        var row: Int32
        /// The later day does without it.
        var leavesWell: Bool
        /// Tokens by which it, and what it leaves behind, differ from what the ledger has on their days.
        var difference: UInt64
    }

    /// Gives days without lines those that suit them best. - Returns: whether there were any.
    private mutating func moveRows() -> Bool {
        var moves: [Move] = []
        for place in places.indices where !places[place].attempts.isEmpty {
            for signature in signatures.indices {
                let cell = places[place].cells[signature]
                if case .nothing = cell.verdict { continue }
                if cell.rows.isEmpty { moves += later(place).flatMap { suitable($0, for: place, signature) } }
            }
        }
        var moved = false
        moves.sort { a, b in
            if a.leavesWell != b.leavesWell { return a.leavesWell }
            return (a.difference, a.from, a.row) < (b.difference, b.from, b.row)
        }
        for move in moves {
            let cell = places[move.from].cells[move.signature]
            // Another line may have left since, and this one be just what the day needs.
            guard places[move.place].cells[move.signature].rows.isEmpty,
                suitable(move.from, for: move.place, move.signature).contains(where: { $0.row == move.row })
            else { continue }
            places[move.from].cells[move.signature].rows = cell.rows.filter { $0 != move.row }
            places[move.from].cells[move.signature].repeated = cell.repeated.filter { $0 != move.row }
            places[move.from].cells[move.signature].late = cell.late.filter { $0 != move.row }
            places[move.place].cells[move.signature].rows = [move.row]
            places[move.place].cells[move.signature].late = [move.row]
            decide(move.place, move.signature)
            decide(move.from, move.signature)
            moved = true
        }
        return moved
    }

    private func suitable(_ other: Int, for place: Int, _ signature: Int) -> [Move] {
        let cell = places[other].cells[signature]
        let latest = Int(places[place].key.first) + rule.lateDays
        // A line that repeats another and is just what the earlier day lacks is late: one finding instead of two.
        if let row = cell.repeated.first(where: { rows[Int($0)].day <= latest && fit([$0], place, signature) == 0 }) {
            return [Move(place: place, signature: signature, from: other, row: row, leavesWell: true, difference: 0)]
        }
        return cell.rows.compactMap { row in
            let fitting = fit([row], place, signature)
            guard fitting < 3, rows[Int(row)].day <= latest else { return nil }
            let rest = cell.rows.filter { $0 != row }
            let left = fit(rest, other, signature)
            // Without a line it used nothing, or what it is thought to have used was a guess.
            let leavesWell = rest.isEmpty ? left == 0 || (left < 3 && rule.isFinal && fitting == 0) : left < 3
            switch cell.verdict {
            case .differs, .unknown: break
            // Two lines where one is to be expected, and none on the earlier day: not an estimate.
            case .corrected where leavesWell && !rest.isEmpty: break
            // A day's only line is taken for corrections of attempts that may have used nothing, unless the earlier day
            // surely has it: all that it lacks, to the token, or nothing else to explain what it lacks.
            case .corrected where leavesWell && (fitting == 0 || isMissing(place, signature)): break
            default: return nil
            }
            let difference = distance([row], place, signature) + (leavesWell ? distance(rest, other, signature) : 0)
            return Move(
                place: place, signature: signature, from: other, row: row, leavesWell: leavesWell, difference: difference)
        }
    }

    private func isMissing(_ place: Int, _ signature: Int) -> Bool {
        if case .missing = places[place].cells[signature].verdict { true } else { false }
    }

    private func distance(_ rows: [Int32], _ place: Int, _ signature: Int) -> UInt64 {
        var sum: UInt64 = 0
        for (position, set) in signatures[signature].enumerated() {
            sum += (theirs(rows, position) - ours(places[place].attempts, set)).magnitude
        }
        return sum
    }

    private mutating func shift(_ place: Int, _ signature: Int) {
        let sets = signatures[signature]
        func residual(_ place: Int) -> [Int64] {
            sets.indices.map { theirs(places[place].cells[signature].rows, $0) - ours(places[place].attempts, sets[$0]) }
        }
        let here = residual(place)
        guard here.allSatisfy({ $0 <= 0 }) else { return }
        for other in later(place) {
            guard case .differs = places[other].cells[signature].verdict, !places[other].cells[signature].shiftedFrom,
                places[other].cells[signature].shiftedTo == nil, !places[place].cells[signature].shiftedFrom
            else { continue }
            guard residual(other).elementsEqual(here.map { -$0 }) else { continue }
            places[place].cells[signature].shiftedTo = other
            places[place].cells[signature].verdict = .agrees
            places[other].cells[signature].shiftedFrom = true
            places[other].cells[signature].verdict = .agrees
            return
        }
    }
}
