import Core

/// Limits of money that one key can have.
private let keyLimitsMax = 16
private let keyLimitBytesMax = 128

/// A key's limit as administrators write it, the period and then dollars: `month 25.00`, `day Asia/Shanghai 5.00`, `total 100.00`.
func keyLimitText(_ limit: SpendLimit) -> String { "\(limit.period) \(limit.amount)" }

func readKeyLimit(_ text: String) -> SpendLimit? {
    guard let space = text.lastIndex(of: " "), let period = Period(text[..<space]),
        let amount = Money(dollars: text[text.index(after: space)...]), amount >= .zero
    else { return nil }
    return SpendLimit(period: period, amount: amount)
}

extension Members {
    /// `monthlyLimit`, `limits`, `requestsPerMinute`, `tokensPerMinute` and `concurrency` of a key.
    mutating func accountLimits() throws(AdminError) -> AccountLimits {
        var limits = AccountLimits()
        if let text = try text("monthlyLimit") {
            guard let limit = Money(dollars: text), limit >= .zero else {
                throw .value("monthlyLimit", "an amount of dollars as text, such as \"25.00\"")
            }
            limits.spend.append(SpendLimit(period: .monthUTC, amount: limit))
        }
        for text in try texts("limits", count: keyLimitsMax, bytes: keyLimitBytesMax) ?? [] {
            guard let limit = readKeyLimit(text), !limits.spend.contains(where: { $0.period == limit.period }) else {
                throw .value(
                    "limits",
                    "a list such as [\"month 25.00\", \"day Asia/Shanghai 5.00\", \"rolling 86400s 2.00\"], each period once")
            }
            limits.spend.append(limit)
        }
        limits.pace = PaceLimit(
            requestsPerMinute: try whole("requestsPerMinute", in: 1...1_000_000_000),
            tokensPerMinute: try whole("tokensPerMinute", in: 1...1_000_000_000_000),
            concurrency: try whole("concurrency", in: 1...1_000_000).map(Int.init))
        return limits
    }
}
