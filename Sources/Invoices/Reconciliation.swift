public import Core

/// What came of comparing an invoice with the ledger. Every attempt's money and every row's money is in exactly one of its
/// numbers: `bridge` adds up.
public struct Reconciliation: Sendable, Hashable {
    /// The invoice and the ledger agree on these, after late rows are moved to their days and estimates corrected.
    public var matchedLines = 0
    public var matchedAttempts = 0
    /// Where they do not agree, or agree only by what is said of them.
    public var findings: [Finding] = []
    /// What the invoice proves of attempts that nobody knew exactly.
    public var proposals: [Proposal] = []
    public var totals: Totals
    /// Meters that the invoice counts, as the ledger has them with the proposals, and as the rows have them with every finding.
    public var meters: [MeterLine] = []

    /// Findings that somebody has to settle with the provider; late rows and charges that are no use are told, not disputed.
    public var disputes: [Finding] { findings.filter(\.kind.isDispute) }
}

/// One thing that an invoice and the ledger say differently.
public struct Finding: Sendable, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// On the invoice on a later day than it happened, within the days that the rule allows (`late`) or beyond (`tooLate`).
        case late
        case tooLate = "too-late"
        /// On the invoice, and not in the ledger.
        case missingHere = "missing-here"
        /// In the ledger, and not on the invoice.
        case missingThere = "missing-there"
        /// The same, but the invoice may still come to it.
        case awaited
        case quantityDiffers = "quantity-differs"
        case pricedDifferently = "priced-differently"
        /// Lines of the invoice that repeat another.
        case duplicated
        /// A meter of which the mapping says nothing.
        case unmapped
        /// Tax, purchases and the like.
        case otherCharge = "other-charge"
        /// Charged by evidence, for a send whose hold was lost: the lines that it explains, or none.
        case allowanceCharged = "allowance-charged"
        /// More than rounding can explain, over a day or the invoice.
        case roundingExceeds = "rounding-exceeds"

        public var isDispute: Bool { ![.late, .awaited, .otherCharge, .allowanceCharged].contains(self) }
    }

    public var kind: Kind
    /// In the provider's zone.
    public var day: CivilDate?
    public var model: String
    public var endpoint: String
    /// The attempt, where the finding is of one alone, or the request that the invoice names.
    public var attempt: AttemptID?
    public var request: String?
    /// What is counted; all of the rule's where more than one line is concerned.
    public var meters: [MeterSet]
    /// Tokens by `meters`: in the ledger and on the invoice.
    public var ours: [Int64]
    public var theirs: [Int64]
    /// In the invoice's currency: what it says less what the ledger says.
    public var difference: Amount
    /// Of the file.
    public var lines: [Int]
    public var note: String
}

/// An entry that the invoice is evidence for: the admin API can post it.
public struct Proposal: Sendable, Hashable {
    public enum Action: String, Sendable {
        /// Of an attempt that has ended.
        case correct
        /// Of one in doubt: it was billed.
        case settle
        /// Of one in doubt: it was not billed.
        case void
    }

    public var action: Action
    public var attempt: AttemptID
    public var hold: UInt64
    /// To be added to what is charged.
    public var meters: Usage
    public var amount: Money
    /// Stable: of the invoice's name and rows.
    public var evidence: String
    /// The invoice tells a sum over several attempts that nobody knew exactly: this is a share of it.
    public var isShare: Bool
}

/// The rounding line and what surrounds it. All exact, in the invoice's currency unless it says dollars.
public struct Totals: Sendable, Hashable {
    public var currency: String
    /// What the ledger charged for the attempts that the invoice is about, in dollars, before the proposals.
    public var charged = MoneyTotal.zero
    public var corrections = MoneyTotal.zero
    /// Both, converted.
    public var converted = Amount.zero
    public var invoiced = Amount.zero
    public var differences: [Finding.Kind: Amount] = [:]
    /// What is left where invoice and ledger agree: rounding by the rule, within `roundingBound`.
    public var rounding = Amount.zero
    public var roundingBound = Amount.zero
    /// The file tells quantities alone; no amount was compared.
    public var quantitiesOnly = false

    /// Zero: everything is explained by name.
    public var unexplained: Amount {
        quantitiesOnly ? .zero : invoiced - converted - rounding - differences.values.reduce(.zero, +)
    }
}

public struct MeterLine: Sendable, Hashable {
    public var meters: MeterSet
    public var ours: Int64
    public var theirs: Int64
    /// theirs − ours of the findings; late rows have none.
    public var named: Int64
}
