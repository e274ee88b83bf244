import Glibc

/// What an engine printed: a file that starts anew when it is full, with the one before it beside it.
final class EngineLog: Sendable {
    /// Of each of the two files.
    static let bytesMax = 1024 * 1024
    /// One engine that prints without end must not keep its thread from its other work.
    static let bytesPerTurn = 256 * 1024

    private let path: String

    init(folder: String, name: String) throws(EngineError) {
        path = "\(folder)/\(name).log"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw EngineError(reason: "the folder \(folder) could not be made: \(errorText(errno))")
        }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw EngineError(reason: "\(path) could not be opened: \(errorText(errno))") }
        close(file)
    }

    /// Copies what can be read; false at the end of the output. What cannot be written is dropped: a full disk
    /// must not stop the engine.
    @discardableResult
    func copy(from descriptor: Int32) -> Bool {
        guard descriptor >= 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        var copied = 0
        var file: Int32 = -1
        defer { if file >= 0 { close(file) } }
        while copied < Self.bytesPerTurn {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            if file < 0 { file = openForAppending() }
            if file >= 0 { _ = write(file, buffer, count) }
            copied += count
        }
        return true
    }

    private func openForAppending() -> Int32 {
        var facts = stat()
        if stat(path, &facts) == 0, facts.st_size >= Self.bytesMax - Self.bytesPerTurn { rename(path, "\(path).1") }
        return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    }
}
