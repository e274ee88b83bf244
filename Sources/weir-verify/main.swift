import Journal

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

// `weir-verify`: checks a log or a receipt offline, with nothing but public keys. It needs no Weir that runs, no network and
// no configuration, so that who checks need not trust who is checked.

func complain(_ text: String) {
    let line = Array("weir-verify: \(text)\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

func verify(_ request: Request) throws {
    switch request {
    case .help: print(usage)
    case .log(let path, let key, let witnesses, let earlier, let isNumbered):
        let folder = LogFiles.found(at: path)
        var check = LogTrust(verifier: key, witnesses: witnesses)
        for name in earlier { check.earlier.append((name, try fileBytes(name))) }
        check.isNumbered = isNumbered
        check.segments = folder.segments
        let report = try verifyLog(folder, check)
        print("OK: \(report.origin) has \(report.size) entries, root \(report.root.base64)")
        if let size = report.witnessedSize {
            let names =
                witnesses.isEmpty ? "not checked, since no --witness was given" : witnesses.map(\.name).joined(separator: ", ")
            print("signed by witnesses up to entry \(size) (\(names))")
        }
        if !earlier.isEmpty { print("it grew out of each of the \(earlier.count) earlier checkpoints") }
        if check.segments != nil { print("\(report.tail) entries follow in the open tail; their checksums are right") }
    case .receipt(let file, let key, let witnesses):
        let receipt = try verifyReceipt(try fileBytes(file), verifier: key, witnesses: witnesses)
        print("OK: attempt \(receipt.attempt) has these \(receipt.entries.count) entries in the log \(key.name)")
        for entry in receipt.entries { print(String(decoding: entry.json, as: UTF8.self)) }
    }
}

do {
    try verify(try Request(Array(CommandLine.arguments.dropFirst())))
} catch let error as UsageError {
    complain(error.reason)
    complain("`weir-verify --help` tells how it is used")
    exit(2)
} catch {
    complain("\(error)")
    exit(1)
}
