import Core
import NIOCore
import Wire

// What one model is asked in its own way: by its configuration, else by what its provider's file knows of its name.

extension ServedModel {
    /// In which form it answers at a provider.
    func answers(at provider: ProviderKind) -> AnswerForm { quirks.answers ?? provider.wire.answers(model: upstreamName) }
}

extension Endpoint {
    /// With which member a chat with a model turns thinking on and off here.
    public func reasoningSwitch(_ served: ServedModel) -> ReasoningSwitch {
        served.quirks.thinking ?? provider.wire.reasoningSwitch
    }

    /// The members of thinking that a model reads here; nil: nobody knows of others, so that all go on as they came.
    func thinkingNames(_ served: ServedModel) -> Set<ThinkingMember.Name>? {
        switch served.quirks.thinking {
        case nil: provider.wire.thinkingNames
        case .effort: [.effort]
        case .enableThinking: [.enable, .budget]
        case .thinkingType: [.type]
        case .chatTemplate, .qwenTemplate: [.template]
        }
    }

    /// The member that limits the output of a call with a model here, when it names none.
    public func outputLimitName(for dialect: Dialect, model served: ServedModel) -> String? {
        if dialect == .chat, let own = served.quirks.chatLimit { return own.rawValue }
        return outputLimitName(for: dialect)
    }

    /// Whether a model takes its limit from this member.
    func reads(limit name: String, for dialect: Dialect, model served: ServedModel) -> Bool {
        guard dialect == .chat else { return reads(limit: name, for: dialect) }
        if let own = served.quirks.chatLimit { return own.rawValue == name }
        if name == "max_tokens", provider.wire.refusesMaxTokens(model: served.upstreamName) { return false }
        return reads(limit: name, for: dialect)
    }

    /// Whether a call that wants a whole answer is asked for a stream here, because the model gives this answer in no other form.
    func streamsWhole(_ scan: RequestScan, dialect: Dialect, model served: ServedModel) -> Bool {
        guard dialect.generates, !scan.stream else { return false }
        switch served.answers(at: provider) {
        case .any: return false
        case .streamed: return true
        case .streamedIfThinking: return scan.thinks(read: thinkingNames(served)) == true
        case .streamedUnlessOff: return scan.thinks(read: thinkingNames(served)) != false
        }
    }

    /// What a request says that would be ignored or refused here for reasons of the endpoint's own, so that another one is better; nil: nothing.
    public func disregards(_ scan: RequestScan, dialect: Dialect, model served: ServedModel) -> Unbounded? {
        guard dialect.generates else { return nil }
        if provider.wire.refusesToolsWithThinking(model: served.upstreamName), scan.tools > 0,
            scan.thinks(read: thinkingNames(served)) == true
        {
            return Unbounded(field: "tools", reason: "the model takes no tools while it thinks")
        }
        guard let field = provider.wire.disregarded(scan, dialect: dialect) else { return nil }
        return Unbounded(field: field, reason: "the endpoint would disregard it")
    }
}

extension RequestScan {
    /// Whether the call asks for thinking: by what the endpoint reads, else by what others read.
    func thinks(read own: Set<ThinkingMember.Name>?) -> Bool? {
        let stated = thinking.filter { $0.isOn != nil }
        return (stated.first { own?.contains($0.name) ?? true } ?? stated.first)?.isOn
    }
}

/// Says what a chat asks about thinking in the words that its endpoint reads: the first of its members becomes those words, the others go.
func thinkingSplices(_ scan: RequestScan, body: ByteBuffer, endpoint: Endpoint, served: ServedModel) -> [Splice] {
    guard let own = endpoint.thinkingNames(served) else { return [] }
    let foreign = scan.thinking.filter { !own.contains($0.name) && $0.says }
    guard !foreign.isEmpty else { return [] }
    let read = scan.thinking.filter { own.contains($0.name) && !$0.isNull }
    let nulls = scan.thinking.filter { own.contains($0.name) && $0.isNull }
    // What the endpoint reads is the caller's word; where there is none, the foreign one is said in its words.
    let words =
        read.isEmpty
        ? foreign.words(as: endpoint.reasoningSwitch(served)) : read.map { body.text(at: $0.range) }.joined(separator: ",")
    let moved = (foreign + read + nulls).sorted { $0.range.lowerBound < $1.range.lowerBound }
    return moved.enumerated().map { index, member in
        if index == 0 { return Splice(range: member.range, replacement: words) }
        return Splice(range: body.comma(before: member.range.lowerBound)..<member.range.upperBound, replacement: [])
    }
}

extension ThinkingMember {
    /// It says something that other words can say.
    fileprivate var says: Bool { !isUnclear && (isOn != nil || budget != nil) }
}

extension [ThinkingMember] {
    /// The same in the words of one switch.
    fileprivate func words(as kind: ReasoningSwitch) -> String {
        let budget = lazy.compactMap(\.budget).first
        let isOn = lazy.compactMap(\.isOn).first ?? true
        switch kind {
        case .effort:
            let effort = lazy.compactMap(\.effort).first ?? budget.map(ReasoningSwitch.effort(ofBudget:)) ?? "medium"
            return "\"reasoning_effort\":\"\(isOn ? effort : "none")\""
        case .enableThinking:
            let most = isOn ? budget.map { ",\"thinking_budget\":\($0)" } ?? "" : ""
            return "\"enable_thinking\":\(isOn)\(most)"
        case .thinkingType: return "\"thinking\":{\"type\":\"\(isOn ? "enabled" : "disabled")\"}"
        case .chatTemplate: return "\"chat_template_kwargs\":{\"thinking\":\(isOn)}"
        case .qwenTemplate: return "\"chat_template_kwargs\":{\"enable_thinking\":\(isOn)}"
        }
    }
}

extension ByteBuffer {
    fileprivate func text(at range: Range<Int>) -> String {
        getString(at: readerIndex + range.lowerBound, length: range.count) ?? ""
    }

    /// Where the comma lies that stands before a member which is not the first.
    fileprivate func comma(before start: Int) -> Int {
        let bytes = readableBytesView
        var at = start - 1
        while at > 0, bytes[bytes.startIndex + at] != UInt8(ascii: ",") { at -= 1 }
        return at
    }
}

/// Gives a limit the name that its endpoint reads, where it reads no other and the call has it under one name only.
func limitRename(_ scan: RequestScan, dialect: Dialect, endpoint: Endpoint, served: ServedModel) -> Splice? {
    guard dialect == .chat, let wanted = endpoint.outputLimitName(for: dialect, model: served) else { return nil }
    let (older, newer) = (scan.maxTokens, scan.maxCompletionTokens)
    guard (older == nil) != (newer == nil), let field = older ?? newer, field.value != nil, let name = field.name else {
        return nil
    }
    let stated = older == nil ? "max_completion_tokens" : "max_tokens"
    let isApart = endpoint.provider.wire.tellsChatLimitsApart && served.quirks.chatLimit == nil
    guard stated != wanted, !isApart, !endpoint.reads(limit: stated, for: dialect, model: served) else { return nil }
    return Splice(range: name, replacement: wanted)
}
