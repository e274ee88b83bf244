public import Core
#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The secret of the admin API: 32 random bytes in a file that only Weir's user can read.
public struct AdminToken: Sendable {
    public static let fileName = "admin.token"

    public let secret: Secret
    private let digest: KeyDigest

    public init(_ secret: Secret) {
        self.secret = secret
        digest = KeyMaker.digest(of: secret.value)
    }

    /// Reads the token in `folder`, or makes one there.
    public static func load(orMakeIn folder: String) throws(AdminTokenError) -> AdminToken {
        let path = path(in: folder)
        // Two processes may come first at once: the one whose link fails reads the other's token.
        for _ in 0..<2 {
            if let token = try readToken(path) { return token }
            if let token = try makeToken(path, in: folder) { return token }
        }
        throw AdminTokenError(path: path, reason: "it comes and goes")
    }

    /// Reads the token in `folder`; nil when there is none, so that no server has ever run there.
    public static func load(from folder: String) throws(AdminTokenError) -> AdminToken? { try readToken(path(in: folder)) }

    /// Takes as long for a wrong token as for the right one.
    func matches(_ candidate: String) -> Bool {
        let other = KeyMaker.digest(of: candidate).bytes
        let own = digest.bytes
        return (own.0 ^ other.0) | (own.1 ^ other.1) | (own.2 ^ other.2) | (own.3 ^ other.3) == 0
    }
}

/// Why there is no usable admin token; never shows one.
public struct AdminTokenError: Error, Sendable, Hashable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "the admin token \(path) cannot be used: \(reason)" }
}

private func path(in folder: String) -> String { folder + "/" + AdminToken.fileName }

private func readToken(_ path: String) throws(AdminTokenError) -> AdminToken? {
    func failed(_ reason: String) -> AdminTokenError { AdminTokenError(path: path, reason: reason) }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0, errno == ENOENT { return nil }
    guard descriptor >= 0 else {
        throw failed(errno == ELOOP ? "it is a symbolic link" : String(cString: strerror(errno)))
    }
    defer { close(descriptor) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { throw failed(String(cString: strerror(errno))) }
    guard facts.st_mode & S_IFMT == S_IFREG else { throw failed("it is not a plain file") }
    guard facts.st_uid == geteuid() else { throw failed("it belongs to another user") }
    guard facts.st_mode & 0o077 == 0 else {
        throw failed("its group or others may read it; make a new one by removing it, or `chmod 600` if nobody else did")
    }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { throw failed(String(cString: strerror(errno))) }
    var token = bytes[..<count]
    if token.last == UInt8(ascii: "\n") { token.removeLast() }
    guard token.count == 43, token.allSatisfy(isBase64URL) else {
        throw failed("it does not hold a token; remove it, and Weir makes a new one")
    }
    return AdminToken(Secret(String(decoding: token, as: UTF8.self)))
}

/// Writes a file beside it first, so that nobody ever reads half a token. Nil when another process was faster.
private func makeToken(_ path: String, in folder: String) throws(AdminTokenError) -> AdminToken? {
    func failed() -> AdminTokenError { AdminTokenError(path: path, reason: String(cString: strerror(errno))) }
    let secret = base64URL(randomBytes(32))
    let draft = "\(path).\(getpid()).\(hexadecimal(UInt64.random(in: .min ... .max)))"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failed() }
    defer {
        close(descriptor)
        unlink(draft)
    }
    let line = Array((secret + "\n").utf8)
    guard write(descriptor, line, line.count) == line.count, fsync(descriptor) == 0 else { throw failed() }
    guard link(draft, path) == 0 else {
        if errno == EEXIST { return nil }
        throw failed()
    }
    return AdminToken(Secret(secret))
}

private func isBase64URL(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
    default: false
    }
}
