/// Invoices as files.
extension Invoice {
    /// CSV, or JSON for OpenAI's pages.
    public var text: String {
        switch style.layout {
        case .requests:
            csv(["request_id", "time", "endpoint", "model", "meter", "quantity", "amount", "currency"]) { line in
                [
                    line.request, moment(line.at), line.endpoint, line.model, line.quantities[0].meter,
                    String(line.quantities[0].tokens), line.amount, style.currency,
                ]
            }
        case .wideRequests:
            csv(["request_id", "time", "endpoint", "model"] + meterColumns + ["amount", "currency"]) { line in
                [line.request, moment(line.at), line.endpoint, line.model] + line.quantities.map { String($0.tokens) }
                    + [line.amount, style.currency]
            }
        case .daily:
            csv(["Day", "Resource", "Model", "Meter", "Quantity", "Amount", "Currency"]) { line in
                [
                    date(line.day), line.endpoint, line.model, line.quantities[0].meter, String(line.quantities[0].tokens),
                    line.amount, style.currency,
                ]
            }
        case .wideDaily:
            csv(["Day", "Resource", "Model"] + meterColumns + ["Amount", "Currency"]) { line in
                [date(line.day), line.endpoint, line.model] + line.quantities.map { String($0.tokens) }
                    + [line.amount, style.currency]
            }
        case .azure:
            csv([
                "Date", "MeterCategory", "MeterName", "ResourceName", "UnitOfMeasure", "Quantity", "CostInBillingCurrency",
                "BillingCurrency", "ChargeType",
            ]) { line in
                let parts = date(line.day).split(separator: "-")
                return [
                    "\(parts[1])/\(parts[2])/\(parts[0])", "Azure OpenAI",
                    "\(line.model) \(line.quantities[0].meter) glbl Tokens",
                    line.endpoint, "1K", InvoiceDecimal(line.quantities[0].tokens).dividedByTen(3).text, line.amount,
                    style.currency, "Usage",
                ]
            }
        case .focus:
            csv([
                "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "SkuMeter", "ResourceName", "ConsumedUnit",
                "ConsumedQuantity", "BilledCost", "BillingCurrency",
            ]) { line in
                [
                    "\(date(line.day))T00:00:00Z", "\(date(line.day + 1))T00:00:00Z", "Usage",
                    "\(line.model), \(line.quantities[0].meter)", line.endpoint, "1M",
                    InvoiceDecimal(line.quantities[0].tokens).dividedByTen(6).text, line.amount, style.currency,
                ]
            }
        case .openai: pages
        }
    }

    private var meterColumns: [String] { lines.first?.quantities.map { $0.meter } ?? [] }

    private func csv(_ header: [String], _ fields: (InvoiceLine) -> [String]) -> String {
        var text = header.map(cell).joined(separator: style.separator) + "\r\n"
        for line in lines { text += fields(line).map(cell).joined(separator: style.separator) + "\r\n" }
        return text
    }

    private func cell(_ text: String) -> String {
        guard text.contains(where: { "\",;\r\n".contains($0) }) else { return text }
        return "\"" + text.map { $0 == "\"" ? "\"\"" : String($0) }.joined() + "\""
    }

    /// A bucket for each day.
    private var pages: String {
        let days = Set(lines.map(\.day)).sorted()
        var byDay: [Int: [String]] = [:]
        for line in lines {
            byDay[line.day, default: []].append(
                "{\"object\":\"organization.costs.result\",\"amount\":{\"value\":\(line.amount),\"currency\":"
                    + "\(quoted(style.currency.lowercased()))},"
                    + "\"line_item\":\(quoted("\(line.model), \(line.quantities[0].meter)")),"
                    + "\"project_id\":null,\"quantity\":\(line.quantities[0].tokens),\"quantity_unit\":\"tokens\"}")
        }
        let buckets = days.map { day in
            "{\"object\":\"bucket\",\"start_time\":\(day * 86_400),\"end_time\":\((day + 1) * 86_400),\"results\":["
                + (byDay[day] ?? []).joined(separator: ",\n") + "]}"
        }
        return "{\"object\":\"page\",\"data\":[" + buckets.joined(separator: ",\n") + "],\"has_more\":false,\"next_page\":null}\n"
    }

    private func moment(_ at: Int64) -> String {
        let seconds = Int(at / 1_000_000_000) + style.zoneMinutes * 60
        let day = style.day(at)
        let rest = seconds - day * 86_400
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
        let zone = style.zoneMinutes.magnitude
        let sign = style.zoneMinutes < 0 ? "-" : "+"
        let offset = "\(sign)\(two(Int(zone) / 60)):\(two(Int(zone) % 60))"
        return "\(date(day))T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))\(offset)"
    }

    /// Counts years and months from 1970 on; slow and obvious.
    private func date(_ day: Int) -> String {
        var rest = day
        var year = 1970
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        while rest >= (isLeap(year) ? 366 : 365) {
            rest -= isLeap(year) ? 366 : 365
            year += 1
        }
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var month = 0
        while rest >= lengths[month] {
            rest -= lengths[month]
            month += 1
        }
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
        return "\(year)-\(two(month + 1))-\(two(rest + 1))"
    }
}

// MARK: Of the simulator's record

extension BilledUse {
    /// `nil` when nothing is billed.
    init?(_ request: ReceivedRequest) {
        guard request.billedInput > 0 || request.billedOutput > 0 else { return nil }
        self.init(
            request: request.attempt ?? request.requestID ?? String(request.number), at: request.at, endpoint: request.endpoint,
            model: request.spilledTo ?? request.model ?? "",
            quantities: [
                ("input", request.billedInput - request.billedCached), ("cached input", request.billedCached),
                ("output", request.billedOutput),
            ])
    }
}

extension Invoice {
    /// The answer to `GET /invoice`; `nil` when the query asks for what there is none of.
    ///
    /// `format` is a layout; `prices` is `input:2.50,cached input:1.25,output:10` in dollars a million; `defects` is
    /// `missing:1,late:2`; and `endpoint`, `currency`, `rate`, `rounding`, `decimals`, `zone` (minutes) and `seed`.
    static func asked(_ query: [String: String], _ record: [ReceivedRequest]) -> Invoice? {
        var prices = ["input": "2.50", "cached input": "1.25", "output": "10"]
        for part in (query["prices"] ?? "").split(separator: ",") {
            let pair = part.split(separator: ":").map(String.init)
            guard pair.count == 2, InvoiceDecimal(pair[1]) != nil else { return nil }
            prices[pair[0]] = pair[1]
        }
        var defects: [(defect: InvoiceDefect, count: Int)] = []
        for part in (query["defects"] ?? "").split(separator: ",") {
            let pair = part.split(separator: ":").map(String.init)
            guard let defect = InvoiceDefect(rawValue: pair[0]), let count = pair.count == 2 ? Int(pair[1]) : 1,
                (0...10_000).contains(count)
            else { return nil }
            defects.append((defect, count))
        }
        guard let layout = InvoiceStyle.Layout(rawValue: query["format"] ?? "requests"),
            let mode = InvoiceRoundingMode(rawValue: query["rounding"] ?? "half-up"),
            let decimals = Int(query["decimals"] ?? "6"), (0...18).contains(decimals),
            InvoiceDecimal(query["rate"] ?? "1") != nil, let zone = Int(query["zone"] ?? "0"), (-840...840).contains(zone),
            let seed = UInt64(query["seed"] ?? "1")
        else { return nil }
        let uses = record.filter { query["endpoint"] == nil || $0.endpoint == query["endpoint"] }.compactMap { BilledUse($0) }
        var invoice = Invoice(
            uses,
            InvoiceStyle(
                layout: layout, currency: query["currency"] ?? "USD", rate: query["rate"] ?? "1", mode: mode, decimals: decimals,
                zoneMinutes: zone, prices: ["*": prices]))
        invoice.spoil(defects, seed: seed)
        return invoice
    }
}
