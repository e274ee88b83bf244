public import Core
import Ledger

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A pipe to which nobody writes is given up after this, so that no load of a configuration waits for good.
private let silenceMilliseconds: Int32 = 2_000

/// Why a file could not be read; says nothing of its content.
public struct FileProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}

/// Reads a whole file as UTF-8, up to `configurationBytesMax`; for a configuration and what it refers to.
public func readTextFile(_ path: String) throws(FileProblem) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileProblem(path: path, reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
        var readable = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&readable, 1, silenceMilliseconds) != 0 else {
            throw FileProblem(path: path, reason: "nothing came for \(silenceMilliseconds) ms")
        }
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0 {
            if errno == EINTR || errno == EAGAIN { continue }
            throw FileProblem(path: path, reason: String(cString: strerror(errno)))
        }
        if count == 0 { break }
        bytes += chunk[..<count]
        guard bytes.count <= configurationBytesMax else {
            throw FileProblem(path: path, reason: "larger than \(configurationBytesMax) bytes")
        }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw FileProblem(path: path, reason: "not UTF-8") }
    return text
}

/// Reads and decodes the configuration file at a path, and what it refers to.
public func loadConfiguration(
    file: String, environment: [String: String], secrets: SecretReading = .read, at now: Timestamp = .now()
) -> Result<Configuration, ConfigurationErrors> {
    do {
        let text = try readTextFile(file)
        return loadConfiguration(
            text: text, file: file, environment: environment, secrets: secrets, at: now, readFile: readTextFile)
    } catch {
        let problem = ConfigurationError(file: file, line: 1, column: 1, message: "The file cannot be read: \(error.reason).")
        return .failure(ConfigurationErrors(errors: [problem]))
    }
}

/// Reads the prices of the file at a path, and the price tables that it refers to.
public func loadPriceBook(file: String, environment: [String: String]) -> Result<PriceBook, ConfigurationErrors> {
    do {
        let text = try readTextFile(file)
        return loadPriceBook(text: text, file: file, environment: environment, readFile: readTextFile)
    } catch {
        let problem = ConfigurationError(file: file, line: 1, column: 1, message: "The file cannot be read: \(error.reason).")
        return .failure(ConfigurationErrors(errors: [problem]))
    }
}
