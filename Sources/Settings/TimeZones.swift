import Core

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where systems keep the IANA database (Debian's package `tzdata`).
private let zoneFolder = "/usr/share/zoneinfo"
/// The largest file there has some 4 KB.
private let zoneBytesMax = 256 * 1024

/// The time zones that a configuration names, each read once.
final class TimeZones {
    private(set) var loaded: [String: CivilZone] = [:]

    /// nil when this machine has no such zone.
    func zone(_ name: String) -> CivilZone? {
        if let zone = loaded[name] { return zone }
        guard isZoneName(name), let bytes = readFile(zoneFolder + "/" + name), let zone = CivilZone(tzif: bytes) else {
            return nil
        }
        loaded[name] = zone
        return zone
    }
}

/// Every zone with inhabitants that this machine knows, so that a limit made while Weir runs can count in any of them.
public func knownTimeZones() -> [String: CivilZone] {
    let zones = TimeZones()
    // Lines of country, coordinates and name, separated by tabs; `#` begins a comment.
    let table = readFile(zoneFolder + "/zone.tab").map { String(decoding: $0, as: UTF8.self) } ?? ""
    for line in table.split(separator: "\n") where !line.hasPrefix("#") {
        let columns = line.split(separator: "\t")
        if columns.count > 2 { _ = zones.zone(String(columns[2])) }
    }
    return zones.loaded
}

/// `Area/City` in plain letters, so that a name never leaves the folder.
private func isZoneName(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return name.utf8.count <= 64
        && parts.allSatisfy { part in
            guard let first = part.utf8.first, isLetter(first) else { return false }
            return part.utf8.allSatisfy { isLetter($0) || isDigit($0) || "_+-".utf8.contains($0) }
        }
}

private func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: zoneBytesMax)
    var used = 0
    while used < bytes.count {
        let count = bytes[used...].withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { return nil }
        if count == 0 { return Array(bytes[..<used]) }
        used += count
    }
    return nil
}
