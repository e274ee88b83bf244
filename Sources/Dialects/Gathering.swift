public import Core
public import NIOCore
import Wire

/// Puts a whole answer together out of the stream of one, in the dialect of the stream: for models that answer only so. It invents nothing: an answer
/// whose stream did not say why it ended is none.
public struct Gathering: Sendable {
    private enum Kind {
        case chat(GatheredChoices)
        case generation(GatheredGeneration)
        case messages(GatheredMessage)
        case responses(JSON?)
        /// While it takes, so that its texts grow in place.
        case taking
    }

    private var kind: Kind

    public init(_ dialect: Dialect) {
        switch dialect {
        case .messages: kind = .messages(GatheredMessage())
        case .responses: kind = .responses(nil)
        case .generation, .multimodalGeneration: kind = .generation(GatheredGeneration())
        case .completions: kind = .chat(GatheredChoices(isChat: false))
        case .chat, .embeddings, .conversations, .tokenCount: kind = .chat(GatheredChoices(isChat: true))
        }
    }

    /// Takes whole events.
    public mutating func take(_ events: ByteBuffer) {
        for event in wholeEvents(events) where !event.isDone {
            guard let body = try? JSON(event.data) else { continue }
            take(body, named: event.name)
        }
    }

    private mutating func take(_ body: JSON, named name: String) {
        var taken = Kind.taking
        swap(&taken, &kind)
        switch consume taken {
        case .taking: break
        case .chat(var answer):
            answer.take(body)
            kind = .chat(answer)
        case .generation(var answer):
            answer.take(body)
            kind = .generation(answer)
        case .messages(var answer):
            answer.take(body, named: name)
            kind = .messages(answer)
        case .responses(let whole):
            // The last event repeats all of it.
            let type = body["type"]?.string ?? name
            let isLast = type == "response.completed" || type == "response.incomplete"
            kind = .responses(isLast ? body["response"] : whole)
        }
    }

    /// The whole answer; nil: the stream did not tell one.
    public func answer() -> ByteBuffer? {
        let answer: JSON? =
            switch kind {
            case .chat(let answer): answer.whole
            case .generation(let answer): answer.whole
            case .messages(let answer): answer.whole
            case .responses(let whole): whole
            case .taking: nil
            }
        return answer.map { ByteBuffer(string: $0.description) }
    }
}

/// The choices of one answer, by their numbers.
private struct Choices: Sendable {
    private var choices: [(index: Int64, choice: GrowingObject)] = []
    /// What holds what is said.
    let said: String

    init(said: String) { self.said = said }

    mutating func take(_ items: [JSON]) {
        for (place, item) in items.enumerated() {
            guard case .object(let members) = item else { continue }
            let number = item["index"]?.integer ?? Int64(place)
            let known = choices.firstIndex { $0.index == number }
            if known == nil { choices.append((number, GrowingObject([JSON.Member("index", .integer(number))]))) }
            let at = known ?? choices.count - 1
            for member in members {
                switch member.key {
                case "index": break
                case "finish_reason":
                    // DashScope writes the word null while there is none.
                    if let word = member.value.string, word != "null" { choices[at].choice.set("finish_reason", member.value) }
                case said: choices[at].choice.add("message", member.value)
                case "text", "logprobs": choices[at].choice.add(member.key, member.value)
                default: if member.value != .null { choices[at].choice.set(member.key, member.value) }
                }
            }
        }
    }

    /// Each as a whole answer has it; nil: there is none, or one that did not say why it ended.
    func whole(numbered: Bool, _ finished: (GrowingObject) -> [JSON.Member]) -> JSON? {
        guard !choices.isEmpty, choices.allSatisfy({ $0.choice["finish_reason"] != nil }) else { return nil }
        return .array(
            choices.sorted { $0.index < $1.index }.map { item in
                .object(finished(item.choice).filter { numbered || $0.key != "index" })
            })
    }
}

/// A chat's answer, or a completion's.
private struct GatheredChoices: Sendable {
    private var top = GrowingObject()
    private var choices = Choices(said: "delta")
    private let isChat: Bool

    init(isChat: Bool) { self.isChat = isChat }

    mutating func take(_ chunk: JSON) {
        for member in chunk.members ?? [] {
            switch member.key {
            case "choices": choices.take(member.value.array ?? [])
            // Of the chunk alone.
            case "object", "obfuscation": break
            // Azure's first event has neither id nor model.
            default:
                if member.value == .null || member.value == .string("") { break }
                top.set(member.key, member.value)
            }
        }
    }

    var whole: JSON? {
        let isChat = isChat
        let said = choices.whole(numbered: true) { choice in
            guard isChat else { return choice.members }
            var members = choice.members.filter { $0.key != "message" }
            var message = GrowingObject([JSON.Member("role", .text("assistant"))])
            message.add(choice["message"]?.members ?? [])
            if message["content"] == nil { message.set("content", .null) }
            members.insert(JSON.Member("message", message.json), at: 1)
            return members
        }
        guard let said else { return nil }
        var answer = GrowingObject()
        for key in ["id"] { if let value = top[key] { answer.set(key, value) } }
        answer.set("object", .text(isChat ? "chat.completion" : "text_completion"))
        for member in top.members where member.key != "usage" { answer.set(member.key, member.value) }
        answer.set("choices", said)
        if let usage = top["usage"] { answer.set("usage", usage) }
        return answer.json
    }
}

/// An answer in DashScope's own dialect, asked for in pieces.
private struct GatheredGeneration: Sendable {
    private var top = GrowingObject()
    private var output = GrowingObject()
    private var choices = Choices(said: "message")
    private var hasChoices = false

    mutating func take(_ event: JSON) {
        for member in event.members ?? [] {
            guard member.key == "output" else {
                if member.value != .null { top.set(member.key, member.value) }
                continue
            }
            for part in member.value.members ?? [] {
                switch part.key {
                case "choices":
                    hasChoices = true
                    choices.take(part.value.array ?? [])
                case "text": output.add("text", part.value)
                default: if part.value != .null, part.value != .string("null") { output.set(part.key, part.value) }
                }
            }
        }
    }

    var whole: JSON? {
        var output = output
        if hasChoices {
            guard let said = choices.whole(numbered: false, \.members) else { return nil }
            output.set("choices", said)
        } else if output["finish_reason"] == nil {
            return nil
        }
        var answer = GrowingObject([JSON.Member("output", output.json)])
        answer.add(top.members)
        return answer.json
    }
}

/// A message of Anthropic's.
private struct GatheredMessage: Sendable {
    private struct Block {
        var block: GrowingObject
        /// The pieces of a tool's input.
        var input: String?
    }

    private var message: GrowingObject?
    private var usage = GrowingObject()
    private var blocks: [Int64: Block] = [:]
    /// It has said something that a block cannot be made of.
    private var isUnknown = false

    mutating func take(_ event: JSON, named name: String) {
        let place = event["index"]?.integer ?? 0
        switch event["type"]?.string ?? name {
        case "message_start":
            message = GrowingObject((event["message"]?.members ?? []).filter { $0.key != "content" && $0.key != "usage" })
            tell(event["message"]?["usage"])
        case "content_block_start":
            let block = event["content_block"]?.members ?? []
            blocks[place] = Block(
                block: GrowingObject(block.filter { $0.key != "input" }), input: event["content_block"]?["input"].map { _ in "" })
        case "content_block_delta": add(event["delta"] ?? .null, at: place)
        case "message_delta":
            for member in event["delta"]?.members ?? [] { message?.set(member.key, member.value) }
            tell(event["usage"])
            for member in event.members ?? [] where !["type", "delta", "usage"].contains(member.key) {
                message?.set(member.key, member.value)
            }
        default: break
        }
    }

    /// What is told later stands for what was told earlier.
    private mutating func tell(_ told: JSON?) {
        for member in told?.members ?? [] { usage.set(member.key, member.value) }
    }

    private mutating func add(_ delta: JSON, at place: Int64) {
        guard blocks[place] != nil else { return isUnknown = true }
        switch delta["type"]?.string {
        case "text_delta": blocks[place]?.block.add("text", delta["text"] ?? .null)
        case "thinking_delta": blocks[place]?.block.add("thinking", delta["thinking"] ?? .null)
        case "signature_delta": blocks[place]?.block.set("signature", delta["signature"] ?? .text(""))
        case "input_json_delta": blocks[place]?.input? += delta["partial_json"]?.string ?? ""
        case "citations_delta": blocks[place]?.block.add("citations", .array([delta["citation"] ?? .null]))
        default: isUnknown = true
        }
    }

    var whole: JSON? {
        guard var message, !isUnknown, message["stop_reason"].map({ $0 != .null }) == true else { return nil }
        let content = blocks.sorted { $0.key < $1.key }.map { _, block in
            var whole = block.block
            if let input = block.input {
                // A call that was cut short is no JSON; the caller sees the text of it.
                let value = input.isEmpty ? JSON.object([]) : JSON(within: input)
                whole.set("input", value ?? .object([JSON.Member("arguments", .string(input))]))
            }
            return whole.json
        }
        message.set("content", .array(content))
        if !usage.keys.isEmpty { message.set("usage", usage.json) }
        return message.json
    }
}
