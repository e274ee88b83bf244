import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import Simulator

/// `weir simulate FILE`: plays the clouds of a scenario until it is told to stop.
struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate", abstract: "Play provider endpoints from a scenario file on loopback ports.")

    @Argument(help: "The scenario file.")
    var file: String

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let stopped = StopSignals()
        let simulator: RunningSimulator
        do {
            simulator = try await RunningSimulator.start(try Scenario.load(path: file), group: group)
        } catch {
            // A cause that names its port or line says more than a trace of it.
            FileHandle.standardError.write(Data("weir simulate: \(error)\n".utf8))
            throw ExitCode(1)
        }
        for (name, port) in simulator.ports.sorted(by: { $0.value < $1.value }) { print("\(name) on 127.0.0.1:\(port)") }
        if let port = simulator.adminPort { print("record and faults on 127.0.0.1:\(port)") }
        try FileHandle.standardOutput.synchronizeIfFile()
        _ = await stopped.first()
        await simulator.stop()
        try await group.shutdownGracefully()
    }
}

extension FileHandle {
    /// Lines must be readable at once when the output is a file or a pipe.
    fileprivate func synchronizeIfFile() throws { fflush(nil) }
}
