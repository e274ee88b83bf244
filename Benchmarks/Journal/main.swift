// How fast the journal takes entries, what an entry costs, and how long reading all of them back takes.
//
//   journal-bench FOLDER ENTRIES [--no-log] [--rate ENTRIES-PER-SECOND]
//
// Entries are of 400 bytes. The folder has to be new, and on the disk that is to be measured.

import Glibc
import Journal

let entryBytes = 400

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// User and system time of the whole process.
func cpuSeconds() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
}

func tenths(_ value: Double) -> String { "\(Int(value * 10) / 10).\(Int(value * 10) % 10)" }
func hundredths(_ value: Double) -> String { "\(Int(value)).\(Int(value * 100) % 100 < 10 ? "0" : "")\(Int(value * 100) % 100)" }

let arguments = CommandLine.arguments
guard arguments.count >= 3, let count = Int(arguments[2]) else {
    print("usage: journal-bench FOLDER ENTRIES [--no-log] [--rate ENTRIES-PER-SECOND]")
    exit(2)
}
let rate = arguments.firstIndex(of: "--rate").flatMap { Int(arguments[$0 + 1]) }
var settings = Journal.Settings(folder: arguments[1])
if !arguments.contains("--no-log") {
    settings.log = try LogSettings(origin: "bench/log", seed: [UInt8](repeating: 1, count: 32))
}

let journal = try Journal.open(settings) { _, _ in }
let rest = Array("\"t\":\"bench\",\"x\":\"".utf8) + [UInt8](repeating: 0x78, count: entryBytes - 70) + Array("\"}".utf8)
let began = seconds()
let cpuBegan = cpuSeconds()
var most: UInt64 = 0
var appended = 0
while appended < count {
    if let rate, Double(appended) > (seconds() - began) * Double(rate) {
        usleep(200)
        continue
    }
    // Each fiftieth is waited for by somebody, so that commits come as often as under load.
    if (try? journal.append(rest, urgent: appended % 50 == 0)) != nil {
        appended += 1
    } else {
        usleep(200)
    }
    if appended % 4096 == 0 { most = max(most, journal.durable - (journal.checkpoint?.size ?? 0)) }
}
while journal.durable < UInt64(count) { usleep(200) }
let took = seconds() - began
while settings.log != nil, journal.checkpoint?.size ?? 0 < UInt64(count) { usleep(1_000) }
let cpu = cpuSeconds() - cpuBegan
let numbers = journal.statistics
print(
    "\(count) entries of \(entryBytes) bytes in \(tenths(took)) s: \(Int(Double(count) / took)) entries/s, "
        + "\(hundredths(cpu / Double(count) * 1e6)) µs CPU an entry (appending included)")
print(
    "\(numbers.commits) commits, \(numbers.checkpoints) checkpoints (\(tenths(Double(numbers.checkpoints) / took))/s), "
        + "\(most) entries behind at most, \(numbers.segments) segments left, trouble: \(numbers.logTrouble ?? "none")")
print("sync p50 \(numbers.syncMicroseconds.percentile(0.5)) µs, p99 \(numbers.syncMicroseconds.percentile(0.99)) µs")
journal.close()

var from = UInt64(count)
for name in ["restart with books up to date", "reading all back"] {
    let began = seconds()
    let cpuBegan = cpuSeconds()
    var seen = 0
    let again = try Journal.open(settings, from: from) { _, _ in seen += 1 }
    print("\(name): \(seen) entries in \(hundredths(seconds() - began)) s, \(hundredths(cpuSeconds() - cpuBegan)) s CPU")
    again.close()
    from = 0
}
