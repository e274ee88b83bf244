#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Path of a data file that comes with Weir, such as `prices.json`: in the folder that `WEIR_SHARE` names, else in the nearest folder
/// `share` that holds it, from the executable's folder upwards. nil when there is none.
public func shareFile(_ name: String, environment: [String: String]) -> String? {
    if let folder = environment["WEIR_SHARE"], !folder.isEmpty {
        return folder + (folder.utf8.last == UInt8(ascii: "/") ? "" : "/") + name
    }
    guard var folder = executablePath() else { return nil }
    while let slash = folder.lastIndex(of: "/") {
        folder = String(folder[..<slash])
        let path = "\(folder)/share/\(name)"
        if access(path, R_OK) == 0 { return path }
    }
    return nil
}

/// Where this process was started from.
private func executablePath() -> String? {
    #if os(Linux)
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &path, path.count)
    guard length > 0, length < path.count else { return nil }
    return String(validating: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    #else
    guard let first = CommandLine.arguments.first, let real = realpath(first, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
    #endif
}
