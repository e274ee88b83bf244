import Foundation
import Journal
import TestKit

/// Calls `body` with a new folder that is removed afterwards.
func withFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = NSTemporaryDirectory() + "weir-journal-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}

func settings(
    _ folder: String = "data", segmentBytes: Int = 16 * 1024, byHand: Bool = true, log: LogSettings? = nil
) -> Journal.Settings {
    var settings = Journal.Settings(folder: folder)
    settings.log = log
    settings.segmentBytes = segmentBytes
    settings.commitsByHand = byHand
    return settings
}

/// Opens a journal and returns it with all its entries; fails when their numbers have a gap.
func open(
    _ settings: Journal.Settings, _ disk: some Disk = PosixDisk(), from: UInt64 = 0
) throws -> (journal: Journal, entries: [String]) {
    var entries: [String] = []
    let journal = try Journal.open(settings, disk: disk, from: from) { sequence, bytes in
        guard sequence == from + UInt64(entries.count) else { throw Gap(at: sequence) }
        entries.append(text(bytes))
    }
    return (journal, entries)
}

/// Opens a journal and returns it with all its entries as they are, salts and all.
func openWhole(_ settings: Journal.Settings, _ disk: some Disk) throws -> (journal: Journal, entries: [[UInt8]]) {
    var entries: [[UInt8]] = []
    let journal = try Journal.open(settings, disk: disk) { sequence, bytes in
        guard sequence == entries.count else { throw Gap(at: sequence) }
        entries.append(Array(bytes))
    }
    return (journal, entries)
}

struct Gap: Error { var at: UInt64 }

/// An entry as the journal stores it, and the part of it that is handed to `append`.
func rest(_ text: String) -> [UInt8] { Array("\"t\":\"test\",\"x\":\"\(text)\"}".utf8) }
func entry(_ sequence: Int, _ text: String) -> String { "{\"v\":2,\"n\":\(sequence),\"t\":\"test\",\"x\":\"\(text)\"}" }

/// An entry without its salt.
func text(_ bytes: UnsafeRawBufferPointer) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let start = text.range(of: ",\"s\":\"") else { return text }
    let end = text.index(start.upperBound, offsetBy: 23)
    return String(text[..<start.lowerBound] + text[end...])
}

func fillRandomly(_ random: inout SeededRandom) -> String {
    String(repeating: "abcdefghij", count: Int.random(in: 0...40, using: &random))
}

/// Waits for something that another thread does; `false` after ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(1_000)
    }
    return condition()
}

/// Where each batch of a segment file begins, by the sectors that carry the batch magic.
func batchOffsets(_ bytes: [UInt8]) -> [Int] {
    stride(from: 512, to: bytes.count, by: 512).filter { Array(bytes[$0..<min($0 + 4, bytes.count)]) == Array("WJB1".utf8) }
}
