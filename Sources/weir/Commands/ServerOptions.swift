import ArgumentParser
import Console
import Foundation
import Settings

/// Which running Weir a command talks to.
struct ServerOptions: ParsableArguments {
    @Option(help: "The configuration file of the running Weir. (default: $WEIR_CONFIG, else weir.yaml)")
    var config: String?

    /// Finds the admin listener and its token through the configuration.
    func client() throws -> AdminClient {
        let environment = ProcessInfo.processInfo.environment
        let file = config ?? environment["WEIR_CONFIG"] ?? "weir.yaml"
        let configuration: Settings.Configuration
        switch loadConfiguration(file: file, environment: environment) {
        case .success(let loaded): configuration = loaded
        case .failure(let errors): throw CommandFailure(errors.description)
        }
        let admin = configuration.listen.admin
        guard let host = loopback(admin.host) else {
            throw CommandFailure(
                "The admin listener is at \(admin), and commands talk to it over loopback only, since the token travels in plaintext. "
                    + "Run them where Weir listens on 127.0.0.1.")
        }
        guard admin.port != 0 else { throw CommandFailure("`listen.admin` has port 0 in \(file): give it a port to talk to.") }
        let hint = "weir serve \(file)"
        guard let token = try AdminToken.load(from: configuration.dataFolder) else {
            throw CommandFailure("Weir is not running at \(admin): it has never been started. Start it with `\(hint)`.")
        }
        return AdminClient(host: host, port: admin.port, token: token, startHint: hint)
    }

    /// An address of this machine on which a listener is reached; nil when there is none.
    private func loopback(_ host: String) -> String? {
        switch host {
        case "localhost", "0.0.0.0": "127.0.0.1"
        case "::", "::1": "::1"
        default: host.hasPrefix("127.") ? host : nil
        }
    }
}

/// Reads `90s`, `15m`, `24h` or `30d` as seconds.
func seconds(_ text: String, _ option: String) throws -> Int64 {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), text.dropLast().utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        let count = Int64(text.dropLast())
    else { throw ValidationError("`\(option)` takes a time such as 90s, 15m, 24h or 30d.") }
    let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow else { throw ValidationError("`\(option)` is too long.") }
    return seconds
}

/// Lines for people, beside what a program reads.
func tell(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
