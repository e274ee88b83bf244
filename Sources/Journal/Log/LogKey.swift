#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The file of a signing key's seed: 64 hexadecimal digits and a newline, readable by its owner only.
public enum LogKey {
    /// The key's file in Weir's data folder.
    public static let fileName = "log-key"
    private static let seedBytes = 32

    public struct Problem: Error, Sendable, Hashable, CustomStringConvertible {
        public var description: String
        public init(_ description: String) { self.description = description }
    }

    /// The seed in a file, which is made with a random one if it is not there. A file that is there is never replaced.
    /// - Returns: 32 bytes.
    public static func loadOrMake(path: String) throws(Problem) -> [UInt8] {
        if let seed = try load(path: path) { return seed }
        var random = SystemRandomNumberGenerator()
        let seed = (0..<seedBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let digits = seed.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        // Whole under another name first: a key that a power cut left half written would end the log's identity.
        let fresh = path + ".new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failed("make", path) }
        let text = Array((digits + "\n").utf8)
        let isWritten = text.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == text.count
        let isSynced = isWritten && fsync(descriptor) == 0
        let closed = close(descriptor)
        guard isSynced, closed == 0 else { throw failed("write", path) }
        // A link, and no renaming over a key that another process has made meanwhile.
        guard link(fresh, path) == 0 else { throw failed("make", path) }
        unlink(fresh)
        do throws(DiskError) { try PosixDisk().syncFolder(folderName(path)) } catch { throw Problem("\(error)") }
        return seed
    }

    /// `nil` when there is no such file.
    public static func load(path: String) throws(Problem) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw failed("read", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("read", path) }
        guard status.st_mode & 0o077 == 0 else {
            throw Problem("\(path) can be read by others than its owner; set it to mode 0600")
        }
        var text = [UInt8](repeating: 0, count: 2 * seedBytes + 2)
        let count = read(descriptor, &text, text.count)
        let digits = text.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }.compactMap { hexValue($0) }
        guard count == 2 * seedBytes + 1 || count == 2 * seedBytes, digits.count == 2 * seedBytes else {
            throw Problem("\(path) is not a key: it has to be 64 hexadecimal digits; put the right file back")
        }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    private static func failed(_ what: String, _ path: String) -> Problem {
        Problem("cannot \(what) the key \(path): \(String(cString: strerror(errno)))")
    }
}
