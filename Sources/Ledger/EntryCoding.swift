public import Core

extension Entry {
    /// Reads a whole entry as the journal keeps it: `{"v":2,"n":…,"s":"…","t":…,…}`; version 1 had no `s`, its random salt.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(EntryError) -> (sequence: UInt64, at: Timestamp, entry: Entry) {
        let reader = try EntryReader(bytes)
        switch try reader.number("v") {
        case 1: break
        case 2: try reader.salt()
        default: throw EntryError(reason: .unknownVersion)
        }
        let sequence = try reader.number("n")
        return (UInt64(sequence), try reader.moment("at"), try Entry(reader))
    }

    /// The entry without the journal's members in front, as `Journal.append` takes it. `nil` when it is too large.
    public func encoded(at moment: Timestamp) -> [UInt8]? {
        var writer = EntryWriter()
        guard write(to: &writer, at: moment) else { return nil }
        return Array(writer.bytes)
    }

    func write(to writer: inout EntryWriter, at moment: Timestamp) -> Bool {
        writer.begin(kind, at: moment)
        switch self {
        case .start(let start):
            writer.member("node", start.node)
            writer.member("version", start.version)
            writer.member("clean", start.clean)
        case .stop: break
        case .configuration(let hash, let generation):
            writer.member("hash", hash)
            writer.member("generation", sequence: generation)
        case .key(let record): writer.key(record)
        case .keyRotated(let id, let secrets):
            writer.member("key", id)
            writer.secrets(secrets)
        case .keyRevoked(let id, let why):
            writer.member("key", id)
            writer.member("why", why)
        case .limit(let account, let limit):
            writer.account(account)
            if let limit { writer.member("limit", limit) }
        case .limits(let account, let limits):
            writer.account(account)
            writer.limits(limits)
        case .window(let period, let from, let to):
            writer.member("period", period.description)
            writer.member("from", from.nanoseconds)
            writer.member("to", to.nanoseconds)
        case .alert(let account, let period, let percent, let settled):
            writer.account(account)
            writer.member("period", period.description)
            writer.member("percent", percent)
            writer.member("settled", settled)
        case .allowance(let block), .allowanceReturned(let block):
            writer.block(block)
        case .allowanceDoubt(let block, let why):
            writer.block(block)
            writer.member("why", why)
        case .allowanceVoided(let doubt, let why, let evidence):
            writer.member("doubt", sequence: doubt)
            writer.member("why", why)
            if let evidence { writer.member("evidence", evidence) }
        case .allowanceCharged(let charge): writer.allowanceCharge(charge)
        case .lossDoubt(let loss):
            writer.member("key", loss.key)
            writer.member("amount", loss.amount)
            writer.member("log", loss.log)
            writer.member("first", sequence: loss.first)
            if let end = loss.end { writer.member("end", sequence: end) }
        case .hold(let hold): writer.hold(hold)
        case .lengthened(let more):
            writer.member("hold", sequence: more.hold)
            writer.member("attempt", more.attempt)
            writer.member("amount", more.amount)
            writer.member("outputBound", more.outputBound)
            if let grace = more.grace { writer.member("grace", grace) }
        case .overrun(let hold, let attempt, let amount):
            writer.member("hold", sequence: hold)
            writer.member("attempt", attempt)
            writer.member("amount", amount)
        case .end(let end):
            (end.rawUsage ?? []).withUnsafeBytes { raw in
                writer.end(end, rawUsage: end.rawUsage == nil ? nil : raw)
            }
        case .correction(let correction): writer.correction(correction)
        case .doubt(let hold, let why, let region):
            writer.member("hold", sequence: hold)
            writer.member("why", why)
            if let region { writer.member("region", region) }
        case .refused(let from, let counts):
            writer.member("from", from.nanoseconds)
            writer.refusals(counts)
        case .act(let who, let what, let on):
            writer.member("who", who)
            writer.member("what", what)
            if let on { writer.member("on", on) }
        case .suspended(let suspension): writer.suspension(suspension)
        case .resumed(let endpoint, let who, let why):
            writer.member("endpoint", endpoint)
            writer.member("who", who)
            writer.member("why", clipped(why, longestReason))
        }
        return writer.finish()
    }

    var kind: StaticString {
        switch self {
        case .start: "start"
        case .stop: "stop"
        case .configuration: "config"
        case .key: "key"
        case .keyRotated: "key-rotated"
        case .keyRevoked: "key-revoked"
        case .limit: "limit"
        case .limits: "limits"
        case .window: "window"
        case .alert: "alert"
        case .allowance: "allowance"
        case .allowanceReturned: "allowance-returned"
        case .allowanceDoubt: "allowance-doubt"
        case .allowanceVoided: "allowance-voided"
        case .allowanceCharged: "allowance-charged"
        case .lossDoubt: "loss-doubt"
        case .hold: "hold"
        case .lengthened: "lengthened"
        case .overrun: "overrun"
        case .end: "end"
        case .correction: "correction"
        case .doubt: "doubt"
        case .refused: "refused"
        case .act: "act"
        case .suspended: "suspended"
        case .resumed: "resumed"
        }
    }

    init(_ reader: EntryReader) throws(EntryError) {
        switch try reader.string("t") {
        case "hold": self = .hold(try reader.hold())
        case "end": self = .end(try reader.end())
        case "allowance": self = .allowance(try reader.block())
        case "allowance-returned": self = .allowanceReturned(try reader.block())
        case "allowance-doubt": self = .allowanceDoubt(try reader.block(), why: try reader.string("why"))
        case "allowance-voided":
            self = .allowanceVoided(
                doubt: try reader.sequence("doubt"), why: try reader.string("why"),
                evidence: try reader.optionalString("evidence"))
        case "allowance-charged": self = .allowanceCharged(try reader.allowanceCharge())
        case "loss-doubt":
            self = .lossDoubt(
                LossDoubtEntry(
                    key: try reader.string("key"), amount: try reader.money("amount"), log: try reader.string("log"),
                    first: try reader.sequence("first"), end: reader.has("end") ? try reader.sequence("end") : nil))
        case "overrun":
            self = .overrun(
                hold: try reader.sequence("hold"), attempt: try reader.attempt(), amount: try reader.money("amount"))
        case "doubt":
            self = .doubt(
                hold: try reader.sequence("hold"), why: try reader.string("why"), region: try reader.optionalString("region"))
        case "refused": self = .refused(from: try reader.moment("from"), try reader.refusals())
        case "start":
            self = .start(
                Start(
                    node: try reader.string("node"), version: try reader.string("version"),
                    clean: try reader.flag("clean")))
        case "stop": self = .stop
        case "config":
            self = .configuration(hash: try reader.string("hash"), generation: try reader.sequence("generation"))
        case "key": self = .key(try reader.key())
        case "key-rotated": self = .keyRotated(id: try reader.string("key"), secrets: try reader.secrets())
        case "key-revoked": self = .keyRevoked(id: try reader.string("key"), why: try reader.string("why"))
        case "limit":
            self = .limit(try reader.account(), reader.has("limit") ? try reader.money("limit") : nil)
        case "limits": self = .limits(try reader.account(), try reader.limits())
        case "window":
            self = .window(try reader.period(), from: try reader.moment("from"), to: try reader.moment("to"))
        case "alert":
            self = .alert(
                try reader.account(), try reader.period(), percent: try reader.natural("percent"),
                settled: try reader.money("settled"))
        case "lengthened":
            self = .lengthened(
                LengthenedEntry(
                    hold: try reader.sequence("hold"), attempt: try reader.attempt(), amount: try reader.money("amount"),
                    outputBound: try reader.natural("outputBound"), grace: try reader.optionalString("grace")))
        case "correction": self = .correction(try reader.correction())
        case "act":
            self = .act(
                who: try reader.string("who"), what: try reader.string("what"), on: try reader.optionalString("on"))
        case "suspended": self = .suspended(try reader.suspension())
        case "resumed":
            self = .resumed(
                endpoint: try reader.string("endpoint"), who: try reader.string("who"), why: try reader.string("why"))
        default: throw EntryError(reason: .unknownKind, member: "t")
        }
    }
}

// MARK: Pieces, written

extension EntryWriter {
    mutating func member(_ name: StaticString, _ attempt: AttemptID) {
        self.name(name)
        byte(UInt8(ascii: "\""))
        hex(attempt.high)
        hex(attempt.low)
        byte(UInt8(ascii: "\""))
    }

    mutating func block(_ block: Entry.Block) { self.block(key: block.key, window: block.window, amount: block.amount) }

    mutating func block(key: String, window: Window? = nil, amount: Money) {
        member("key", key)
        if let window { member("window", window) }
        member("amount", amount)
    }

    mutating func hold(_ hold: HoldEntry) {
        member("attempt", hold.attempt)
        member("call", hold.call)
        member("key", hold.key)
        if let window = hold.window { member("window", window) }
        member("amount", hold.amount)
        holdFacts(
            drawn: hold.drawn, grace: hold.grace, inputBound: hold.inputBound, outputBound: hold.outputBound, size: hold.size,
            generation: hold.generation, operation: hold.operation, stream: hold.stream, tier: hold.tier, exported: hold.exported)
        if let judged = hold.judged { self.judged(judged) }
        route(hold.route)
    }

    /// One object, so that a reader who does not need it steps over it.
    mutating func judged(_ facts: JudgedFacts) {
        name("judged")
        text("{\"by\":")
        array(facts.by)
        if let policy = facts.policy { member("policy", policy) }
        labels(facts.labels)
        byte(UInt8(ascii: "}"))
    }

    /// What stands between a hold's amount and its route.
    mutating func holdFacts(
        drawn: Bool, grace: String?, inputBound: Int64, outputBound: Int64, size: CallSize?, generation: UInt64,
        operation: Operation, stream: Bool, tier: ServiceTier, exported: ExportedPerson?
    ) {
        if drawn { member("drawn", true) }
        if let grace { member("grace", grace) }
        member("inputBound", inputBound)
        member("outputBound", outputBound)
        if let size {
            member("bytes", size.bytes)
            member("probable", size.probableTokens)
        }
        member("generation", sequence: generation)
        member("operation", operation.text)
        if stream { member("stream", true) }
        if tier != .standard { member("tier", tier.text) }
        if let exported { member("exported", exported) }
    }

    mutating func member(_ name: StaticString, _ exported: ExportedPerson) {
        self.name(name)
        text("{\"person\":\"")
        hex(exported.person.high)
        hex(exported.person.low)
        text(exported.isSensitive ? "\",\"sensitive\":true}" : "\"}")
    }

    mutating func route(_ facts: RouteFacts) {
        member("model", facts.model)
        member("upstream", facts.upstreamModel)
        member("endpoint", facts.endpoint)
        member("link", facts.link)
        member("operator", facts.operator)
        member("operatorCountry", facts.operatorCountry)
        strings("processedIn", facts.processedIn)
        if !facts.price.isEmpty { member("price", facts.price) }
        if let asked = facts.asked { member("asked", asked) }
    }

    mutating func end(_ end: EndEntry, rawUsage: UnsafeRawBufferPointer?) {
        member("hold", sequence: end.hold)
        member("attempt", end.attempt)
        switch end.how {
        case .settled: member("how", "settled" as StaticString)
        case .voided: member("how", "voided" as StaticString)
        }
        if end.settled != .zero { member("settled", end.settled) }
        if end.back != .zero { member("back", end.back) }
        meters(end.usage)
        if end.estimated { member("estimated", true) }
        if end.tier != .standard { member("tier", end.tier.text) }
        if let why = end.why { member("why", why) }
        if let evidence = end.evidence { member("evidence", evidence) }
        if let region = end.facts.region { member("region", region) }
        if let first = end.facts.firstTokenMicroseconds { member("first", first) }
        if let servedBy = end.facts.servedBy {
            member("deployment", servedBy.deployment)
            if let price = servedBy.price { member("price", price) }
        }
        if !end.facts.rewrites.isEmpty { strings("rewrites", end.facts.rewrites) }
        if let rawUsage {
            name("usage")
            raw(rawUsage)
        }
    }

    mutating func meters(_ usage: Usage) {
        for meter in Meter.all {
            let count = usage[meter]
            if count != 0 { member(meter.text, count) }
        }
    }

    mutating func correction(_ correction: CorrectionEntry) {
        member("hold", sequence: correction.hold)
        member("attempt", correction.attempt)
        member("key", correction.key)
        member("before", correction.before)
        member("amount", correction.amount)
        meters(correction.usage)
        member("evidence", correction.evidence)
        member("why", correction.why)
        if correction.tier != .standard { member("tier", correction.tier.text) }
        route(correction.route)
    }

    mutating func allowanceCharge(_ charge: AllowanceChargeEntry) {
        member("doubt", sequence: charge.doubt)
        member("key", charge.key)
        if let attempt = charge.attempt { member("attempt", attempt) }
        member("amount", charge.amount)
        if charge.freed != .zero { member("freed", charge.freed) }
        meters(charge.usage)
        if charge.tier != .standard { member("tier", charge.tier.text) }
        member("evidence", charge.evidence)
        member("why", charge.why)
    }

    mutating func limits(_ limits: AccountLimits) {
        name("limits")
        byte(UInt8(ascii: "["))
        for (index, limit) in limits.spend.enumerated() {
            text(index > 0 ? ",{\"period\":" : "{\"period\":")
            string(limit.period.description)
            member("amount", limit.amount)
            if let grace = limit.grace {
                member("grace", grace.name)
                member("graceAmount", grace.amount)
            }
            if !limit.alertPercents.isEmpty { strings("alerts", limit.alertPercents.map(String.init)) }
            byte(UInt8(ascii: "}"))
        }
        byte(UInt8(ascii: "]"))
        if let most = limits.pace.requestsPerMinute { member("requestsPerMinute", most) }
        if let most = limits.pace.tokensPerMinute { member("tokensPerMinute", most) }
        if let most = limits.pace.concurrency { member("concurrency", Int64(most)) }
    }

    mutating func account(_ account: AccountName) {
        switch account {
        case .tenant(let tenant): member("tenant", tenant)
        case .team(let tenant, let team):
            member("tenant", tenant)
            member("team", team)
        case .key(let id): member("key", id)
        }
    }

    mutating func key(_ record: KeyRecord) {
        member("key", record.id)
        member("name", record.name)
        member("tenant", record.tenant)
        member("team", record.team)
        if let models = record.models { strings("models", models.sorted()) }
        if !record.fallbacks.isEmpty { fallbacks(record.fallbacks) }
        if record.limits != .none { limits(record.limits) }
        labels(record.labels)
        member("created", record.created.nanoseconds)
        if let expires = record.expires { member("expires", expires.nanoseconds) }
        secrets(record.secrets)
    }

    private mutating func fallbacks(_ fallbacks: [String: [String]]) {
        name("fallbacks")
        byte(UInt8(ascii: "["))
        for (index, pair) in fallbacks.sorted(by: { $0.key < $1.key }).enumerated() {
            text(index > 0 ? ",{\"model\":" : "{\"model\":")
            string(pair.key)
            strings("instead", pair.value)
            byte(UInt8(ascii: "}"))
        }
        byte(UInt8(ascii: "]"))
    }

    /// What is unknown is left out, so that a key without labels is written as it always was.
    mutating func labels(_ labels: CallLabels) {
        if let name = labels.dataClass { member("class", name) }
        if let categories = labels.categories { strings("categories", categories.map(\.rawValue).sorted()) }
        if !labels.subjects.isEmpty { strings("subjects", labels.subjects.sorted()) }
        if !labels.purposes.isEmpty { strings("purposes", labels.purposes.sorted()) }
        if let tags = labels.exportTags { strings("exportTags", tags.sorted()) }
        if let narrows = labels.clientNarrows { member("clientNarrows", narrows) }
    }

    mutating func secrets(_ secrets: [KeySecret]) {
        name("secrets")
        byte(UInt8(ascii: "["))
        for (index, secret) in secrets.enumerated() {
            text(index > 0 ? ",{\"digest\":\"" : "{\"digest\":\"")
            raw(secret.digest.hex)
            byte(UInt8(ascii: "\""))
            if let expires = secret.expires { member("expires", expires.nanoseconds) }
            byte(UInt8(ascii: "}"))
        }
        byte(UInt8(ascii: "]"))
    }

    mutating func refusals(_ counts: [Entry.Refusals]) {
        name("counts")
        byte(UInt8(ascii: "["))
        for (index, count) in counts.enumerated() {
            text(index > 0 ? ",{\"code\":" : "{\"code\":")
            string(count.code)
            if let key = count.key { member("key", key) }
            if let model = count.model { member("model", model) }
            member("count", count.count)
            byte(UInt8(ascii: "}"))
        }
        byte(UInt8(ascii: "]"))
    }
}

extension ServiceTier {
    var text: StaticString {
        switch self {
        case .standard: "standard"
        case .priority: "priority"
        case .flex: "flex"
        case .batch: "batch"
        }
    }
}

extension Meter {
    var text: StaticString {
        switch self {
        case .input: "input"
        case .cachedInput: "cachedInput"
        case .cacheWrite: "cacheWrite"
        case .cacheWriteHour: "cacheWriteHour"
        case .audioInput: "audioInput"
        case .imageInput: "imageInput"
        case .output: "output"
        case .reasoning: "reasoning"
        case .audioOutput: "audioOutput"
        case .imageOutput: "imageOutput"
        }
    }
}

extension Operation {
    var text: StaticString {
        switch self {
        case .chat: "chat"
        case .completions: "completions"
        case .embeddings: "embeddings"
        case .responses: "responses"
        case .conversations: "conversations"
        }
    }
}
