import Core
import NIOCore
import Wire

/// A change that Weir makes to a request, by the name under which it is listed in the answer's header and in the journal.
public enum Rewrite: String, Sendable, CaseIterable {
    /// The public model name becomes the provider's.
    case model
    /// Another model answers, as the caller's key has it for when no endpoint of the one that was asked for can.
    case fallback = "model_fallback"
    /// The whole call is said in the endpoint's dialect, and its answer in the caller's.
    case dialect
    /// A whole answer is asked for as a stream and put together again, where the model gives it in no other form.
    case stream
    /// What is asked about thinking is said with the member that the endpoint reads.
    case thinking
    /// The output limit has the name that the endpoint reads.
    case limitName = "output_limit_name"
    /// A stream is asked to report its usage; the event that carries it is taken out again.
    case usage = "stream_options.include_usage"
    /// The output is limited to what the accounts or the model allow.
    case outputLimit = "output_limit"
    /// Responses, and chats that ask for it, are not kept at the provider.
    case store
    /// The caller's id of stored state becomes the provider's.
    case previousResponse = "previous_response_id"
    case conversation
    /// Ids of stored state in the answer become signed ones, which only their tenant can use.
    case responseID = "response_id"
}

/// The id of stored state in a request, in the provider's words.
public struct StateSplice: Sendable, Hashable {
    public var splice: Splice
    /// `previousResponse` or `conversation`.
    public var rewrite: Rewrite

    public init(splice: Splice, rewrite: Rewrite) {
        self.splice = splice
        self.rewrite = rewrite
    }
}

/// The edits that one call needs at one endpoint.
public struct RewritePlan: Sendable {
    /// In the order of their ranges.
    public var splices: [Splice]
    public var rewrites: [Rewrite]
    /// Only Weir asked for the usage event.
    public var hidesUsage: Bool
    /// Only Weir asked for a stream.
    public var gathers = false

    public init(splices: [Splice] = [], rewrites: [Rewrite] = [], hidesUsage: Bool = false) {
        self.splices = splices
        self.rewrites = rewrites
        self.hidesUsage = hidesUsage
    }
}

/// Works out the edits. `outputLimit`: what each choice may have at most, when the request must say so.
public func rewritePlan(
    _ scan: RequestScan, body: ByteBuffer, dialect: Dialect, endpoint: Endpoint, served: ServedModel, outputLimit: Int64?,
    state: StateSplice? = nil
) -> RewritePlan {
    // The request for a conversation names no model and says nothing that is changed; its answer is all that is.
    if dialect == .conversations { return RewritePlan(rewrites: [.responseID]) }
    var plan = RewritePlan()
    // New members go first in the object, each with its comma; an empty object needs none after the last.
    var inserted: [String] = []
    // The same among DashScope's parameters.
    var parameters: [String] = []

    if let range = scan.model {
        if !body.holds(served.upstreamName, at: range) {
            plan.splices.append(Splice(range: range, replacement: served.upstreamName))
            plan.rewrites.append(.model)
        }
    } else {
        inserted.append("\"model\":\"\(served.upstreamName)\"")
        plan.rewrites.append(.model)
    }

    plan.gathers = endpoint.streamsWhole(scan, dialect: dialect, model: served)
    if plan.gathers {
        plan.rewrites.append(.stream)
        if dialect.isGeneration {
            if let field = scan.incrementalOutput {
                plan.splices.append(Splice(range: field.range, replacement: "true"))
            } else {
                parameters.append("\"incremental_output\":true")
            }
        } else if let member = scan.streamMember {
            plan.splices.append(Splice(range: member, replacement: "\"stream\":true"))
        } else {
            inserted.append("\"stream\":true")
        }
    }

    let takesOptions = dialect == .chat || dialect == .completions
    if (scan.stream || plan.gathers) && takesOptions && scan.streamOptions?.includeUsage?.value != true {
        plan.hidesUsage = !plan.gathers
        // Of a whole answer the usage is a part.
        if !plan.gathers { plan.rewrites.append(.usage) }
        if let options = scan.streamOptions {
            if let field = options.includeUsage {
                plan.splices.append(Splice(range: field.range, replacement: "true"))
            } else if options.isNull || options.isEmpty {
                plan.splices.append(Splice(range: options.range, replacement: "{\"include_usage\":true}"))
            } else {
                let start = options.range.lowerBound + 1
                plan.splices.append(Splice(range: start..<start, replacement: "\"include_usage\":true,"))
            }
        } else {
            inserted.append("\"stream_options\":{\"include_usage\":true}")
        }
    }

    let rename = limitRename(scan, dialect: dialect, endpoint: endpoint, served: served)
    if let rename {
        plan.splices.append(rename)
        plan.rewrites.append(.limitName)
    }
    if let outputLimit, let name = endpoint.outputLimitName(for: dialect, model: served) {
        var isLimited = rename != nil
        var changed = false
        for (name, field) in [
            ("max_tokens", scan.maxTokens), ("max_completion_tokens", scan.maxCompletionTokens),
            ("max_output_tokens", scan.maxOutputTokens), ("n_predict", scan.nPredict),
        ] {
            guard let field, let value = field.value else { continue }
            // A limit that the endpoint does not read limits nothing.
            if endpoint.reads(limit: name, for: dialect, model: served) { isLimited = true }
            if value > outputLimit {
                plan.splices.append(Splice(range: field.range, replacement: String(outputLimit)))
                changed = true
            }
        }
        if !isLimited {
            changed = true
            if let null = scan.nullLimit(named: name) {
                plan.splices.append(Splice(range: null.range, replacement: String(outputLimit)))
            } else if dialect.isGeneration {
                parameters.append("\"\(name)\":\(outputLimit)")
            } else {
                inserted.append("\"\(name)\":\(outputLimit)")
            }
        }
        if changed { plan.rewrites.append(.outputLimit) }
    }

    if dialect == .chat, !scan.thinking.isEmpty {
        let splices = thinkingSplices(scan, body: body, endpoint: endpoint, served: served)
        plan.splices += splices
        if !splices.isEmpty { plan.rewrites.append(.thinking) }
    }

    let isStored = dialect == .responses && scan.store?.value != false
    if isStored, served.state == nil {
        plan.rewrites.append(.store)
        if let field = scan.store {
            plan.splices.append(Splice(range: field.range, replacement: "false"))
        } else {
            inserted.append("\"store\":false")
        }
    }
    // A chat is kept when it says so, for a month at OpenAI, and can be read by whoever has our credential.
    if dialect == .chat, let field = scan.store, field.value == true, served.state == nil {
        plan.splices.append(Splice(range: field.range, replacement: "false"))
        plan.rewrites.append(.store)
    }
    if let state {
        plan.splices.append(state.splice)
        plan.rewrites.append(state.rewrite)
    }
    if state != nil || (isStored && served.state != nil) { plan.rewrites.append(.responseID) }

    if !parameters.isEmpty {
        let members = parameters.joined(separator: ",")
        if let range = scan.parameters {
            let start = range.lowerBound + 1
            plan.splices.append(Splice(range: start..<start, replacement: members + (scan.hasNoParameters ? "" : ",")))
        } else if let null = scan.nullParameters {
            plan.splices.append(Splice(range: null, replacement: "{\(members)}"))
        } else {
            inserted.append("\"parameters\":{\(members)}")
        }
    }
    if !inserted.isEmpty {
        let start = scan.object.lowerBound + 1
        let members = inserted.joined(separator: ",") + (scan.isEmpty ? "" : ",")
        plan.splices.append(Splice(range: start..<start, replacement: members))
    }
    // What is inserted stands before what is replaced at the same place.
    if plan.splices.count > 1 {
        plan.splices.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    }
    return plan
}

extension RequestScan {
    /// A limit that is there but null, under the name that the endpoint takes.
    fileprivate func nullLimit(named name: String) -> IntegerField? {
        let field =
            switch name {
            case "max_tokens": maxTokens
            case "max_completion_tokens": maxCompletionTokens
            default: maxOutputTokens
            }
        return field?.value == nil ? field : nil
    }
}

extension ByteBuffer {
    fileprivate func holds(_ text: String, at range: Range<Int>) -> Bool {
        text.utf8.count == range.count
            && withUnsafeReadableBytes { UnsafeRawBufferPointer(rebasing: $0[range]).elementsEqual(text.utf8) }
    }
}
