import Core
import Dialects
import NIOCore
import Wire

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

// What one event of a stream costs to translate: `dialect-bench FILE.sse DIALECT [ROUNDS]`. The reading that every stream has anyway is timed
// beside it. `dialect-bench --image MEGABYTES [ROUNDS]`: what a request with an image of that size costs to translate.

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

func median(_ samples: [Double]) -> Double { samples.sorted()[samples.count / 2] }

if CommandLine.arguments.count >= 3, CommandLine.arguments[1] == "--image", let megabytes = Int(CommandLine.arguments[2]) {
    let data = String(repeating: "iVBORw0KGgoAAAAN/+89", count: megabytes * 1024 * 1024 / 20)
    let image = #"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"\#(data)"}}"#
    let part = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(data)"}}"#
    let bodies: [(Dialect, String)] = [
        (.messages, #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[\#(image)]}]}"#),
        (.chat, #"{"model":"m","messages":[{"role":"user","content":[\#(part)]}]}"#),
    ]
    for (source, text) in bodies {
        let body = ByteBuffer(string: text)
        let target = Target(
            dialect: source == .chat ? .messages : .chat, model: "m", limitName: "max_tokens", reasoning: .effort, maxOutput: 9)
        var scans: [Double] = []
        var translations: [Double] = []
        for _ in 0..<(CommandLine.arguments.count > 3 ? Int(CommandLine.arguments[3]) ?? 20 : 20) {
            var start = nanoseconds()
            _ = try scanRequest(body, dialect: source, maxDepth: 64)
            scans.append(Double(nanoseconds() - start) / 1e6 / Double(megabytes))
            start = nanoseconds()
            let said = try translateRequest(body, from: source, stream: false, for: target)
            precondition(said.readableBytes > megabytes * 1024 * 1024 - 20)
            translations.append(Double(nanoseconds() - start) / 1e6 / Double(megabytes))
        }
        print("\(source) to \(target.dialect): ms a megabyte \(median(translations)); the scan that every request has \(median(scans))")
    }
    exit(0)
}

guard CommandLine.arguments.count >= 3, let source = Dialect(rawValue: CommandLine.arguments[2]) else {
    print("usage: dialect-bench FILE.sse DIALECT [ROUNDS]")
    exit(64)
}
let rounds = CommandLine.arguments.count > 3 ? Int(CommandLine.arguments[3]) ?? 200 : 200

guard let file = fopen(CommandLine.arguments[1], "r") else {
    print("\(CommandLine.arguments[1]) cannot be read")
    exit(66)
}
var bytes = [UInt8](repeating: 0, count: 16 * 1024 * 1024)
let count = fread(&bytes, 1, bytes.count, file)
fclose(file)

/// Each event in a buffer of its own, as it comes from a provider that writes one at a time.
let events = wholeEvents(ByteBuffer(bytes: bytes[..<count]))
let blocks = events.map {
    ByteBuffer(string: ($0.name.isEmpty ? "" : "event: \($0.name)\n") + "data: \(String(buffer: $0.data))\n\n")
}

let clients: [Dialect] = [.chat, .messages, .responses, .generation].filter { $0 != source }
var readings: [Double] = []
var translations: [Dialect: [Double]] = [:]
var written = 0
for _ in 0..<rounds {
    var reader = StreamReader(dialect: source, hideUsage: false)
    var start = nanoseconds()
    for block in blocks { _ = reader.read(block) }
    readings.append(Double(nanoseconds() - start) / Double(blocks.count) / 1_000)
    for client in clients {
        var translation = StreamTranslation(
            from: source, for: Client(dialect: client, model: "m", now: 1_700_000_000, wantsPieces: true))
        start = nanoseconds()
        for block in blocks { written += translation.translate(block)?.readableBytes ?? 0 }
        translations[client, default: []].append(Double(nanoseconds() - start) / Double(blocks.count) / 1_000)
    }
}
print("\(blocks.count) events, \(rounds) rounds, median µs an event; reading alone \(median(readings))")
for client in clients { print("\(source) to \(client): \(median(translations[client] ?? []))") }
precondition(written > 0)
