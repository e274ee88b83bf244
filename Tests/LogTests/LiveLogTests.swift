import Core
import Foundation
import Journal
import Testing

/// The log as Weir's journal writes it, read by those who only have its files.
@Suite("A running journal's log")
struct LiveLogTests {
    @Test("While the journal goes on writing, its log verifies at every moment, and a receipt of it holds")
    func running() throws {
        let folder = NSTemporaryDirectory() + "weir-live-log-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = Journal.Settings(folder: folder + "/journal")
        settings.segmentBytes = 256 * 1024
        let log = try LogSettings(origin: "weir.test/live", seed: Array(repeating: 9, count: 32))
        settings.log = log
        let journal = try Journal.open(settings) { _, _ in }
        let attempt = AttemptID(high: 5, low: 6)
        var trust = LogTrust(verifier: log.signer.verifier)
        var rounds = 0
        for number in 0..<6_000 {
            let name = number % 1_000 == 7 ? attempt : AttemptID(high: 1, low: UInt64(number))
            _ = try journal.append(Array(#""t":"test","attempt":"\#(name)"}"#.utf8), urgent: true)
            guard number % 400 == 399 else { continue }
            usleep(20_000)
            let files = LogFiles.found(at: folder)
            guard files.has(TilePath.checkpoint) else { continue }
            let kept = try files.checkpoint()
            let report = try verifyLog(files, trust)
            trust.earlier.append(("checkpoint of round \(rounds)", kept))
            #expect(report.origin == "weir.test/live")
            rounds += 1
        }
        #expect(rounds > 3)
        #expect(journal.close())
        let files = LogFiles.found(at: folder)
        trust.segments = files.segments
        let report = try verifyLog(files, trust)
        #expect(report.size + report.tail == 6_000)
        let receipt = try #require(try makeReceipt(attempt: attempt, files, verifier: log.signer.verifier))
        let indexes = receipt.entries.map(\.proof.index)
        #expect(indexes == [7, 1_007, 2_007, 3_007, 4_007, 5_007].filter { $0 < report.size })
        #expect(try verifyReceipt(receipt.bytes, verifier: try LogVerifier(vkey: log.signer.vkey)) == receipt)
    }
}
