import Foundation
import Synchronization
import TestKit
import Testing

@testable import Journal

@Suite("The journal") struct JournalTests {
    @Test("What was appended and committed is found again, in order, after a close")
    func roundTrip() throws {
        try withFolder { folder in
            let (journal, before) = try open(settings(folder))
            #expect(before.isEmpty)
            #expect(try journal.append(rest("a"), urgent: true) == 0)
            #expect(try journal.append(rest("b"), urgent: false) == 1)
            #expect(journal.durable == 0)
            #expect(journal.commit())
            #expect(journal.durable == 2)
            #expect(try journal.append(rest("c"), urgent: false) == 2)
            #expect(journal.close())
            let (again, entries) = try open(settings(folder))
            #expect(entries == [entry(0, "a"), entry(1, "b"), entry(2, "c")])
            #expect(again.durable == 3)
            #expect(again.next == 3)
            #expect(try again.append(rest("d"), urgent: true) == 3)
            again.close()
            let (last, tail) = try open(settings(folder), from: 2)
            #expect(tail == [entry(2, "c"), entry(3, "d")])
            last.close()
        }
    }

    @Test("The thread makes urgent entries durable at once and others within their time, and tells who listens")
    func thread() throws {
        try withFolder { folder in
            let (journal, _) = try open(settings(folder, byHand: false))
            let told = Mutex<[UInt64]>([])
            journal.onCommit { durable in told.withLock { $0.append(durable) } }
            _ = try journal.append(rest("urgent"), urgent: true)
            #expect(eventually { journal.durable == 1 })
            _ = try journal.append(rest("lazy"), urgent: false)
            #expect(eventually { journal.durable == 2 })
            // Once the writer sleeps deeply, an entry that nobody waits for still gets there.
            usleep(100_000)
            _ = try journal.append(rest("lazy"), urgent: false)
            #expect(eventually { journal.durable == 3 })
            #expect(eventually { told.withLock { $0 } == [1, 2, 3] })
            #expect(journal.state == .running)
            #expect(journal.close())
            #expect(journal.close())
            #expect(journal.state == .closed)
            #expect(throws: JournalError.closed) { try journal.append(rest("late"), urgent: true) }
        }
    }

    @Test("A second journal on the same folder is refused, and allowed after the first has closed")
    func exclusive() throws {
        try withFolder { folder in
            let (first, _) = try open(settings(folder))
            #expect(throws: JournalError.locked(folder: folder)) { try open(settings(folder)) }
            first.close()
            try open(settings(folder)).journal.close()
        }
    }

    @Test("An entry larger than the limit is refused and uses no sequence number; the largest one fits")
    func tooLarge() throws {
        let (journal, _) = try open(settings(), LossyDisk(seed: 1).boot())
        let head = "{\"v\":2,\"n\":0,\"s\":\"\",".utf8.count + 22
        #expect(throws: JournalError.entryTooLarge(bytes: 65_536, limit: 65_535)) {
            try journal.append([UInt8](repeating: 120, count: 65_536 - head), urgent: true)
        }
        #expect(try journal.append([UInt8](repeating: 120, count: 65_535 - head), urgent: true) == 0)
        // It is larger than a whole segment of these settings, too.
        #expect(journal.commit())
        #expect(try journal.append(rest("next"), urgent: true) == 1)
        #expect(journal.close())
    }

    @Test("Entries are read back from any place, over many segments, up to what is durable")
    func reading() throws {
        try withFolder { folder in
            var random = SeededRandom(seed: 7)
            var expected: [String] = []
            let (journal, _) = try open(settings(folder))
            for batch in 0..<60 {
                for _ in 0..<Int.random(in: 1...9, using: &random) {
                    let text = "\(batch)-" + fillRandomly(&random)
                    expected.append(entry(expected.count, text))
                    _ = try journal.append(rest(text), urgent: true)
                }
                #expect(journal.commit())
            }
            _ = try journal.append(rest("not durable"), urgent: true)
            func check(_ journal: Journal) throws {
                for from in stride(from: 0, through: expected.count, by: 5) {
                    var read: [String] = []
                    let next = try journal.read(from: UInt64(from), limit: 17) { sequence, bytes in
                        #expect(Int(sequence) == from + read.count)
                        read.append(text(bytes))
                    }
                    #expect(read == Array(expected[from..<min(from + 17, expected.count)]))
                    #expect(Int(next) == from + read.count)
                }
            }
            try check(journal)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count > 5)
            journal.close()
            expected.append(entry(expected.count, "not durable"))
            // Also where segments before `from` were not looked at.
            let (tail, entries) = try open(settings(folder), from: UInt64(expected.count - 3))
            #expect(entries == Array(expected.suffix(3)))
            try check(tail)
            tail.close()
            var scanned: [String] = []
            let end = try Journal.scan(folder: folder) { scanned.append(text($1)) }
            #expect(scanned == expected)
            #expect(Int(end) == expected.count)
        }
    }

    @Test("Eight threads append at once: every entry gets its own number, all are found, and commits are few")
    func groupCommit() throws {
        try withFolder { folder in
            var settings = settings(folder, segmentBytes: 4 * 1024 * 1024, byHand: false)
            settings.commitIntervalMicroseconds = 2_000
            let (journal, _) = try open(settings)
            let threads = 8
            let each = 2_000
            let numbers = Mutex<[UInt64]>([])
            let began = monotonicNanoseconds()
            DispatchQueue.concurrentPerform(iterations: threads) { thread in
                var mine: [UInt64] = []
                for index in 0..<each {
                    if let number = try? journal.append(rest("\(thread)/\(index)"), urgent: true) { mine.append(number) }
                    if index % 50 == 0 { usleep(1_000) }
                }
                numbers.withLock { $0 += mine }
            }
            #expect(journal.close())
            let milliseconds = (monotonicNanoseconds() - began) / 1_000_000
            #expect(numbers.withLock { $0 }.sorted() == (0..<UInt64(threads * each)).map { $0 })
            let statistics = journal.statistics
            #expect(statistics.entries == UInt64(threads * each))
            // One at the start, one at the close, and one for each interval that has begun.
            #expect(statistics.commits <= milliseconds / 2 + 3)
            #expect(statistics.syncMicroseconds.total == statistics.commits)
            let (again, entries) = try open(settings)
            #expect(Set(entries).count == threads * each)
            for thread in 0..<threads {
                let own = entries.filter { $0.contains("\"\(thread)/") }
                #expect(own.count == each)
                #expect(own.enumerated().allSatisfy { $0.element.hasSuffix("\"\(thread)/\($0.offset)\"}") })
            }
            again.close()
        }
    }

    @Test("A journal that lost entries which somebody has read does not open as if nothing were missing")
    func shortened() throws {
        let disk = LossyDisk(seed: 2)
        try open(settings(), disk.boot()).journal.close()
        #expect(throws: JournalError.shortened(from: 5, next: 0)) { try open(settings(), disk.boot(), from: 5) }
    }

    @Test("Leaf hashes are those of RFC 6962")
    func leafHashes() {
        func hex(_ text: String) -> String {
            let digest = ([0] + Array(text.utf8)).withUnsafeBytes { leafHash(prefixed: $0) }
            return withUnsafeBytes(of: digest) { bytes in
                bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
        }
        #expect(hex("") == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    }

    @Test("Percentiles of the histogram are at most an eighth too high")
    func histogram() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.99) == 0)
        for value in UInt64(1)...1_000 { histogram.add(value) }
        #expect((500...563).contains(histogram.percentile(0.5)))
        #expect((990...1_114).contains(histogram.percentile(0.99)))
        histogram.add(.max)
        #expect(histogram.percentile(1) > 1_000_000)
        #expect(histogram.count(through: 7) == 7)
    }
}
