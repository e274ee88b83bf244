import Core

/// One of the members with which a chat turns a model's thinking on or off, or says how much of it there may be. Each provider reads its own.
public struct ThinkingMember: Sendable, Hashable {
    public enum Name: String, Sendable, CaseIterable {
        case effort = "reasoning_effort"
        case enable = "enable_thinking"
        case budget = "thinking_budget"
        case type = "thinking"
        case template = "chat_template_kwargs"
    }

    public var name: Name
    /// From the key's quote to the end of the value.
    public var range: Range<Int>
    /// nil: it does not say, as a budget or `auto`.
    public var isOn: Bool?
    /// low, medium, high…
    public var effort: String?
    /// In tokens.
    public var budget: Int64?
    public var isNull = false
    /// It says more than this, or something else, so that other words cannot stand for it.
    public var isUnclear = false
}

// What OpenAI's dialects say that endpoints read in different ways, or not at all.
extension RequestScanner {
    mutating func openAIMember(_ key: JSONString) throws(ScanError) {
        switch key.end - key.start {
        case 7 where cursor.matches(key, "caching"): try caching(key)
        case 8 where cursor.matches(key, "thinking"): try thinking(.type, key)
        case 10 where cursor.matches(key, "logit_bias"):
            let start = cursor.at
            if try present(), cursor.at - start > 2 { found.hasLogitBias = true }
        case 11 where cursor.matches(key, "tool_choice"):
            let start = cursor.at
            let isAuto = try isWord("auto")
            if !isAuto { found.toolChoice = start..<cursor.at }
        case 15 where cursor.matches(key, "enable_thinking"): try thinking(.enable, key)
        case 15 where cursor.matches(key, "thinking_budget"): try thinking(.budget, key)
        case 16 where cursor.matches(key, "reasoning_effort"): try thinking(.effort, key)
        case 20 where cursor.matches(key, "chat_template_kwargs"): try thinking(.template, key)
        default: try cursor.skip()
        }
    }

    /// Passes any value; whether it is this word, or null.
    private mutating func isWord(_ word: StaticString) throws(ScanError) -> Bool {
        guard cursor.peek == UInt8(ascii: "\"") else { return try !present() }
        return cursor.matches(try cursor.string(), word)
    }

    /// `{"type":"enabled"}`; anything else that is no plain `disabled` counts as well.
    private mutating func caching(_ key: JSONString) throws(ScanError) {
        guard cursor.peek == UInt8(ascii: "{") else {
            if try present() { found.caching = key.range }
            return
        }
        var isOn = false
        try cursor.enter()
        var first = true
        while let inner = try cursor.nextKey(&first) {
            if inner.escaped { throw ScanError(.escapedKey, at: inner.start) }
            if cursor.matches(inner, "type") { isOn = try !isWord("disabled") || isOn } else { try cursor.skip() }
        }
        if isOn { found.caching = key.range }
    }

    /// Passes the value of a member that is about thinking.
    mutating func thinking(_ name: ThinkingMember.Name, _ key: JSONString) throws(ScanError) {
        var member = ThinkingMember(name: name, range: 0..<0)
        switch (name, cursor.peek) {
        case (_, UInt8(ascii: "n")):
            try cursor.literal("null")
            member.isNull = true
        case (.effort, UInt8(ascii: "\"")):
            let word = try cursor.string()
            if word.escaped { member.isUnclear = true } else { member.effort = text(word) }
            member.isOn = !cursor.matches(word, "none")
        case (.enable, UInt8(ascii: "t")), (.enable, UInt8(ascii: "f")): member.isOn = try bool("enable_thinking").value
        case (.budget, UInt8(ascii: "0")...UInt8(ascii: "9")): member.budget = try budget()
        case (.type, UInt8(ascii: "{")), (.template, UInt8(ascii: "{")): try settings(&member)
        default:
            try cursor.skip()
            member.isUnclear = true
        }
        member.range = key.start - 1..<cursor.at
        found.thinking.append(member)
    }

    /// The object of `thinking` or `chat_template_kwargs`.
    private mutating func settings(_ member: inout ThinkingMember) throws(ScanError) {
        var seen = SeenFields()
        try cursor.enter()
        var first = true
        while let key = try cursor.nextKey(&first) {
            if key.escaped { throw ScanError(.escapedKey, at: key.start) }
            switch (member.name, cursor.peek) {
            case (.type, UInt8(ascii: "\"")) where cursor.matches(key, "type"):
                try seen.mark(0, key)
                let word = try cursor.string()
                if cursor.matches(word, "enabled") {
                    member.isOn = true
                } else if cursor.matches(word, "disabled") {
                    member.isOn = false
                } else {
                    member.isUnclear = true
                }
            case (.type, UInt8(ascii: "0")...UInt8(ascii: "9")) where cursor.matches(key, "budget_tokens"):
                try seen.mark(1, key)
                member.budget = try budget()
            case (.template, UInt8(ascii: "t")), (.template, UInt8(ascii: "f")):
                let isSwitch = cursor.matches(key, "thinking") || cursor.matches(key, "enable_thinking")
                let value = try bool("chat_template_kwargs").value
                if isSwitch, member.isOn == nil || member.isOn == value { member.isOn = value } else { member.isUnclear = true }
            default:
                try cursor.skip()
                member.isUnclear = true
            }
        }
    }

    /// nil: it is no whole number, or one that no model can think.
    private mutating func budget() throws(ScanError) -> Int64? {
        let number = try cursor.number()
        guard number.whole, let value = cursor.integer(number.range), value <= tokensMax else { return nil }
        return value
    }

    private func text(_ string: JSONString) -> String {
        String(decoding: UnsafeBufferPointer(start: cursor.base + string.start, count: string.end - string.start), as: UTF8.self)
    }
}
