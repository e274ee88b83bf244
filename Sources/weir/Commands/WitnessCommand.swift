import ArgumentParser
import Foundation
import Journal
import Logging
import NIOCore
import NIOPosix
import Witness

/// `weir witness`: a second process that signs how logs grow, and refuses those that were rewritten or shortened.
struct WitnessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "witness", abstract: "Cosign the checkpoints of logs, and refuse a log that was rewritten or shortened.")

    @Option(help: "Where the witness keeps its key and what it has signed. Made at the first start.") var folder: String
    @Option(help: "The witness's name, for its signatures: like a URL without scheme, and its alone.") var name: String
    @Option(name: .customLong("log"), help: "The public key of a log to watch (`weir ledger key`); repeat for more.")
    var logs: [String] = []
    @Option(help: "Where to listen, HOST:PORT.") var listen: String = "127.0.0.1:7080"

    func run() async throws {
        guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw ValidationError("`--listen` takes HOST:PORT, such as 127.0.0.1:7080.") }
        let host = listen[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        guard !logs.isEmpty else { throw ValidationError("Name at least one log to watch with --log VKEY.") }
        let stopped = StopSignals()
        let keeper: WitnessKeeper
        do {
            keeper = try WitnessKeeper(folder: folder, name: name, logs: try logs.map { try LogVerifier(vkey: $0) }) {
                UInt64(max(0, Date().timeIntervalSince1970))
            }
        } catch { throw CommandFailure("\(error)") }
        print(keeper.vkey)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = WitnessServer(keeper: keeper, host: host, port: port, group: group, log: Logger(label: "weir.witness"))
        let serving = Task {
            defer { stopped.stop() }
            try await server.run { address in
                print("witness on \(address.ipAddress ?? host):\(address.port ?? port)")
                fflush(nil)
            }
        }
        _ = await stopped.first()
        serving.cancel()
        let ended = await serving.result
        await keeper.close()
        try await group.shutdownGracefully()
        if case .failure(let error) = ended, !(error is CancellationError) {
            throw CommandFailure("The witness cannot listen at \(listen): \(error)")
        }
    }
}
