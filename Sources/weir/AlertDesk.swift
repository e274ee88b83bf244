import Console
import Core
import Ledger
import Logging
import Settings
import Synchronization

/// Where alerts arrive: each is a line of the log, a count for the metrics and, if one is configured, a message to a webhook.
final class AlertDesk: Sendable {
    private let log: Logger
    private let node: String
    private let told = Atomic<UInt64>(0)
    private let sender = Mutex<(settings: AlertSettings, sender: AlertSender)?>(nil)

    init(node: String, log: Logger) {
        self.node = node
        self.log = log
    }

    /// Alerts since the start.
    var count: UInt64 { told.load(ordering: .relaxed) }

    /// Takes the webhook of a configuration; what waits for another one is still sent there.
    func configure(_ settings: AlertSettings?) {
        sender.withLock { current in
            guard current?.settings != settings else { return }
            current = settings.map {
                ($0, AlertSender(url: $0.webhook, credential: $0.credential, node: node, log: log))
            }
        }
    }

    func take(_ alert: AlertNotice) {
        told.add(1, ordering: .relaxed)
        switch alert {
        case .limit(let notice):
            log.warning(
                "a limit comes near",
                metadata: [
                    "account": "\(notice.account)", "period": "\(notice.period)", "percent": "\(notice.percent)",
                    "settled": "\(notice.settled)", "limit": "\(notice.limit)",
                ])
        case .suspended(let suspension):
            log.critical(
                "an endpoint reported a region outside of its label and is suspended",
                metadata: [
                    "endpoint": "\(suspension.endpoint)", "region": "\(suspension.report?.region ?? "")",
                    "processedIn": "\((suspension.report?.processedIn ?? []).joined(separator: " "))",
                    "attempt": "\(suspension.report?.attempt.description ?? "")",
                ])
        }
        sender.withLock { $0?.sender.send(alert, at: .now()) }
    }
}
