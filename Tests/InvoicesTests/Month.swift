import Core
import Invoices
import Ledger
import Simulator
import TestKit
import Testing

/// A provider of the simulated month: how it bills, and what Weir is told about that.
struct MonthProvider: Sendable {
    var name: String
    var style: InvoiceStyle
    var format: InvoiceRule.Format = .generic
    var mapping: String
    /// Its invoice names a request by Weir's attempt or by the call's id.
    var namesAttempt = true
    var models: [String] { ["\(name)-large", "\(name)-small", "\(name)-think"] }

    static let prices = [
        ["input": "2.50", "cached input": "1.25", "output": "10"], ["input": "0.15", "cached input": "0.075", "output": "0.60"],
        ["input": "0.287", "cached input": "0.0287", "output": "0.861"],
    ]

    init(
        _ name: String, _ layout: InvoiceStyle.Layout, format: InvoiceRule.Format = .generic, currency: String = "USD",
        rate: String = "1", _ mode: InvoiceRoundingMode, _ decimals: Int, zoneMinutes: Int = 0, separator: String = ",",
        namesAttempt: Bool = true, _ more: [String] = []
    ) {
        self.name = name
        self.format = format
        self.namesAttempt = namesAttempt
        var list: [String: [String: String]] = [:]
        for (index, suffix) in ["large", "small", "think"].enumerated() {
            list["\(name)-\(suffix)"] = MonthProvider.prices[index]
        }
        style = InvoiceStyle(
            layout: layout, currency: currency, rate: rate, mode: mode, decimals: decimals, zoneMinutes: zoneMinutes,
            separator: separator, prices: list)
        let hours = zoneMinutes.magnitude / 60
        var lines = [
            "currency = \(currency)", "rounding = \(mode.rawValue) \(decimals) line", "lateDays = 2",
            "zone = \(zoneMinutes < 0 ? "-" : "+")\(hours < 10 ? "0" : "")\(hours):00", "separator = \(separator)",
        ]
        if rate != "1" { lines.append("rate = \(rate) 2026-11-01") }
        mapping = (lines + more).joined(separator: "\n")
    }

    static let longMeters = ["meter.input = input", "meter.cached input = cachedInput", "meter.output = output+reasoning"]
    static let wideMeters = [
        "quantity.input = input", "quantity.cachedInput = cached input", "quantity.output+reasoning = output",
    ]
    static let dayColumns = ["time = Day", "endpoint = Resource", "model = Model", "amount = Amount"]

    static let all: [MonthProvider] = [
        MonthProvider("openai", .openai, format: .openai, .halfUp, 6),
        MonthProvider("azure", .azure, format: .azure, .halfEven, 10, azureMeters("azure")),
        MonthProvider(
            "azure-cn", .azure, format: .azure, currency: "CNY", rate: "7.1225", .halfUp, 4, zoneMinutes: 480,
            azureMeters("azure-cn")),
        MonthProvider(
            "qwen", .requests, currency: "CNY", rate: "7.09", .halfUp, 6, zoneMinutes: 480,
            request(["meter = meter", "quantity = quantity"] + longMeters)),
        MonthProvider(
            "deepseek", .daily, currency: "CNY", rate: "7.1", .down, 2, zoneMinutes: 480,
            dayColumns + ["meter = Meter", "quantity = Quantity"] + longMeters),
        MonthProvider(
            "doubao", .wideDaily, currency: "CNY", rate: "7.12345678", .halfUp, 4, zoneMinutes: 480, dayColumns + wideMeters),
        MonthProvider("pangu", .wideRequests, .up, 6, namesAttempt: false, request(wideMeters)),
        MonthProvider(
            "foundry", .focus, format: .focus, .halfEven, 12, ["endpoint = ResourceName"] + longMeters),
        MonthProvider(
            "mistral", .daily, currency: "EUR", rate: "0.8612", .halfUp, 2, zoneMinutes: 60, separator: ";",
            dayColumns + ["meter = Meter", "quantity = Quantity"] + longMeters),
        MonthProvider(
            "aleph", .requests, currency: "EUR", rate: "0.86", .down, 8, zoneMinutes: -300,
            request(["meter = meter", "quantity = quantity"] + longMeters)),
    ]

    private static func request(_ more: [String]) -> [String] {
        ["id = request_id", "time = time", "model = model", "amount = amount"] + more
    }

    private static func azureMeters(_ name: String) -> [String] {
        ["endpoint = ResourceName"]
            + ["large", "small", "think"].flatMap { suffix in
                let model = "\(name)-\(suffix)"
                return [
                    "meter.\(model) input glbl Tokens = input | \(model)",
                    "meter.\(model) cached input glbl Tokens = cachedInput | \(model)",
                    "meter.\(model) output glbl Tokens = output+reasoning | \(model)",
                ]
            }
    }

    var rule: InvoiceRule {
        get throws {
            var rule = InvoiceRule(
                format, from: CivilDate(year: 2026, month: 11, day: 1), to: CivilDate(year: 2026, month: 11, day: 30))
            try rule.read(mapping: mapping)
            return rule
        }
    }

    var book: [String: [Price]] {
        var lists: [String: [Price]] = [:]
        for (index, model) in models.enumerated() {
            let list = MonthProvider.prices[index]
            guard let input = TokenPrice(dollarsPerMillion: list["input"] ?? ""),
                let cached = TokenPrice(dollarsPerMillion: list["cached input"] ?? ""),
                let output = TokenPrice(dollarsPerMillion: list["output"] ?? "")
            else { continue }
            lists[model] = [
                Price(from: CivilDate(year: 2026, month: 1, day: 1), input: input, cachedInput: cached, output: output)
            ]
        }
        return lists
    }
}

/// A month of one provider: what Weir journalled, what the provider served, and which attempts they know differently.
struct Month {
    /// What went wrong with an attempt, or nothing.
    enum Fault: CaseIterable { case cut, doubtBilled, doubtUnbilled, voidedBilled, cutUnbilled }

    var entries: [(sequence: UInt64, at: Timestamp, entry: Entry)] = []
    var uses: [BilledUse] = []
    /// By what the invoice names them: provider's usage less the ledger's.
    var faulty: [String: (fault: Fault, attempt: AttemptID, missing: Usage)] = [:]

    init(_ provider: MonthProvider, attempts: Int, faultsPerThousand: UInt64, random: inout SeededRandom) throws {
        let book = PriceBook(provider.book)
        let start = CivilDate(year: 2026, month: 11, day: 1).start.seconds - Int64(provider.style.zoneMinutes) * 60
        let models = provider.models
        func draw(_ most: UInt64) -> Int64 { Int64(random.next() % most) }
        for number in 0..<attempts {
            let at = Timestamp(nanoseconds: (start + draw(30 * 86_400)) * 1_000_000_000 + draw(1_000_000_000))
            let model = models[Int(draw(UInt64(models.count)))]
            let attempt = AttemptID(using: &random)
            let call = "req_\(provider.name)_\(number)"
            let endpoint = "\(provider.name)-\(draw(2))"
            var truth = Usage(input: 1 + draw(3_000), output: 1 + draw(800))
            if draw(3) == 0 { truth.cachedInput = 1 + draw(2_000) }
            if model.hasSuffix("think") { truth.reasoning = draw(1_500) }
            let roll = UInt64(draw(1_000))
            let fault = roll < faultsPerThousand ? Fault.allCases[Int(draw(UInt64(Fault.allCases.count)))] : nil
            let isRefused = fault == nil && roll >= 995
            let name = provider.namesAttempt ? attempt.description : call
            let sequence = UInt64(entries.count)
            entries.append(
                (
                    sequence, at,
                    .hold(
                        hold(
                            attempt: attempt, call: call, model: model, endpoint: endpoint, provider: provider.name,
                            bounds: (truth.inputTokens * 3 + 64, 4_096)))
                ))
            var known = truth
            var isBilled = !isRefused
            switch fault {
            case .cut:
                known.output = min(truth.output, 1 + draw(400))
                known.reasoning = 0
                if known == truth { known.output += 1 }
            case .cutUnbilled:
                isBilled = false
            case .doubtBilled, .voidedBilled: known = .zero
            case .doubtUnbilled:
                known = .zero
                isBilled = false
            case nil: if isRefused { known = .zero }
            }
            let end = Timestamp(nanoseconds: at.nanoseconds + 2_000_000_000)
            switch fault {
            case .doubtBilled, .doubtUnbilled:
                entries.append((sequence + 1, end, .doubt(hold: sequence, why: "the connection ended")))
            default:
                let isVoid = known == .zero
                let price = try #require(book.price(model, at: at))
                let amount = try #require(charge(known, price, startedAt: at))
                entries.append(
                    (
                        sequence + 1, end,
                        .end(
                            EndEntry(
                                hold: sequence, attempt: attempt, how: isVoid ? .voided : .settled, settled: amount,
                                usage: known, estimated: fault != nil && !isVoid, why: isVoid ? "refused" : nil))
                    ))
            }
            if isBilled {
                uses.append(
                    BilledUse(
                        request: name, at: at.nanoseconds, endpoint: endpoint, model: model,
                        quantities: [
                            ("input", Int(truth.input)), ("cached input", Int(truth.cachedInput)),
                            ("output", Int(truth.output + truth.reasoning)),
                        ]))
            }
            if let fault { faulty[name] = (fault, attempt, (isBilled ? truth : .zero) - known) }
        }
    }
}
