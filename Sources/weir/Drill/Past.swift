import Core
import Drill
import Journal
import Ledger
import Settings

/// What a journal says for a drill: the shapes of the span, and the accounts as they were when it began.
struct Past {
    var reader: ShapeReader
    var accounts: Accounts
    /// Above every entry that the accounts were made from.
    var sequence: UInt64

    init(folder: String, span: Range<Timestamp>, _ configuration: Settings.Configuration) throws {
        var reader = ShapeReader(span)
        var fold = Fold()
        do {
            try Journal.scan(folder: folder + "/journal") { number, bytes in
                let (sequence, at, entry) = try Entry.parse(bytes)
                reader.take(entry, sequence: sequence, at: at)
                if at < span.lowerBound { try fold.apply(parsing: bytes, number) }
            }
        } catch let error as JournalError {
            throw CommandFailure("The journal in \(folder) cannot be read: \(error)")
        } catch let error as EntryError {
            throw CommandFailure("The journal in \(folder) has an entry that cannot be read: \(error)")
        } catch let error as LedgerError {
            throw CommandFailure("The journal in \(folder) contradicts itself: \(error)")
        }
        self.reader = reader
        sequence = fold.next
        accounts = Accounts(
            rehearsing: fold, zones: knownTimeZones().merging(configuration.timeZones) { _, stated in stated })
        // The question is about tomorrow, so the limits are today's.
        for (name, limits) in Node.limits(of: configuration) {
            accounts.setLimits(name, limits, sequence: sequence)
            sequence += 1
        }
    }

    /// What the figures leave out, in sentences.
    func notes(_ total: DrillReport.Line, _ configuration: Settings.Configuration?) -> [String] {
        guard let configuration else { return [] }
        var notes: [String] = []
        let known = Set(configuration.endpoints.map(\.name))
        let unknown = Set(reader.shapes.flatMap { $0.attempts.map(\.endpoint) }).subtracting(known).sorted()
        if !unknown.isEmpty {
            notes.append(
                "The configuration, as this environment reads it, has no \(unknown.joined(separator: ", ")), so they count as gone too."
            )
        }
        let idle = reader.suspended.intersection(known).sorted()
        if !idle.isEmpty { notes.append("Suspended, and so not used: \(idle.joined(separator: ", ")).") }
        if total.unanswered > 0 {
            notes.append("\(counted(total.unanswered, "call")) had no answer then, or no end yet: without tokens, cost and time.")
        }
        if total.refusedThen > 0 {
            notes.append(
                "\(total.refusedThen) more were refused then; of those the journal keeps no sizes, and they are not played.")
        }
        if total.cost.unrated > 0 {
            notes.append(
                "\(counted(total.cost.unrated, "call")) would use something that has no price where they go: not in the costs.")
        }
        if total.clamped > 0 {
            notes.append("\(counted(total.clamped, "answer")) would be cut short by what limits leave.")
        }
        if reader.shapes.contains(where: { $0.operation == .responses || $0.operation == .conversations }) {
            notes.append(
                "Calls of the Responses API that build on stored state cannot leave its home; the journal does not say which those are."
            )
        }
        if reader.unsized > 0 {
            notes.append(
                "\(counted(reader.unsized, "call")) come from before sizes were journalled: theirs are taken from their bounds.")
        }
        if reader.keyless > 0 {
            notes.append("Not played: \(counted(reader.keyless, "attempt")) whose keys are not in this journal.")
        }
        return notes
    }
}
