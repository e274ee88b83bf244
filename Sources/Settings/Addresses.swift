import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Reads `127.0.0.1:8080` or `[::1]:8080`.
func readAddress(_ text: String, _ key: String) -> Reading<SocketAddress> {
    let form = "`\(key)` takes an IP address and a port: `127.0.0.1:8080` or `[::1]:8080`."
    guard text.utf8.count <= 64, let colon = text.lastIndex(of: ":") else { return .wrong(form) }
    var host = text[..<colon]
    guard let port = digits(text[text.index(after: colon)...]), port <= 65_535 else { return .wrong(form) }
    if host == "localhost" { return .wrong(form, meant: "127.0.0.1:\(port)") }
    let bracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if bracketed { host = host.dropFirst().dropLast() }
    guard isAddress(String(host), bracketed ? AF_INET6 : AF_INET) else { return .wrong(form) }
    return .value(SocketAddress(host: String(host), port: Int(port)))
}

/// Where an endpoint is reached.
struct Web {
    var origin: Origin
    /// Without a trailing slash; empty for none.
    var path: String
}

/// Reads `https://host[:port][/path]`. No user, query or fragment: those carry secrets, or would be lost.
func readWeb(_ text: String, _ key: String) -> Reading<Web> {
    let form = "`\(key)` takes `https://host`, with a port and a path if needed."
    guard text.utf8.count <= 1024, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return .wrong(form) }
    let tls: Bool
    var rest: Substring
    if text.lowercased().hasPrefix("https://") {
        (tls, rest) = (true, text.dropFirst(8))
    } else if text.lowercased().hasPrefix("http://") {
        (tls, rest) = (false, text.dropFirst(7))
    } else {
        return .wrong(form)
    }
    guard !rest.contains("@") else { return .wrong("`\(key)` must not hold a user or password.") }
    guard !rest.contains("?"), !rest.contains("#") else {
        return .wrong("`\(key)` must not hold a query or fragment; Azure's version belongs in `apiVersion`.")
    }
    var path = ""
    if let slash = rest.firstIndex(of: "/") {
        path = String(rest[slash...])
        rest = rest[..<slash]
    }
    while path.hasSuffix("/") { path.removeLast() }
    guard path.utf8.allSatisfy({ isLetter($0) || isDigit($0) || "/._-~".utf8.contains($0) }), !path.contains("//"),
        !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." })
    else { return .wrong("The path of `\(key)` may hold only letters, digits, `.`, `_`, `-` and `~` between single slashes.") }

    var port = tls ? 443 : 80
    let bracketed = rest.hasPrefix("[")
    let hostEnd = bracketed ? rest.firstIndex(of: "]").map { rest.index(after: $0) } : rest.firstIndex(of: ":")
    if let hostEnd, hostEnd < rest.endIndex {
        guard rest[hostEnd] == ":", let number = digits(rest[rest.index(after: hostEnd)...]), (1...65_535).contains(number)
        else { return .wrong("The port of `\(key)` has to be from 1 to 65535.") }
        port = Int(number)
        rest = rest[..<hostEnd]
    }
    let host: String
    if bracketed {
        host = String(rest.dropFirst().dropLast()).lowercased()
        guard rest.hasSuffix("]"), isAddress(host, AF_INET6) else { return .wrong(form) }
    } else {
        host = rest.lowercased()
        guard isHostName(host) else { return .wrong("The host of `\(key)` is not a name or address.") }
    }
    return .value(Web(origin: Origin(tls: tls, host: host, port: port), path: path))
}

/// Whether a host can only be this machine.
func isLoopbackHost(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || (host.hasPrefix("127.") && isAddress(host, AF_INET))
}

private func isHostName(_ host: String) -> Bool {
    guard (1...253).contains(host.utf8.count) else { return false }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    // All digits at the end is an address, and has to be a whole one.
    if let last = labels.last, last.utf8.allSatisfy(isDigit) { return isAddress(host, AF_INET) }
    return labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }
}

private func isAddress(_ text: String, _ family: Int32) -> Bool {
    // Room for either family's address.
    withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { inet_pton(family, text, $0.baseAddress) == 1 }
}
