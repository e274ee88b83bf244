import Foundation
import Testing

/// What each room may import: the table of rooms in `docs/architecture.md`. The compiler does not hold it, since an
/// undeclared import of a sibling passes on a warm build.
private let rooms: [String: Set<String>] = [
    "Core": [],
    "Wire": ["Core", "NIOCore"],
    "Journal": ["Core", "Crypto", "Synchronization", "Foundation"],
    // The language alone: it knows nothing of Weir.
    "Cedar": [],
    "Policy": ["Cedar", "Core"],
    // `Swift` for the tables of Unicode's normal forms, which the standard library shows only on request.
    "Tokens": ["Core", "Swift", "Synchronization"],
    "Ledger": ["Core", "Journal", "GRDB", "Synchronization", "Foundation", "Dispatch"],
    "Invoices": ["Core", "Ledger"],
    // What would have been: it decides and sends nothing.
    "Drill": ["Core", "Ledger", "Policy"],
    "Links": ["Core", "Policy", "Wire", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "Synchronization"],
    "Providers": ["Core", "Wire", "Crypto", "NIOCore"],
    "Dialects": ["Core", "Wire", "NIOCore"],
    // It asks authorities for tokens, at the edge: the data path only reads what it was given.
    "Credentials": ["Core", "Policy", "Wire", "AsyncHTTPClient", "Crypto", "Logging", "NIOCore", "NIOHTTP1", "NIOSSL"],
    "Fleet": ["Core", "Synchronization"],
    "Settings": ["Cedar", "Core", "Policy", "Ledger", "Providers", "Yams", "Foundation"],
    "Gateway": [
        "Core", "Wire", "Dialects", "Journal", "Policy", "Ledger", "Links", "Providers", "Tokens", "Crypto", "Logging", "NIOCore",
        "NIOPosix",
        "NIOHTTP1", "NIOHTTP2", "NIOSSL", "NIOTLS", "Synchronization",
    ],
    // It judges the others, so it shares no code with them.
    "Simulator": ["Crypto", "NIOCore", "NIOPosix", "NIOHTTP1", "Yams", "Synchronization", "Foundation"],
    "Console": [
        "Core", "Policy", "Ledger", "Journal", "Gateway", "Fleet", "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging",
        "NIOCore", "NIOHTTP1", "AsyncHTTPClient", "Synchronization", "Foundation",
    ],
    // A process of its own, with a key of its own: it knows the log's forms and nothing else of Weir.
    "Witness": ["Journal", "Hummingbird", "HTTPTypes", "Logging", "NIOCore", "NIOPosix"],
    "weir-verify": ["Journal"],
    "cedar-corpus": ["Cedar", "Foundation"],
    "TestKit": ["Core", "Journal", "NIOCore", "NIOPosix", "Synchronization"],
    "weir": [
        "Core", "Cedar", "Credentials", "Wire", "Journal", "Policy", "Ledger", "Links", "Providers", "Fleet", "Settings",
        "Gateway", "Simulator",
        "Console", "Invoices", "Drill", "Tokens", "Witness", "ArgumentParser", "Crypto", "Logging", "NIOCore", "NIOPosix",
        "NIOSSL", "Synchronization", "Foundation", "Dispatch",
    ],
]

/// The C library, under each platform's name.
private let system: Set<String> = ["Glibc", "Musl", "Darwin"]

private let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

private func folders(in folder: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.isDirectoryKey])
        .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
}

private func swiftFiles(in folder: URL) -> [URL] {
    (FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? [])
        .filter { $0.pathExtension == "swift" }
}

/// The module of an import declaration, whatever stands before it and of whatever kind it is.
private func imported(_ line: Substring) -> String? {
    var words = line.split(whereSeparator: { " \t;".contains($0) })
    while let first = words.first,
        first.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(first)
    {
        words.removeFirst()
    }
    guard words.first == "import", words.count > 1 else { return nil }
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
    let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
    return String(name.prefix { $0 != "." && $0 != "/" })
}

@Suite("Rooms")
struct ImportTests {
    @Test("Every import of a room is on its list")
    func imports() throws {
        for folder in try folders(in: repository.appending(path: "Sources")) {
            let room = folder.lastPathComponent
            let allowed = try #require(rooms[room], "the room \(room) is not in the table of rooms")
            let files = swiftFiles(in: folder)
            #expect(!files.isEmpty, "the room \(room) has no Swift file")
            for file in files {
                let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
                for module in lines.compactMap(imported) where !system.contains(module) {
                    #expect(allowed.contains(module), "\(room)/\(file.lastPathComponent) imports \(module)")
                }
            }
        }
    }

    @Test("An import is found in every form that Swift knows")
    func forms() {
        #expect(imported("import Core") == "Core")
        #expect(imported("  @testable import Core // why") == "Core")
        #expect(imported("@preconcurrency public import struct NIOCore.ByteBuffer") == "NIOCore")
        #expect(imported("@_exported import Core;") == "Core")
        #expect(imported("/// import Core") == nil)
        #expect(imported("let important = 1") == nil)
    }

    @Test("Core, Cedar, Policy, Wire and the data path do without Foundation")
    func noFoundation() {
        for room in [
            "Core", "Cedar", "Policy", "Wire", "Links", "Providers", "Dialects", "Drill", "Gateway", "Fleet", "Tokens",
            "Credentials",
        ] {
            #expect(rooms[room]?.contains(where: { $0.hasPrefix("Foundation") }) == false)
        }
    }

    @Test("Directions are one way: no room reaches itself through its imports")
    func oneWay() {
        func reachable(from room: String) -> Set<String> {
            var seen: Set<String> = []
            var next = [room]
            while let name = next.popLast() {
                for other in rooms[name] ?? [] where rooms[other] != nil && seen.insert(other).inserted { next.append(other) }
            }
            return seen
        }
        for room in rooms.keys { #expect(!reachable(from: room).contains(room), "\(room) reaches itself") }
    }

    /// The style asks to look again at 400; this is where a file is certainly two.
    @Test("No file of a room is over 500 lines")
    func size() throws {
        for file in swiftFiles(in: repository.appending(path: "Sources")) {
            let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= 501, "\(file.lastPathComponent) has \(lines.count - 1) lines: it wants to be two")
        }
    }
}
