import Synchronization

/// One request as the simulator saw it. It holds no content, so that it can be kept and compared with a ledger.
public struct ReceivedRequest: Sendable, Equatable {
    /// Counted from 1 over all endpoints.
    public var number: Int
    /// Nanoseconds since 1970.
    public var at: Int64
    public var endpoint: String
    public var method = "POST"
    public var path: String
    /// As asked for, without a fault's suffix.
    public var model: String?
    /// The deployment that answered in its place, and is billed.
    public var spilledTo: String?
    /// `x-request-id` and `x-weir-attempt` of the request.
    public var requestID: String?
    public var attempt: String?
    public var stream = false
    public var credentialAccepted = false
    /// Bytes of the body.
    public var inputBytes = 0
    /// The id of the kept response or conversation that it named.
    public var state: String?
    public var fault: String?
    public var status: Int?
    /// Tokens that were written to the client.
    public var outputTokensPlayed = 0
    /// What a provider would put on its invoice; cached is part of input, reasoning of output.
    public var billedInput = 0
    public var billedCached = 0
    public var billedOutput = 0
    public var billedReasoning = 0
    public var outcome = Outcome.open

    public enum Outcome: String, Sendable {
        /// Still being answered.
        case open
        case completed
        /// The client closed before the end.
        case clientLeft = "client-left"
        /// A fault ended it.
        case fault
    }
}

/// The simulator's memory of what it was asked, and a file of it that survives a crash of whoever asked.
final class Recorder: Sendable {
    /// Older requests leave the memory, never the file.
    static let requestsKept = 200_000

    private struct State {
        var requests: [ReceivedRequest] = []
        /// The number of the first of `requests`.
        var first = 1
        var next = 1
        var file: LineFile?
    }

    private let state: Mutex<State>

    init(file: LineFile?) { state = Mutex(State(file: file)) }

    var all: [ReceivedRequest] { state.withLock { $0.requests } }

    /// Notes a request; it is in the file when this returns. Returns its number.
    func receive(_ request: ReceivedRequest) -> Int {
        state.withLock { state in
            var request = request
            request.number = state.next
            state.next += 1
            state.requests.append(request)
            if state.requests.count > 2 * Recorder.requestsKept {
                state.requests.removeFirst(Recorder.requestsKept)
                state.first += Recorder.requestsKept
            }
            state.file?.append(request.json(event: "received"))
            return request.number
        }
    }

    /// Changes what is known of a request; `ended` writes a second line.
    func update(_ number: Int, ended: Bool, _ change: (inout ReceivedRequest) -> Void) {
        state.withLock { state in
            let index = number - state.first
            guard state.requests.indices.contains(index) else { return }
            change(&state.requests[index])
            if ended { state.file?.append(state.requests[index].json(event: "ended")) }
        }
    }

    /// Forgets the requests in memory; numbers go on.
    func reset() {
        state.withLock { state in
            state.requests.removeAll()
            state.first = state.next
        }
    }

    /// Closes the file; later ends stay in memory only.
    func finish() {
        state.withLock { state in
            state.file?.finish()
            state.file = nil
        }
    }
}

extension ReceivedRequest {
    func json(event: String?) -> String {
        func text(_ value: String?) -> String { value.map { quoted($0) } ?? "null" }
        return "{" + (event.map { "\"event\":\"\($0)\"," } ?? "")
            + "\"number\":\(number),\"at\":\(at),\"endpoint\":\(quoted(endpoint)),\"method\":\"\(method)\",\"path\":\(quoted(path)),"
            + "\"model\":\(text(model)),\"spilledTo\":\(text(spilledTo)),\"requestID\":\(text(requestID)),\"attempt\":\(text(attempt)),\"stream\":\(stream),"
            + "\"credentialAccepted\":\(credentialAccepted),\"inputBytes\":\(inputBytes),\"state\":\(text(state)),\"fault\":\(text(fault)),"
            + "\"status\":\(status.map(String.init) ?? "null"),\"outputTokensPlayed\":\(outputTokensPlayed),"
            + "\"billedInput\":\(billedInput),\"billedCached\":\(billedCached),\"billedOutput\":\(billedOutput),"
            + "\"billedReasoning\":\(billedReasoning),\"outcome\":\"\(outcome.rawValue)\"}"
    }
}
