import Core

extension PriceBook {
    /// Everything that the book says, one line for each rate, in an order that depends on nothing else: books that charge alike have
    /// the same text, and a difference between two books is a difference of lines.
    public var text: String {
        var lines: [String] = []
        for name in names {
            for price in history(name) { append(price, name, &lines) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// 16 hex digits that change with the text (FNV-1a): they tell versions apart, and prove nothing to somebody who would forge one.
    public var version: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private func append(_ price: Price, _ name: String, _ lines: inout [String]) {
        let start = "\(name) \(price.from)"
        lines.append(
            start + (price.makesNoOutput ? " no output" : "") + (price.attested.map { " attested by \($0)" } ?? ""))
        for bracket in price.brackets {
            for tier in ServiceTier.allCases {
                guard let rates = bracket.tiers[tier] else { continue }
                lines.append("\(start) above \(bracket.aboveInputTokens) \(tier.rawValue)" + text(rates))
            }
        }
        guard let offPeak = price.offPeak else { return }
        let windows = offPeak.windows.map { window in
            let days = window.weekdays.sorted().map { String($0) }.joined()
            return " \(days)/\(window.fromMinute)-\(window.toMinute)"
        }
        lines.append("\(start) off-peak" + windows.joined() + text(offPeak.rates))
    }

    private func text(_ rates: Rates) -> String {
        Meter.allCases.compactMap { meter in rates[meter].map { " \(meter.rawValue)=\($0.picos)" } }.joined()
    }
}
