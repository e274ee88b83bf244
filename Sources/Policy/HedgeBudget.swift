/// The second attempts that a tenant's calls have earned and not used: each call earns the tenant's share of one. It begins with nothing,
/// so that at no moment more of its calls had a second attempt than the share says.
public struct HedgeBudget: Sendable, Hashable {
    /// Whole attempts that are saved up at most: a quiet hour must not pay for a minute in which every call is sent twice.
    public static let savedMax = 10

    /// In hundredths of an attempt.
    private var earned = 0

    public init() {}

    /// A call that could have a second attempt was sent.
    public mutating func called(percent: Int) { earned = min(earned + percent, Self.savedMax * 100) }

    /// Takes one second attempt; false: none has been earned.
    public mutating func take() -> Bool {
        guard earned >= 100 else { return false }
        earned -= 100
        return true
    }
}
