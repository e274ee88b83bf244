import ArgumentParser
import Console
import Foundation
import Ledger
import Logging
import Settings

/// `weir serve FILE`: runs the gateway until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run Weir. SIGHUP or a change of the file reloads it; SIGINT and SIGTERM drain and stop.")

    /// How often the file is looked at for a change.
    private static let watchMilliseconds = 1_000

    @Argument(help: "The configuration file.")
    var file: String

    @Option(help: "trace, debug, info (a line for each call), notice, warning or error.")
    var logLevel: String = "notice"

    @Flag(help: "Accept a wall clock that is more than \(clockTrustDays) days ahead of the last entry of the journal.")
    var acceptClock = false

    func validate() throws {
        guard Logger.Level(rawValue: logLevel) != nil else { throw ValidationError("`\(logLevel)` is no log level.") }
    }

    func run() async throws {
        let level = Logger.Level(rawValue: logLevel) ?? .notice
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let log = Logger(label: "weir")
        let signals = StopSignals(also: [SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        let node: Node
        do {
            node = try await Node(
                file: file, environment: ProcessInfo.processInfo.environment, acceptsClock: acceptClock, log: log)
            try await node.start()
        } catch {
            throw Self.failed(error)
        }
        for note in await node.configuration.notes { log.notice("configuration note", metadata: ["note": "\(note)"]) }
        for address in await node.addresses { log.notice("serving calls", metadata: ["address": "\(address)"]) }
        let token: AdminToken
        do { token = try AdminToken.load(orMakeIn: await node.configuration.dataFolder) } catch {
            throw Self.failed(error)
        }
        let admin = await node.adminServer(token: token)
        let adminTask = Task { () -> Bool in
            do {
                try await admin.run { address in log.notice("serving administration", metadata: ["address": "\(address)"]) }
                return true
            } catch is CancellationError {
                return true
            } catch {
                // Without its admin listener nobody could make or revoke a key.
                log.critical("the admin listener failed", metadata: ["reason": "\(error)"])
                signals.stop()
                return false
            }
        }
        let heartbeat = node.beat()
        let chores = Task { await Self.chores(node, file: file, log: log) }
        while await signals.first() == SIGHUP { await Self.reload(node, log) }
        log.notice("draining")
        chores.cancel()
        await node.drain()
        adminTask.cancel()
        let served = await adminTask.value
        heartbeat.stop()
        await node.stop()
        log.notice("stopped")
        if !served { throw ExitCode(1) }
    }

    private static func failed(_ error: any Error) -> ExitCode {
        FileHandle.standardError.write(Data("weir serve: \(Self.text(error))\n".utf8))
        return ExitCode(1)
    }

    private static func text(_ error: any Error) -> String {
        guard case LedgerError.clockAhead(let seconds, let latest) = error else { return "\(error)" }
        return "this machine's clock is \(seconds / 86_400) days ahead of the last entry of the journal (\(latest)). "
            + "Ledger time never goes back, so a wrong clock would keep every limit's window open for as long. "
            + "Set the clock, or start with --accept-clock if it is right."
    }

    /// What is due once a second: the books, and a look at the file.
    private static func chores(_ node: Node, file: String, log: Logger) async {
        var seen = await modified(file, node)
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(watchMilliseconds))
            await node.tick()
            let now = await modified(file, node)
            if now != seen {
                await reload(node, log)
                // What it refers to may be other files now.
                seen = await modified(file, node)
            }
        }
    }

    private static func reload(_ node: Node, _ log: Logger) async {
        do {
            let configuration = try await node.reload()
            log.notice("configuration reloaded", metadata: ["endpoints": "\(configuration.endpoints.count)"])
        } catch {
            log.error("configuration refused; the running one stays", metadata: ["reason": "\(error)"])
        }
    }

    /// Of the file and of those that it refers to.
    private static func modified(_ file: String, _ node: Node) async -> [Date?] {
        ([file] + (await node.configuration.files)).map {
            (try? FileManager.default.attributesOfItem(atPath: $0))?[.modificationDate] as? Date
        }
    }
}
