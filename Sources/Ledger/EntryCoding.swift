public import Core

extension Entry {
    /// Reads a whole entry as the journal keeps it: `{"v":1,"n":…,"t":…,…}`.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(EntryError) -> (sequence: UInt64, at: Timestamp, entry: Entry) {
        let reader = try EntryReader(bytes)
        guard try reader.number("v") == 1 else { throw EntryError(reason: .unknownVersion) }
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
        case .allowance(let block), .allowanceReturned(let block):
            writer.block(key: block.key, window: block.window, amount: block.amount)
        case .allowanceDoubt(let block, let why):
            writer.block(key: block.key, window: block.window, amount: block.amount)
            writer.member("why", why)
        case .allowanceVoided(let doubt, let why):
            writer.member("doubt", sequence: doubt)
            writer.member("why", why)
        case .hold(let hold):
            writer.hold(
                attempt: hold.attempt, call: hold.call, key: hold.key, window: hold.window, amount: hold.amount,
                drawn: hold.drawn, inputBound: hold.inputBound, outputBound: hold.outputBound,
                generation: hold.generation, operation: hold.operation, stream: hold.stream)
            writer.route(hold.route)
        case .overrun(let hold, let attempt, let amount):
            writer.member("hold", sequence: hold)
            writer.member("attempt", attempt)
            writer.member("amount", amount)
        case .end(let end):
            (end.rawUsage ?? []).withUnsafeBytes { raw in
                writer.end(end, rawUsage: end.rawUsage == nil ? nil : raw)
            }
        case .doubt(let hold, let why):
            writer.member("hold", sequence: hold)
            writer.member("why", why)
        case .refused(let from, let counts):
            writer.member("from", from.nanoseconds)
            writer.refusals(counts)
        case .act(let who, let what, let on):
            writer.member("who", who)
            writer.member("what", what)
            if let on { writer.member("on", on) }
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
        case .allowance: "allowance"
        case .allowanceReturned: "allowance-returned"
        case .allowanceDoubt: "allowance-doubt"
        case .allowanceVoided: "allowance-voided"
        case .hold: "hold"
        case .overrun: "overrun"
        case .end: "end"
        case .doubt: "doubt"
        case .refused: "refused"
        case .act: "act"
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
            self = .allowanceVoided(doubt: try reader.sequence("doubt"), why: try reader.string("why"))
        case "overrun":
            self = .overrun(
                hold: try reader.sequence("hold"), attempt: try reader.attempt(), amount: try reader.money("amount"))
        case "doubt": self = .doubt(hold: try reader.sequence("hold"), why: try reader.string("why"))
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
        case "act":
            self = .act(
                who: try reader.string("who"), what: try reader.string("what"), on: try reader.optionalString("on"))
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

    mutating func block(key: String, window: Window, amount: Money) {
        member("key", key)
        member("window", window)
        member("amount", amount)
    }

    /// All of a hold but its route.
    mutating func hold(
        attempt: AttemptID, call: String, key: String, window: Window, amount: Money, drawn: Bool, inputBound: Int64,
        outputBound: Int64, generation: UInt64, operation: Operation, stream: Bool
    ) {
        member("attempt", attempt)
        member("call", call)
        block(key: key, window: window, amount: amount)
        if drawn { member("drawn", true) }
        member("inputBound", inputBound)
        member("outputBound", outputBound)
        member("generation", sequence: generation)
        member("operation", operation.text)
        if stream { member("stream", true) }
    }

    mutating func route(_ facts: RouteFacts) {
        member("model", facts.model)
        member("upstream", facts.upstreamModel)
        member("endpoint", facts.endpoint)
        member("link", facts.link)
        member("operator", facts.operator)
        member("operatorCountry", facts.operatorCountry)
        strings("processedIn", facts.processedIn)
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
        if end.usage.input != 0 { member("input", end.usage.input) }
        if end.usage.cachedInput != 0 { member("cachedInput", end.usage.cachedInput) }
        if end.usage.output != 0 { member("output", end.usage.output) }
        if end.usage.reasoning != 0 { member("reasoning", end.usage.reasoning) }
        if end.estimated { member("estimated", true) }
        if let why = end.why { member("why", why) }
        if let rawUsage {
            name("usage")
            raw(rawUsage)
        }
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
        if let limit = record.monthlyLimit { member("limit", limit) }
        member("created", record.created.nanoseconds)
        if let expires = record.expires { member("expires", expires.nanoseconds) }
        secrets(record.secrets)
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

extension Operation {
    var text: StaticString {
        switch self {
        case .chat: "chat"
        case .completions: "completions"
        case .embeddings: "embeddings"
        case .responses: "responses"
        }
    }
}

// MARK: Pieces, read

extension EntryReader {
    func block() throws(EntryError) -> Entry.Block {
        Entry.Block(key: try string("key"), window: try window("window"), amount: try money("amount"))
    }

    func hold() throws(EntryError) -> HoldEntry {
        guard let operation = Operation(rawValue: try string("operation")) else {
            throw EntryError(reason: .badValue, member: "operation")
        }
        return HoldEntry(
            attempt: try attempt(), call: try string("call"), key: try string("key"), window: try window("window"),
            amount: try money("amount"), drawn: try flag("drawn"), inputBound: try natural("inputBound"),
            outputBound: try natural("outputBound"), generation: try sequence("generation"), operation: operation,
            stream: try flag("stream"),
            route: RouteFacts(
                model: try string("model"), upstreamModel: try string("upstream"), endpoint: try string("endpoint"),
                link: try string("link"), operator: try string("operator"),
                operatorCountry: try string("operatorCountry"), processedIn: try strings("processedIn")))
    }

    func end() throws(EntryError) -> EndEntry {
        guard let how = EndEntry.How(rawValue: try string("how")) else {
            throw EntryError(reason: .badValue, member: "how")
        }
        func meter(_ name: StaticString) throws(EntryError) -> Int64 { has(name) ? try natural(name) : 0 }
        return EndEntry(
            hold: try sequence("hold"), attempt: try attempt(), how: how,
            settled: Money(nanos: try meter("settled")), back: Money(nanos: try meter("back")),
            usage: Usage(
                input: try meter("input"), cachedInput: try meter("cachedInput"), output: try meter("output"),
                reasoning: try meter("reasoning")),
            estimated: try flag("estimated"), why: try optionalString("why"), rawUsage: try rawObject("usage"))
    }

    func account() throws(EntryError) -> AccountName {
        if let id = try optionalString("key") { return .key(id) }
        let tenant = try string("tenant")
        if let team = try optionalString("team") { return .team(tenant: tenant, team: team) }
        return .tenant(tenant)
    }

    func key() throws(EntryError) -> KeyRecord {
        KeyRecord(
            id: try string("key"), name: try string("name"), tenant: try string("tenant"), team: try string("team"),
            models: has("models") ? Set(try strings("models")) : nil,
            monthlyLimit: has("limit") ? try money("limit") : nil, created: try moment("created"),
            expires: has("expires") ? try moment("expires") : nil, secrets: try secrets())
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
