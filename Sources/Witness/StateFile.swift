import Journal

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What a witness has signed, on disk: replaced whole and synced before each answer.
///
///     weir-witness-state/v1
///     SIZE ROOT ORIGIN        one line for each log
///     sum HASH                over everything above
struct StateFile: Sendable {
    let path: String

    private static let header = "weir-witness-state/v1\n"

    static func text(_ seen: [String: WitnessState.Seen]) -> [UInt8] {
        let lines = seen.sorted { $0.key < $1.key }.map { "\($0.value.size) \($0.value.root.base64) \($0.key)\n" }
        let body = Array((header + lines.joined()).utf8)
        return body + Array("sum \(leafHash(of: body).base64)\n".utf8)
    }

    /// `nil` unless it is exactly what `text` writes.
    static func seen(_ bytes: [UInt8]) -> [String: WitnessState.Seen]? {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3 else { return nil }
        var seen: [String: WitnessState.Seen] = [:]
        for line in lines.dropFirst().dropLast(2) {
            let words = line.split(separator: " ", maxSplits: 2)
            guard words.count == 3, let size = UInt64(words[0]), let root = LogHash(base64: words[1].utf8) else { return nil }
            seen[String(words[2])] = .init(size: size, root: root)
        }
        return text(seen) == bytes ? seen : nil
    }

    /// `nil` when there is no file.
    func load() throws(WitnessProblem) -> [String: WitnessState.Seen]? {
        guard access(path, F_OK) == 0 else { return nil }
        let bytes: [UInt8]
        do throws(LogDamage) { bytes = try fileBytes(path) } catch { throw WitnessProblem("\(path): \(error.reason)") }
        guard let seen = StateFile.seen(bytes) else {
            throw WitnessProblem(
                "\(path) is damaged, so this witness does not know what it has signed. Put the newest copy back; without one, "
                    + "retire this witness's key and make a new witness.")
        }
        return seen
    }

    /// Durable when this returns.
    func save(_ seen: [String: WitnessState.Seen]) throws(WitnessProblem) { try replaceFile(path, with: StateFile.text(seen)) }
}

/// Why a witness does not start or sign.
public struct WitnessProblem: Error, Sendable, Hashable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// Puts bytes in a file's place, whole or not at all, durable when this returns.
func replaceFile(_ path: String, with bytes: [UInt8]) throws(WitnessProblem) {
    func failed() -> WitnessProblem { WitnessProblem("cannot write \(path): \(String(cString: strerror(errno)))") }
    let fresh = path + ".new"
    let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failed() }
    var written = 0
    while written < bytes.count {
        let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
            let problem = failed()
            close(descriptor)
            throw problem
        }
        written += count
    }
    let isSynced = fsync(descriptor) == 0
    let problem = failed()
    guard close(descriptor) == 0, isSynced else { throw problem }
    guard rename(fresh, path) == 0 else { throw failed() }
    let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    do throws(DiskError) { try PosixDisk().syncFolder(folder) } catch { throw WitnessProblem("\(error)") }
}
