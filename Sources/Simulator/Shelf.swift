/// What an endpoint keeps between calls: responses and conversations, by the ids that it gave them. No other endpoint knows them.
struct Shelf: Sendable {
    /// Of each kind; the oldest are forgotten first, as providers do in the end.
    static let itemsMax = 10_000

    struct Item: Sendable {
        /// What it adds to the prompt of a call that builds on it.
        var tokens: Int
        /// What is answered to who asks for it.
        var object: String
    }

    private(set) var responses = Row()
    private(set) var conversations = Row()

    struct Row: Sendable {
        private var items: [String: Item] = [:]
        private var order: [String] = []

        subscript(id: String) -> Item? { items[id] }

        mutating func keep(_ id: String, _ item: Item) {
            if items.updateValue(item, forKey: id) == nil { order.append(id) }
            if order.count > 2 * Shelf.itemsMax {
                for old in order.prefix(Shelf.itemsMax) { items[old] = nil }
                order.removeFirst(Shelf.itemsMax)
            }
        }

        mutating func add(_ tokens: Int, to id: String) { items[id]?.tokens += tokens }

        /// False when there is none.
        mutating func forget(_ id: String) -> Bool { items.removeValue(forKey: id) != nil }
    }

    mutating func keep(_ kind: KeptKind, _ id: String, _ item: Item) {
        switch kind {
        case .response: responses.keep(id, item)
        case .conversation: conversations.keep(id, item)
        }
    }

    mutating func add(_ tokens: Int, toConversation id: String) { conversations.add(tokens, to: id) }

    subscript(kind: KeptKind, id: String) -> Item? { kind == .response ? responses[id] : conversations[id] }

    mutating func forget(_ kind: KeptKind, _ id: String) -> Bool {
        kind == .response ? responses.forget(id) : conversations.forget(id)
    }
}

enum KeptKind: String, Sendable { case response, conversation }

/// A request about what is kept, by its path and method.
enum KeptRequest: Sendable {
    case createConversation
    case read(KeptKind, String)
    case delete(KeptKind, String)

    var id: String? {
        switch self {
        case .createConversation: nil
        case .read(_, let id), .delete(_, let id): id
        }
    }
}

extension Asked {
    /// The response that a call builds on.
    var previous: String? { operation == .responses ? body["previous_response_id"]?.string : nil }

    /// The conversation that it belongs to.
    var conversation: String? {
        operation == .responses ? body["conversation"]?.string ?? body["conversation"]?["id"]?.string : nil
    }

    /// The answer is kept unless the call says otherwise.
    var isKept: Bool { operation == .responses && body["store"]?.bool ?? true }
}

extension Stage {
    /// Adds what the call builds on to its prompt; the refusal where it is not kept here.
    func recall(_ asked: inout Asked) -> Trouble? {
        for (kind, id) in [(KeptKind.response, asked.previous), (.conversation, asked.conversation)] {
            guard let id else { continue }
            guard let item = shelf({ $0[kind, id] }) else { return .nothingKept(kind, id, inCall: true) }
            asked.inputTokens += item.tokens
        }
        return nil
    }

    /// Keeps what a call has led to.
    func keep(_ sheet: Sheet) {
        let asked = sheet.asked
        let said = asked.inputTokens + sheet.plan.usage.output
        if let conversation = asked.conversation, let before = shelf({ $0[.conversation, conversation]?.tokens }) {
            shelf { $0.add(said - before, toConversation: conversation) }
        }
        guard asked.isKept, let ids = sheet.responseIDs else { return }
        shelf { $0.keep(.response, ids.response, Shelf.Item(tokens: said, object: sheet.finishedResponse(ids))) }
    }

    /// The answer to a request about what is kept.
    func answer(_ request: KeptRequest, body: JSON?, random: inout Randomness) -> Answer {
        switch request {
        case .createConversation:
            guard let members = body?.members else { return Trouble.unreadable.answer(endpoint.provider) }
            if let other = members.map(\.key).first(where: { !["items", "metadata"].contains($0) }) {
                return Trouble.mistake("Unknown parameter: '\(other)'.", param: other).answer(endpoint.provider)
            }
            let items = body?["items"]?.array ?? []
            let id = "conv_" + identifier(48, &random).lowercased()
            let object =
                "{\"id\":\"\(id)\",\"object\":\"conversation\",\"created_at\":\(wallNanoseconds() / 1_000_000_000),"
                + "\"metadata\":\((body?["metadata"] ?? .object([])).text)}"
            let tokens = items.reduce(0) { $0 + Tokens.perMessage + Asked.tokens($1, PlayedModel(name: "")) }
            shelf { $0.keep(.conversation, id, Shelf.Item(tokens: tokens, object: object)) }
            return .json(200, object)
        case .read(let kind, let id):
            guard let item = shelf({ $0[kind, id] }) else {
                return Trouble.nothingKept(kind, id, inCall: false).answer(endpoint.provider)
            }
            return .json(200, item.object)
        case .delete(let kind, let id):
            guard shelf({ $0.forget(kind, id) }) else {
                return Trouble.nothingKept(kind, id, inCall: false).answer(endpoint.provider)
            }
            let response = endpoint.provider == .azure ? "response.deleted" : "response"
            let object = kind == .response ? response : "conversation.deleted"
            return .json(200, "{\"id\":\(quoted(id)),\"object\":\"\(object)\",\"deleted\":true}")
        }
    }
}
