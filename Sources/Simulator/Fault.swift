/// A way in which an endpoint misbehaves. The text form is the same in files, headers, model names and the admin API.
public enum Fault: Sendable, Equatable {
    /// The listener is closed while this is in force: connection refused.
    case down
    /// The connection is reset: on accept when set for the endpoint, else when the request is read.
    case refuse
    /// An error answer of the provider; the code picks one of several.
    case status(Int, code: String?)
    /// 429 with `retry-after-ms` and `retry-after`.
    case rateLimit(milliseconds: Int)
    /// Nothing is sent for so long; nil: for good.
    case stallHead(milliseconds: Int?)
    case stallStream(event: Int, milliseconds: Int?)
    /// The connection ends after so many whole events.
    case cutStream(event: Int)
    /// The connection ends in the middle of this event.
    case cutInside(event: Int)
    /// The connection is reset after so many whole events.
    case resetStream(event: Int)
    /// The HTTP body ends properly, the stream does not.
    case endEarly(event: Int)
    case malformedEvent(event: Int)
    /// An error in a stream whose status was 200.
    case errorEvent(event: Int)
    case badChunk(event: Int)
    /// The stream never ends.
    case endless
    /// One byte a write.
    case drip(milliseconds: Int)
    case garbage
    /// `content-length` says less than is sent.
    case lengthShort
    /// `content-length` says more than is sent; then the connection ends.
    case lengthLong
    /// A right head, half of the body, then the connection ends.
    case closeEarly
    case hugeHead(bytes: Int)
    /// The request is read whole, then the connection ends without an answer.
    case noAnswer
    /// Two `content-length` fields and a second answer behind the shorter one.
    case smuggleLengths
    /// `content-length` beside `transfer-encoding`.
    case smuggleEncoding
    /// A whole second answer that nobody asked for.
    case smuggleExtra
    /// No framing at all: the body ends with the connection.
    case noFraming
    case noUsage
    /// Usage with impossible numbers.
    case absurdUsage
    /// Interim answers before the real one.
    case informational
    /// A proper answer that says it comes from elsewhere: another region in `x-ms-region`.
    case region(String)
    /// Azure's content filter blocks the prompt, which is billed.
    case filterPrompt
    /// It blocks the answer: a whole one altogether, a streamed one after some tokens.
    case filterOutput
    /// It checks a streamed text after it was sent: with notes on the way, and a late block.
    case filterLate
}

extension Fault {
    /// Reads `name` or `name:number` or `name:number:more`; nil when it is none.
    public init?(_ text: some StringProtocol) {
        if let region = Fault.region(in: String(text)) {
            self = .region(region)
            return
        }
        let parts = String(text).split(separator: Character(":"), omittingEmptySubsequences: false).map { String($0) }
        let first = parts.count > 1 ? Int(parts[1]) : nil
        let second = parts.count > 2 ? Int(parts[2]) : nil
        if parts.count > 1, first == nil { return nil }
        if parts.count > 2, second == nil, parts[0] != "status" { return nil }
        if parts.count > 3 || (first ?? 0) < 0 || (second ?? 0) < 0 { return nil }
        var most = 2
        switch parts[0] {
        case "status":
            guard let first, (100...999).contains(first) else { return nil }
            self = .status(first, code: parts.count > 2 ? parts[2] : nil)
            most = 3
        case "stall-stream":
            self = .stallStream(event: first ?? 1, milliseconds: second)
            most = 3
        case "rate-limit": self = .rateLimit(milliseconds: first ?? 1_000)
        case "stall-head": self = .stallHead(milliseconds: first)
        case "cut-stream": self = .cutStream(event: first ?? 1)
        case "cut-inside": self = .cutInside(event: first ?? 1)
        case "reset-stream": self = .resetStream(event: first ?? 1)
        case "end-early": self = .endEarly(event: first ?? 1)
        case "malformed-event": self = .malformedEvent(event: first ?? 1)
        case "error-event": self = .errorEvent(event: first ?? 0)
        case "bad-chunk": self = .badChunk(event: first ?? 1)
        case "drip": self = .drip(milliseconds: first ?? 1)
        case "huge-head": self = .hugeHead(bytes: first ?? 1_048_576)
        default:
            guard let plain = Fault.plain[parts[0]] else { return nil }
            self = plain
            most = 1
        }
        if parts.count > most { return nil }
    }

    /// `region:East US 2`: a value that a header can carry; alone, another one than an endpoint reports unless told.
    private static func region(in text: String) -> String? {
        if text == "region" { return "East US 2" }
        guard text.hasPrefix("region:") else { return nil }
        let region = text.dropFirst("region:".count)
        return !region.isEmpty && region.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } ? String(region) : nil
    }

    private static let plain: [String: Fault] = [
        "down": .down, "refuse": .refuse, "endless": .endless, "garbage": .garbage, "length-short": .lengthShort,
        "length-long": .lengthLong, "close-early": .closeEarly, "no-answer": .noAnswer,
        "smuggle-lengths": .smuggleLengths, "smuggle-encoding": .smuggleEncoding, "smuggle-extra": .smuggleExtra,
        "no-framing": .noFraming, "no-usage": .noUsage, "absurd-usage": .absurdUsage, "informational": .informational,
        "filter-prompt": .filterPrompt, "filter-output": .filterOutput, "filter-late": .filterLate,
    ]

    /// Every name that `init` reads.
    static var names: [String] {
        plain.keys.sorted() + [
            "status", "stall-stream", "rate-limit", "stall-head", "cut-stream", "cut-inside", "reset-stream", "end-early",
            "malformed-event", "error-event", "bad-chunk", "drip", "huge-head", "region",
        ]
    }

    /// The text form, as it is recorded.
    public var text: String {
        switch self {
        case .status(let status, let code): "status:\(status)" + (code.map { ":\($0)" } ?? "")
        case .rateLimit(let milliseconds): "rate-limit:\(milliseconds)"
        case .stallHead(let milliseconds): "stall-head" + (milliseconds.map { ":\($0)" } ?? "")
        case .stallStream(let event, let milliseconds): "stall-stream:\(event)" + (milliseconds.map { ":\($0)" } ?? "")
        case .cutStream(let event): "cut-stream:\(event)"
        case .cutInside(let event): "cut-inside:\(event)"
        case .resetStream(let event): "reset-stream:\(event)"
        case .endEarly(let event): "end-early:\(event)"
        case .malformedEvent(let event): "malformed-event:\(event)"
        case .errorEvent(let event): "error-event:\(event)"
        case .badChunk(let event): "bad-chunk:\(event)"
        case .drip(let milliseconds): "drip:\(milliseconds)"
        case .hugeHead(let bytes): "huge-head:\(bytes)"
        case .region(let region): "region:\(region)"
        default: Fault.plain.first { $0.value == self }?.key ?? ""
        }
    }
}

/// When a scenario plays a fault. Without a condition it is played always.
public struct FaultRule: Sendable, Equatable {
    public var fault: Fault
    /// Played with this probability, drawn from the seed and the request's number.
    public var share: Double?
    /// The endpoint's requests, counted from 1, that get it.
    public var requests: [Int]?
    /// Every so many requests.
    public var every: Int?
    /// From this request of the endpoint on.
    public var from: Int?
    public var model: String?

    public init(_ fault: Fault) { self.fault = fault }

    /// Whether the endpoint's request `number` for `model` gets the fault.
    func plays(number: Int, model: String?, draw: Double) -> Bool {
        if let only = self.model, only != model { return false }
        if let requests, !requests.contains(number) { return false }
        if let every, !number.isMultiple(of: every) { return false }
        if let from, number < from { return false }
        if let share, draw >= share { return false }
        return true
    }
}
