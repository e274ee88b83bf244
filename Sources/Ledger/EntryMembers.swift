import Core

extension EntryReader {
    /// 128 random bits in canonical base64url, without which a leaf's hash could tell of its entry.
    func salt() throws(EntryError) {
        guard let value = bare("s"), value.count == 24, value.first == UInt8(ascii: "\""),
            isSalt(UnsafeRawBufferPointer(rebasing: value[1..<23]))
        else { throw EntryError(reason: .badValue, member: "s") }
    }

    func block() throws(EntryError) -> Entry.Block {
        Entry.Block(key: try string("key"), window: try optionalWindow(), amount: try money("amount"))
    }

    private func optionalWindow() throws(EntryError) -> Window? { has("window") ? try window("window") : nil }

    func hold() throws(EntryError) -> HoldEntry {
        guard let operation = Operation(rawValue: try string("operation")) else {
            throw EntryError(reason: .badValue, member: "operation")
        }
        return HoldEntry(
            attempt: try attempt(), call: try string("call"), key: try string("key"), window: try optionalWindow(),
            amount: try money("amount"), drawn: try flag("drawn"), grace: try optionalString("grace"),
            inputBound: try natural("inputBound"), outputBound: try natural("outputBound"), size: try size(),
            generation: try sequence("generation"), operation: operation, stream: try flag("stream"), tier: try tier(),
            exported: try exported(), judged: try judged(), route: try route())
    }

    private func size() throws(EntryError) -> CallSize? {
        guard has("bytes") else { return nil }
        return CallSize(bytes: try natural("bytes"), probableTokens: try natural("probable"))
    }

    private func exported() throws(EntryError) -> ExportedPerson? {
        guard let object = try object("exported") else { return nil }
        let (high, low) = try object.hexadecimal32("person")
        return ExportedPerson(Pseudonym(high: high, low: low), isSensitive: try object.flag("sensitive"))
    }

    private func judged() throws(EntryError) -> JudgedFacts? {
        guard let object = try object("judged") else { return nil }
        return JudgedFacts(policy: try object.optionalString("policy"), by: try object.strings("by"), labels: try object.labels())
    }

    func route() throws(EntryError) -> RouteFacts {
        RouteFacts(
            model: try string("model"), upstreamModel: try string("upstream"), endpoint: try string("endpoint"),
            link: try string("link"), operator: try string("operator"), operatorCountry: try string("operatorCountry"),
            processedIn: try strings("processedIn"), price: try optionalString("price") ?? "", asked: try optionalString("asked"))
    }

    func tier() throws(EntryError) -> ServiceTier {
        guard let text = try optionalString("tier") else { return .standard }
        guard let tier = ServiceTier(rawValue: text) else { throw EntryError(reason: .badValue, member: "tier") }
        return tier
    }

    func period() throws(EntryError) -> Period {
        guard let period = Period(try string("period")) else { throw EntryError(reason: .badValue, member: "period") }
        return period
    }

    /// Meters that are not there are zero.
    func meters(signed: Bool = false) throws(EntryError) -> Usage {
        var usage = Usage.zero
        for meter in Meter.allCases where has(meter.text) {
            usage[meter] = signed ? try integer(meter.text) : try natural(meter.text)
        }
        return usage
    }

    func end() throws(EntryError) -> EndEntry {
        guard let how = EndEntry.How(rawValue: try string("how")) else {
            throw EntryError(reason: .badValue, member: "how")
        }
        func amount(_ name: StaticString) throws(EntryError) -> Money { has(name) ? try money(name) : .zero }
        return EndEntry(
            hold: try sequence("hold"), attempt: try attempt(), how: how, settled: try amount("settled"),
            back: try amount("back"), usage: try meters(), estimated: try flag("estimated"), tier: try tier(),
            why: try optionalString("why"), evidence: try optionalString("evidence"),
            facts: try answerFacts(), rawUsage: try rawObject("usage"))
    }

    private func answerFacts() throws(EntryError) -> AnswerFacts {
        AnswerFacts(
            region: try optionalString("region"), firstTokenMicroseconds: has("first") ? try natural("first") : nil,
            servedBy: has("deployment")
                ? ServedBy(deployment: try string("deployment"), price: try optionalString("price")) : nil,
            rewrites: has("rewrites") ? try strings("rewrites") : [])
    }

    func correction() throws(EntryError) -> CorrectionEntry {
        CorrectionEntry(
            hold: try sequence("hold"), attempt: try attempt(), key: try string("key"), before: try money("before"),
            amount: Money(nanos: try integer("amount")), usage: try meters(signed: true), evidence: try string("evidence"),
            why: try string("why"), tier: try tier(), route: try route())
    }

    func allowanceCharge() throws(EntryError) -> AllowanceChargeEntry {
        AllowanceChargeEntry(
            doubt: try sequence("doubt"), key: try string("key"), attempt: has("attempt") ? try attempt() : nil,
            amount: try money("amount"), freed: has("freed") ? try money("freed") : .zero, usage: try meters(),
            tier: try tier(), evidence: try string("evidence"), why: try string("why"))
    }

    func limits() throws(EntryError) -> AccountLimits {
        var limits = AccountLimits.none
        for object in try objects("limits") {
            let period = try object.period()
            guard !limits.spend.contains(where: { $0.period == period }) else {
                throw EntryError(reason: .badValue, member: "limits")
            }
            var grace: SpendLimit.Grace?
            if let name = try object.optionalString("grace") {
                grace = SpendLimit.Grace(name: name, amount: try object.money("graceAmount"))
            }
            var alerts: [Int] = []
            for text in object.has("alerts") ? try object.strings("alerts") : [] {
                guard let percent = Int(text), percent > alerts.last ?? 0, String(percent) == text, percent <= 1_000 else {
                    throw EntryError(reason: .badValue, member: "alerts")
                }
                alerts.append(percent)
            }
            limits.spend.append(
                SpendLimit(period: period, amount: try object.money("amount"), grace: grace, alertPercents: alerts))
        }
        func most(_ name: StaticString) throws(EntryError) -> Int64? { has(name) ? try natural(name) : nil }
        limits.pace = PaceLimit(
            requestsPerMinute: try most("requestsPerMinute"), tokensPerMinute: try most("tokensPerMinute"),
            concurrency: try most("concurrency").map { Int($0) })
        return limits
    }

    func account() throws(EntryError) -> AccountName {
        if let id = try optionalString("key") { return .key(id) }
        let tenant = try string("tenant")
        if let team = try optionalString("team") { return .team(tenant: tenant, team: team) }
        return .tenant(tenant)
    }

    func key() throws(EntryError) -> KeyRecord {
        // Version 1 knew a limit a month only.
        let limits = has("limits") ? try limits() : AccountLimits(monthly: has("limit") ? try money("limit") : nil)
        return KeyRecord(
            id: try string("key"), name: try string("name"), tenant: try string("tenant"), team: try string("team"),
            models: has("models") ? Set(try strings("models")) : nil, fallbacks: try fallbacks(), limits: limits,
            labels: try labels(),
            created: try moment("created"), expires: has("expires") ? try moment("expires") : nil, secrets: try secrets())
    }

    /// Keys that were made before there were any have none.
    private func fallbacks() throws(EntryError) -> [String: [String]] {
        var result: [String: [String]] = [:]
        guard has("fallbacks") else { return result }
        for object in try objects("fallbacks") {
            guard result.updateValue(try object.strings("instead"), forKey: try object.string("model")) == nil else {
                throw EntryError(reason: .badValue, member: "fallbacks")
            }
        }
        return result
    }

    /// Keys that were made before there were labels have none.
    func labels() throws(EntryError) -> CallLabels {
        func words(_ name: StaticString) throws(EntryError) -> Set<String>? { has(name) ? Set(try strings(name)) : nil }
        var categories: Set<DataCategory>?
        if let names = try words("categories") {
            var known: Set<DataCategory> = []
            for name in names {
                guard let category = DataCategory(rawValue: name) else {
                    throw EntryError(reason: .badValue, member: "categories")
                }
                known.insert(category)
            }
            categories = known
        }
        return CallLabels(
            dataClass: try optionalString("class"), categories: categories, subjects: try words("subjects") ?? [],
            purposes: try words("purposes") ?? [], exportTags: try words("exportTags"),
            clientNarrows: has("clientNarrows") ? try flag("clientNarrows") : nil)
    }

    func secrets() throws(EntryError) -> [KeySecret] {
        var result: [KeySecret] = []
        for object in try objects("secrets") {
            guard let digest = KeyDigest(hex: try object.string("digest")) else {
                throw EntryError(reason: .badValue, member: "digest")
            }
            result.append(KeySecret(digest: digest, expires: object.has("expires") ? try object.moment("expires") : nil))
        }
        return result
    }

    func refusals() throws(EntryError) -> [Entry.Refusals] {
        var result: [Entry.Refusals] = []
        for object in try objects("counts") {
            result.append(
                Entry.Refusals(
                    key: try object.optionalString("key"), code: try object.string("code"),
                    model: try object.optionalString("model"), count: try object.natural("count")))
        }
        return result
    }

    /// A bare JSON number that is a natural one: only the journal's own members.
    func number(_ name: StaticString) throws(EntryError) -> Int64 {
        guard let value = bare(name), let text = String(validating: value, as: UTF8.self), let number = Int64(text),
            number >= 0, String(number) == text
        else { throw EntryError(reason: .badValue, member: "\(name)") }
        return number
    }
}

/// 22 characters of base64url that stand for exactly 16 bytes.
func isSalt(_ text: UnsafeRawBufferPointer) -> Bool {
    guard text.count == 22 else { return false }
    for byte in text {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "_"): continue
        default: return false
        }
    }
    // The last character has two bits of the sixteenth byte; the other four are zero.
    switch text[21] {
    case UInt8(ascii: "A"), UInt8(ascii: "Q"), UInt8(ascii: "g"), UInt8(ascii: "w"): return true
    default: return false
    }
}
