import AsyncHTTPClient
public import Core
import Foundation
public import Ledger
public import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// Alerts that wait to be sent at once; beyond it the oldest is dropped, with a line in the log.
private let waitingAlertsMax = 1_000
/// How often one alert is tried, and how long one try and the first pause take.
private let triesMax = 5
private let tryTimeout = TimeAmount.seconds(10)
private let firstPauseMilliseconds = 1_000

/// Tells a webhook of each alert, one after another, in the order in which they came. An alert is in the journal
/// and the log whether or not the webhook takes it.
public actor AlertSender {
    private let url: Secret
    private let credential: Secret?
    private nonisolated let node: String
    private let log: Logger
    private nonisolated let queue = Mutex(Queue())
    /// Alerts that the webhook took, and that were given up.
    public private(set) var sent = 0
    public private(set) var dropped = 0

    public init(url: Secret, credential: Secret?, node: String, log: Logger) {
        self.url = url
        self.credential = credential
        self.node = node
        self.log = log
    }

    /// What waits, in the order in which it was told, whichever thread told it.
    private struct Queue {
        var waiting: [AlertMessage] = []
        /// Left out because too many waited.
        var overflowed = 0
        /// A task is on its way through the queue; there is only one.
        var isWorking = false
    }

    /// Queues an alert; returns at once.
    public nonisolated func send(_ alert: AlertNotice, at moment: Timestamp) {
        let message = AlertMessage(alert, node: node, at: moment)
        let starts = queue.withLock { queue -> Bool in
            queue.waiting.append(message)
            if queue.waiting.count > waitingAlertsMax {
                queue.waiting.removeFirst()
                queue.overflowed += 1
            }
            defer { queue.isWorking = true }
            return !queue.isWorking
        }
        if starts { Task { await work() } }
    }

    private func work() async {
        while true {
            let (message, overflowed) = queue.withLock { queue -> (AlertMessage?, Int) in
                defer { queue.overflowed = 0 }
                guard !queue.waiting.isEmpty else {
                    queue.isWorking = false
                    return (nil, queue.overflowed)
                }
                return (queue.waiting.removeFirst(), queue.overflowed)
            }
            for _ in 0..<overflowed { drop("too many wait") }
            guard let message else { return }
            await deliver(message)
        }
    }

    private func deliver(_ message: AlertMessage) async {
        var reason = ""
        for attempt in 0..<triesMax {
            if attempt > 0 { try? await Task.sleep(for: .milliseconds(firstPauseMilliseconds << (attempt - 1))) }
            do {
                let status = try await post(message)
                if (200..<300).contains(status) {
                    sent += 1
                    return
                }
                reason = "status \(status)"
                // The receiver says that this request is wrong, and will say so again.
                if (400..<500).contains(status), status != 408, status != 429 { break }
            } catch {
                reason = "no answer"
            }
        }
        drop(reason)
    }

    private func drop(_ reason: String) {
        dropped += 1
        log.error("an alert could not be sent to the webhook", metadata: ["reason": "\(reason)"])
    }

    private func post(_ message: AlertMessage) async throws -> UInt {
        var request = HTTPClientRequest(url: url.value)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        if let credential { request.headers.add(name: "authorization", value: "Bearer \(credential.value)") }
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(message)))
        let response = try await HTTPClient.shared.execute(request, timeout: tryTimeout)
        return response.status.code
    }
}

/// What a webhook gets: one of the kinds, told apart by their `type`.
enum AlertMessage: Sendable, Encodable {
    case limit(LimitMessage)
    case suspension(SuspensionMessage)

    init(_ alert: AlertNotice, node: String, at moment: Timestamp) {
        switch alert {
        case .limit(let notice): self = .limit(LimitMessage(notice, node: node, at: moment))
        case .suspended(let suspension):
            self = .suspension(SuspensionMessage(suspension, node: node, at: moment))
        }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .limit(let message): try message.encode(to: encoder)
        case .suspension(let message): try message.encode(to: encoder)
        }
    }
}

/// A limit comes near.
public struct LimitMessage: Sendable, Hashable, Codable {
    public var type = "weir.limit"
    public var node: String
    public var at: String
    /// `tenant acme`, `team acme/search` or `key key_…`.
    public var account: String
    public var period: String
    public var percent: Int
    /// Decimal dollars.
    public var limit: String
    public var settled: String

    public init(_ notice: LimitNotice, node: String, at moment: Timestamp) {
        self.node = node
        at = moment.description
        account = notice.account.description
        period = notice.period.description
        percent = notice.percent
        limit = notice.limit.description
        settled = notice.settled.description
    }
}

/// An endpoint reported a region outside of its label, and gets no more calls.
public struct SuspensionMessage: Sendable, Hashable, Codable {
    public var type = "weir.suspended"
    public var node: String
    public var at: String
    public var endpoint: String
    public var why: String
    /// What the provider reported, in its words.
    public var region: String
    /// The label that this contradicts.
    public var processedIn: [String]
    /// Whose answer said so.
    public var attempt: String

    public init(_ suspension: Suspension, node: String, at moment: Timestamp) {
        self.node = node
        at = moment.description
        endpoint = suspension.endpoint
        why = suspension.why
        region = suspension.report?.region ?? ""
        processedIn = suspension.report?.processedIn ?? []
        attempt = suspension.report?.attempt.description ?? ""
    }
}
