/// A recorded answer that is played byte for byte.
public struct Recording: Sendable {
    var status: Int
    var headers: [Header]
    var bytes: [UInt8]
    var isStream: Bool
    /// What the recorded answer says it cost.
    var usage: PlayedUsage

    /// Fields of the recorded head that belong to its own transfer.
    private static let dropped: Set<String> = [
        "connection", "content-length", "transfer-encoding", "content-encoding", "date", "keep-alive",
    ]

    /// Reads a file, and its status and headers from an `index.json` beside it when there is one.
    init?(path: String, status: Int?) {
        guard let bytes = readFile(path) else { return nil }
        self.bytes = bytes
        isStream = path.hasSuffix(".sse") || path.hasSuffix(".ndjson")
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let name = String(path[path.index(path.startIndex, offsetBy: folder.count)...])
        let entry = readFile(folder + "index.json").flatMap { JSONReader.read($0) }.flatMap { Recording.entry($0, name) }
        self.status = status ?? entry?["status"]?.int ?? 200
        headers = (entry?["responseHeaders"]?.members ?? []).compactMap { member in
            guard let value = member.value.string, !Recording.dropped.contains(member.key.lowercased()) else { return nil }
            return Header(member.key, value)
        }
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            headers.append(Header("content-type", isStream ? "text/event-stream; charset=utf-8" : "application/json"))
        }
        usage = PlayedUsage()
        let documents = isStream ? Recording.payloads(bytes) : [bytes]
        for document in documents {
            if let value = JSONReader.read(document), let found = value["usage"] ?? value["response"]?["usage"] {
                usage = PlayedUsage(
                    input: found["prompt_tokens"]?.int ?? found["input_tokens"]?.int ?? 0,
                    cached: (found["prompt_tokens_details"] ?? found["input_tokens_details"])?["cached_tokens"]?.int ?? 0,
                    output: found["completion_tokens"]?.int ?? found["output_tokens"]?.int ?? 0,
                    reasoning: (found["completion_tokens_details"] ?? found["output_tokens_details"])?["reasoning_tokens"]?.int
                        ?? 0)
            }
        }
    }

    func answer(_ plan: Plan) -> Answer {
        var answer = Answer(status: status, headers: headers, body: .whole(bytes), usage: usage)
        answer.firstTokenMilliseconds = plan.firstTokenMilliseconds
        if isStream {
            var script = StreamScript(inputTokens: usage.input)
            for event in Recording.events(bytes) { script.add(recorded: event) }
            answer.body = .stream(script)
        }
        return answer
    }

    /// `index.json` is a list, or holds one under any key, of entries that name their file.
    private static func entry(_ index: JSON, _ name: String) -> JSON? {
        for list in [index] + (index.members ?? []).map(\.value) {
            if let found = list.array?.first(where: { $0["file"]?.string == name }) { return found }
        }
        return nil
    }

    /// Pieces that end with a blank line; together they are the file.
    private static func events(_ bytes: [UInt8]) -> [[UInt8]] {
        var events: [[UInt8]] = []
        var start = 0
        var lineIsEmpty = false
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") {
                if lineIsEmpty, index + 1 > start {
                    events.append(Array(bytes[start...index]))
                    start = index + 1
                }
                lineIsEmpty = true
            } else if byte != UInt8(ascii: "\r") {
                lineIsEmpty = false
            }
        }
        if start < bytes.count { events.append(Array(bytes[start...])) }
        return events
    }

    /// What stands behind `data:` on each line, or each whole line of NDJSON.
    private static func payloads(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            if line.starts(with: "data:".utf8) { return Array(line.dropFirst(5)) }
            return line.first == UInt8(ascii: "{") ? Array(line) : nil
        }
    }
}
