import Core
import Testing

@testable import Invoices

extension ReconcileTests {
    /// Days of one meter, a late line among them: what the ledger has, the lines' days and tokens, and what must come of it.
    struct LateCase: Sendable, CustomTestStringConvertible {
        var name: String
        var attempts: [(day: Int, input: Int64, how: ChargedAttempt.How, estimated: Bool)]
        var lines: [(day: Int, input: Int64)]
        var findings: [String]
        /// The day of the attempt, what is done, and its input tokens.
        var proposals: [String] = []
        var more = "lateDays = 2"
        var testDescription: String { name }
    }

    static let lateCases: [LateCase] = [
        LateCase(
            name: "the next day used none, and has an attempt in doubt that could have used as many",
            attempts: [(10, 100, .settled, false), (11, 0, .doubt, false)], lines: [(11, 100)],
            findings: ["late 10"]),
        LateCase(
            name: "the next day used none, and has a voided attempt that could have been billed all the same",
            attempts: [(10, 100, .settled, false), (11, 0, .voided, false)], lines: [(11, 100)], findings: ["late 10"]),
        LateCase(
            name: "the next day has an estimate alone, which was not billed",
            attempts: [(10, 100, .settled, false), (11, 90, .settled, true)], lines: [(11, 100)],
            findings: ["late 10"], proposals: ["11 correct -90"]),
        LateCase(
            name: "the next day used none, and the earlier one's estimate was wrong",
            attempts: [(10, 60, .settled, false), (10, 30, .settled, true), (12, 0, .voided, false)], lines: [(12, 100)],
            findings: ["late 10"], proposals: ["10 correct 10"]),
        LateCase(
            name: "not late: other tokens than the earlier day's settle the doubt",
            attempts: [(10, 100, .settled, false), (11, 0, .doubt, false)], lines: [(11, 90)],
            findings: ["missing-there 10"], proposals: ["11 settle 90"]),
        LateCase(
            name: "not late: the later day's own line is not taken for a guess that was not billed",
            attempts: [(10, 100, .settled, true), (11, 0, .doubt, false)], lines: [(11, 90)],
            findings: [], proposals: ["10 correct -100", "11 settle 90"]),
        LateCase(
            name: "a day before has an estimate that was not billed, and does not take the line that is left",
            attempts: [(9, 150, .settled, true), (10, 100, .settled, false), (11, 200, .settled, false)],
            lines: [(11, 100), (11, 200)], findings: ["late 10"], proposals: ["9 correct -150"]),
        LateCase(
            name: "every line of a week is a day late",
            attempts: (10...16).map { ($0, Int64($0) * 7, .settled, false) }, lines: (10...16).map { ($0 + 1, Int64($0) * 7) },
            findings: (10...16).map { "late \($0)" }),
        LateCase(
            name: "not late: a whole invoice has no line for a day that only an estimate counted",
            attempts: [(10, 90, .settled, true)], lines: [], findings: [], proposals: ["10 correct -90"]),
        LateCase(
            name: "not late: a line that nothing but a doubt of the day before could explain is disputed, and charges nobody",
            attempts: [(10, 0, .doubt, false), (11, 200, .settled, false)], lines: [(11, 100), (11, 200)],
            findings: ["quantity-differs 11"]),
        LateCase(
            name: "a line that an estimate took first goes on to the day that surely has it, and is late once",
            attempts: [
                (8, 100, .settled, false), (9, 200, .settled, false), (10, 130, .settled, true), (11, 7, .settled, false),
            ],
            lines: [(9, 100), (11, 200), (11, 7)], findings: ["late 8", "late 9"], proposals: ["10 correct -130"]),
        LateCase(
            name: "a line is never later than allowed, also by way of a day between; what is nearest is told",
            attempts: [(9, 100, .settled, false), (10, 130, .settled, true), (11, 7, .settled, false)],
            lines: [(11, 100), (11, 7)], findings: ["late 10", "missing-there 9"], proposals: ["10 correct -30"],
            more: "lateDays = 1"),
    ]

    @Test("A late line is told from what attempts that nobody knew exactly could explain", arguments: lateCases)
    func lateOrGuessed(_ late: LateCase) throws {
        let attempts = try late.attempts.enumerated().map { index, one in
            try attempt(UInt64(index), day: one.day, input: one.input, output: 0, how: one.how, estimated: one.estimated)
        }
        let rule = try rule(late.more)
        let text = late.lines.map { day, input in
            "2026-11-\(day < 10 ? "0" : "")\(day),m,in,\(input),\(input * 2)E-06"
        }
        let result = try compare(text.joined(separator: "\n"), attempts, rule)
        #expect(result.findings.map { "\($0.kind.rawValue) \($0.day?.day ?? 0)" }.sorted() == late.findings)
        let days = Dictionary(uniqueKeysWithValues: attempts.map { ($0.attempt, rule.day($0)) })
        let proposals = result.proposals.map { proposal in
            "\(CivilDate(daysSince1970: days[proposal.attempt] ?? 0).day) \(proposal.action.rawValue) \(proposal.meters.input)"
        }
        #expect(proposals.sorted() == late.proposals.sorted())
    }
}
