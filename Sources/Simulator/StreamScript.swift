import NIOCore

/// The events of one stream, made one at a time when they are due.
struct StreamScript: Sendable {
    private var segments: [Segment] = []
    private var segment = 0
    private var place = 0
    /// Tokens that the events so far have said.
    private(set) var produced = 0
    /// Events so far.
    private(set) var sent = 0
    private let inputTokens: Int

    /// Marks in a template that each event fills: the token's text; the event's number; output and all tokens so far.
    static let token = "\u{1}"
    static let number = "\u{2}"
    static let output = "\u{3}"
    static let total = "\u{4}"

    init(inputTokens: Int) { self.inputTokens = inputTokens }

    /// An event that says no token.
    mutating func add(_ template: String) {
        segments.append(Segment(templates: [StreamScript.pieces(template)], speech: nil, count: 1))
    }

    /// A recorded event.
    mutating func add(recorded bytes: [UInt8]) {
        segments.append(Segment(templates: [[.bytes(bytes)]], speech: nil, count: 1, paced: true))
    }

    /// An event for each of the first `count` tokens of `speech`, its templates taken in turn.
    mutating func add(_ templates: [String], saying speech: Speech, count: Int) {
        guard count > 0 else { return }
        segments.append(Segment(templates: templates.map(StreamScript.pieces), speech: speech, count: count))
    }

    var isAtEnd: Bool { segment == segments.count }

    /// Whether the next event waits for its turn in the pace.
    var isNextPaced: Bool { !isAtEnd && (segments[segment].speech != nil || segments[segment].paced) }

    /// Writes the next event; false at the end.
    mutating func next(into buffer: inout ByteBuffer) -> Bool {
        guard segment < segments.count else { return false }
        if segments[segment].speech != nil { produced += 1 }
        let now = segments[segment]
        for piece in now.templates[place % now.templates.count] {
            switch piece {
            case .bytes(let bytes): buffer.writeBytes(bytes)
            case .token:
                guard let speech = now.speech else { continue }
                let text = speech.token(place)
                if case .listed = speech {
                    buffer.writeString(String(quoted(text).dropFirst().dropLast()))
                } else {
                    buffer.writeString(text)
                }
            case .number: buffer.writeString(String(sent))
            case .output: buffer.writeString(String(produced))
            case .total: buffer.writeString(String(produced + inputTokens))
            }
        }
        sent += 1
        place += 1
        if place == now.count {
            segment += 1
            place = 0
        }
        return true
    }

    /// Starts the last said segment anew, so that the stream never ends.
    mutating func rewind() {
        guard let last = segments.lastIndex(where: { $0.speech != nil }), segment > last else { return }
        segment = last
        place = 0
    }

    private struct Segment: Sendable {
        var templates: [[Piece]]
        var speech: Speech?
        var count: Int
        var paced = false
    }

    private enum Piece: Sendable {
        case bytes([UInt8])
        case token, number, output, total
    }

    private static func pieces(_ template: String) -> [Piece] {
        var pieces: [Piece] = []
        var run: [UInt8] = []
        for byte in template.utf8 {
            let mark: Piece? =
                switch byte {
                case 1: .token
                case 2: .number
                case 3: .output
                case 4: .total
                default: nil
                }
            guard let mark else {
                run.append(byte)
                continue
            }
            if !run.isEmpty { pieces.append(.bytes(run)) }
            run.removeAll()
            pieces.append(mark)
        }
        if !run.isEmpty { pieces.append(.bytes(run)) }
        return pieces
    }
}
