import Core
import NIOCore
import Testing
import Wire

@Suite("Usage is read as meters that do not overlap")
struct UsageTests {
    static let table: [(usage: String, meters: Usage?)] = [
        (#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}"#, Usage(input: 10, output: 5)),
        (
            #"{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":3}}"#,
            Usage(input: 6, cachedInput: 4, output: 2, reasoning: 3)
        ),
        (
            #"{"prompt_tokens":339,"completion_tokens":83,"prompt_cache_hit_tokens":320,"prompt_cache_miss_tokens":19}"#,
            Usage(input: 19, cachedInput: 320, output: 83)
        ),
        (
            #"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":4},"prompt_cache_hit_tokens":4}"#,
            Usage(input: 5, cachedInput: 4, output: 1)
        ),
        (
            #"{"input_tokens":90,"input_tokens_details":{"cached_tokens":8},"output_tokens":15,"output_tokens_details":{"reasoning_tokens":7},"total_tokens":105}"#,
            Usage(input: 82, cachedInput: 8, output: 8, reasoning: 7)
        ),
        (#"{"prompt_tokens":6,"total_tokens":6}"#, Usage(input: 6)),
        (#"{"prompt_tokens":6}"#, Usage(input: 6)),
        (
            #"{"prompt_tokens":6,"completion_tokens":0,"prompt_tokens_details":null,"completion_tokens_details":null}"#,
            Usage(input: 6)
        ),
        (
            #"{"prompt_tokens":6,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":null}}"#,
            Usage(input: 6, output: 1)
        ),
        (#"{"prompt_tokens":0,"completion_tokens":0}"#, .zero),
        (#"{"prompt_tokens":1000000000,"completion_tokens":1000000000}"#, Usage(input: 1_000_000_000, output: 1_000_000_000)),
        // What cannot be true.
        (#"{}"#, nil), (#"{"completion_tokens":5}"#, nil), (#"{"prompt_tokens":6,"total_tokens":9}"#, nil),
        (#"{"prompt_tokens":-1,"completion_tokens":5}"#, nil), (#"{"prompt_tokens":1.5,"completion_tokens":5}"#, nil),
        (#"{"prompt_tokens":1e3,"completion_tokens":5}"#, nil), (#"{"prompt_tokens":"9","completion_tokens":5}"#, nil),
        (#"{"prompt_tokens":1000000001,"completion_tokens":5}"#, nil),
        (#"{"prompt_tokens":99999999999999999999,"completion_tokens":5}"#, nil),
        (#"{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4}}"#, nil),
        (#"{"prompt_tokens":3,"completion_tokens":5,"completion_tokens_details":{"reasoning_tokens":6}}"#, nil),
        (#"{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":-1}}"#, nil),
        ("null", nil), ("7", nil), ("[]", nil),
    ]

    @Test("Each dialect's usage, and numbers that cannot be true", arguments: table.indices)
    func meters(_ index: Int) throws {
        let (text, meters) = Self.table[index]
        let body = #"{"model":"m","usage":\#(text),"choices":[]}"#
        let answer = try readAnswer(ByteBuffer(string: body))
        #expect(answer.usage == meters)
        #expect(RequestScanTests.text(body, answer.rawUsage) == (text.first == "{" ? text : nil))
        #expect(RequestScanTests.text(body, answer.model) == "m")
        #expect(answer.error == nil)
    }

    @Test("Recorded answers give the usage that they report")
    func recorded() throws {
        let golden: [String: Usage] = [
            "alibaba-reasoning.json": Usage(input: 24, output: 315, reasoning: 1353),
            "alibaba-text.json": Usage(input: 18, output: 1064),
            "alibaba-tool-call.json": Usage(input: 295, output: 22),
            "azure-chat-output-filtered.json": Usage(input: 15, output: 19),
            "azure-chat.json": Usage(input: 15, output: 24),
            "azure-deepseek-reasoning.json": Usage(input: 19, output: 1969),
            "azure-embeddings-0.json": Usage(input: 8, output: 0),
            "azure-provider-call.json": Usage(input: 14, output: 9),
            "azure-reasoning-0.json": Usage(input: 11, output: 11, reasoning: 192),
            "azure-responses-gpt-5.5.json": Usage(input: 18, output: 7, reasoning: 9),
            "azure-text.json": Usage(input: 11, output: 11),
            "azure-tool-call.json": Usage(input: 45, output: 24),
            "deepseek-reasoning.json": Usage(input: 18, output: 30, reasoning: 315),
            "deepseek-text.json": Usage(input: 13, output: 300),
            "deepseek-tool-call.json": Usage(input: 19, cachedInput: 320, output: 44, reasoning: 48),
            "openai-chat-2026.json": Usage(input: 16, output: 363),
        ]
        for answer in RecordedAnswer.answers {
            let scan = try readAnswer(ByteBuffer(bytes: answer.bytes))
            #expect(scan.usage == golden[answer.name], "\(answer.name)")
        }
    }

    @Test("Anything but one whole object is no answer")
    func incomplete() {
        for body in ["", "{", #"{"a":1"#, "{}{}", "[]", "null", "<html>", #"{"a":01}"#] {
            #expect(throws: ScanError.self, "\(body)") { try readAnswer(ByteBuffer(string: body)) }
        }
        let whole = RecordedAnswer.named("openai-chat-2026.json").bytes
        let end = (whole.lastIndex(of: UInt8(ascii: "}")) ?? 0)
        for cut in stride(from: 0, through: end, by: 7) {
            #expect(throws: ScanError.self) { try readAnswer(ByteBuffer(bytes: whole[..<cut])) }
        }
    }

    @Test("An error inside a 200 is seen; a null one is none")
    func error() throws {
        let body = #"{"error":{"code":"x"},"id":1}"#
        #expect(RequestScanTests.text(body, try readAnswer(ByteBuffer(string: body)).error) == #"{"code":"x"}"#)
        #expect(try readAnswer(ByteBuffer(string: #"{"error":null}"#)).error == nil)
    }
}
