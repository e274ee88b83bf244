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
        // OpenAI with sound, and with what was written to the cache: parts of the whole.
        (
            #"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"cached_tokens":40,"audio_tokens":25,"text_tokens":75},"completion_tokens_details":{"reasoning_tokens":5,"audio_tokens":30,"accepted_prediction_tokens":2,"rejected_prediction_tokens":1}}"#,
            Usage(input: 35, cachedInput: 40, audioInput: 25, output: 15, reasoning: 5, audioOutput: 30)
        ),
        (
            #"{"input_tokens":100,"input_tokens_details":{"cached_tokens":40,"cache_write_tokens":50},"output_tokens":1,"total_tokens":101}"#,
            Usage(input: 10, cachedInput: 40, cacheWrite: 50, output: 1)
        ),
        (
            #"{"input_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40},"output_tokens":1100,"output_tokens_details":{"image_tokens":1056,"text_tokens":44},"total_tokens":1150}"#,
            Usage(input: 10, imageInput: 40, output: 44, imageOutput: 1056)
        ),
        // DashScope: the same names as OpenAI, its own names, images beside the details, and a cache that may hold the image.
        (
            #"{"prompt_tokens":3019,"completion_tokens":104,"total_tokens":3123,"prompt_tokens_details":{"cached_tokens":2048}}"#,
            Usage(input: 971, cachedInput: 2048, output: 104)
        ),
        (
            #"{"prompt_tokens":1612,"completion_tokens":7,"total_tokens":1619,"prompt_tokens_details":{"cached_tokens":0,"cache_type":"ephemeral","cache_creation_input_tokens":1600,"cache_creation":{"ephemeral_5m_input_tokens":1600}}}"#,
            Usage(input: 12, cacheWrite: 1600, output: 7)
        ),
        (
            #"{"input_tokens":26,"output_tokens":66,"total_tokens":92,"prompt_tokens_details":{"cached_tokens":20}}"#,
            Usage(input: 6, cachedInput: 20, output: 66)
        ),
        (
            #"{"input_tokens":1276,"output_tokens":9,"image_tokens":1247,"input_tokens_details":{"image_tokens":1247,"text_tokens":29}}"#,
            Usage(input: 29, imageInput: 1247, output: 9)
        ),
        (
            #"{"prompt_tokens":1000,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":512,"image_tokens":900}}"#,
            Usage(cachedInput: 512, imageInput: 488, output: 1)
        ),
        // Anthropic: what the cache read and wrote is not in `input_tokens`.
        (
            #"{"input_tokens":4,"cache_creation_input_tokens":1165,"cache_read_input_tokens":30,"output_tokens":201,"service_tier":"standard"}"#,
            Usage(input: 4, cachedInput: 30, cacheWrite: 1165, output: 201)
        ),
        (
            #"{"input_tokens":4,"cache_creation_input_tokens":556,"cache_read_input_tokens":1111,"cache_creation":{"ephemeral_5m_input_tokens":456,"ephemeral_1h_input_tokens":100},"output_tokens":1}"#,
            Usage(input: 4, cachedInput: 1111, cacheWrite: 456, cacheWriteHour: 100, output: 1)
        ),
        // The same names behind an OpenAI-compatible front, where the prompt is the whole.
        (
            #"{"prompt_tokens":1115,"completion_tokens":1,"cache_read_input_tokens":1111,"prompt_tokens_details":{"cached_tokens":1111}}"#,
            Usage(input: 4, cachedInput: 1111, output: 1)
        ),
        // Reasoning beside the output instead of in it: only the total tells (xAI).
        (
            #"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":315,"completion_tokens_details":{"reasoning_tokens":300}}"#,
            Usage(input: 10, output: 5, reasoning: 300)
        ),
        // Azure's DeepSeek: names that mean nothing to us.
        (
            #"{"prompt_tokens":19,"total_tokens":1739,"completion_tokens":1720,"prompt_tokens_details":null,"reasoning_tokens":0}"#,
            Usage(input: 19, output: 1720)
        ),
        (#"{"prompt_tokens":6,"input_tokens":6,"completion_tokens":1,"output_tokens":1}"#, Usage(input: 6, output: 1)),
        // A stream's two reports, as they are kept.
        (
            #"{"message_start":{"input_tokens":43,"cache_read_input_tokens":7,"output_tokens":1},"message_delta":{"output_tokens":20}}"#,
            Usage(input: 43, cachedInput: 7, output: 20)
        ),
        (
            #"{"message_start":{"input_tokens":1,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":5},"output_tokens":1},"message_delta":{"input_tokens":2,"cache_creation_input_tokens":9,"output_tokens":3}}"#,
            Usage(input: 2, cacheWrite: 9, output: 3)
        ),
        (
            #"{"message_start":{"input_tokens":1,"cache_creation_input_tokens":5,"cache_creation":{"ephemeral_1h_input_tokens":5},"output_tokens":1},"message_delta":{"cache_creation_input_tokens":9,"output_tokens":3}}"#,
            nil
        ),
        // What cannot be true.
        (#"{"prompt_tokens":6,"input_tokens":7,"completion_tokens":1}"#, nil),
        (#"{"prompt_tokens":6,"completion_tokens":1,"total_tokens":9}"#, nil),
        (#"{"prompt_tokens":6,"completion_tokens":1,"total_tokens":5}"#, nil),
        (#"{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":4}"#, nil),
        (
            #"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":3},"prompt_cache_hit_tokens":4}"#,
            nil
        ),
        (#"{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":5}}"#, nil),
        (#"{"prompt_tokens":9,"completion_tokens":3,"completion_tokens_details":{"reasoning_tokens":2,"audio_tokens":2}}"#, nil),
        (#"{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2.5}}"#, nil),
        (
            #"{"input_tokens":4,"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5},"output_tokens":1}"#,
            nil
        ),
        (#"{"input_tokens":4,"cache_read_input_tokens":-1,"output_tokens":1}"#, nil),
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
        #expect(Array(text.utf8).withUnsafeBytes { readUsage($0) } == meters, "what is kept says the same")
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
            "ollama-native-chat.json": Usage(input: 17, output: 66),
            "openai-chat-2026.json": Usage(input: 16, output: 363),
        ]
        for answer in RecordedAnswer.answers {
            let scan = try readAnswer(ByteBuffer(bytes: answer.bytes))
            #expect(scan.usage == golden[answer.name], "\(answer.name)")
        }
    }

    @Test("The tier that was served is read where each dialect tells it, and an unknown word is no tier")
    func tiers() throws {
        func tier(_ body: String) throws -> ServiceTier? { try readAnswer(ByteBuffer(string: body)).servedTier }
        let words: [(String, ServiceTier?)] = [
            ("default", .standard), ("standard", .standard), ("priority", .priority), ("flex", .flex), ("batch", .batch),
            ("auto", nil), ("scale", nil), ("", nil), ("Default", nil),
        ]
        for (word, expected) in words {
            #expect(try tier(#"{"id":"x","service_tier":"\#(word)"}"#) == expected)
            #expect(try tier(#"{"usage":{"input_tokens":1,"output_tokens":1,"service_tier":"\#(word)"}}"#) == expected)
        }
        for (word, isUnknown) in [("scale", true), ("Default", true), ("auto", false), ("", false), ("on_demand", false)] {
            #expect(try readAnswer(ByteBuffer(string: #"{"service_tier":"\#(word)"}"#)).hasUnknownTier == isUnknown, "\(word)")
            var reader = StreamReader(dialect: .chat, hideUsage: false)
            _ = reader.read(ByteBuffer(string: "data: {\"service_tier\":\"\(word)\",\"choices\":[]}\n\n"))
            #expect(reader.hasUnknownTier == isUnknown, "\(word)")
        }
        #expect(try tier(#"{"service_tier":null}"#) == nil)
        #expect(try tier(#"{"service_tier":7}"#) == nil)
        #expect(
            try readAnswer(ByteBuffer(bytes: RecordedAnswer.named("azure-responses-gpt-5.5.json").bytes)).servedTier == .standard)
        let stream = RecordedAnswer.named("azure-text-stream.sse")
        #expect(
            readStream(stream.bytes, dialect: .responses).servedTier == "standard", "the last event tells, the first say auto")
        let flex = "data: {\"service_tier\":\"auto\",\"choices\":[]}\n\ndata: {\"service_tier\":\"flex\",\"choices\":[]}\n\n"
        #expect(readStream(Array(flex.utf8), dialect: .chat).servedTier == "flex")
        let lost = flex + "data: {\"service_tier\":\"scale\",\"choices\":[]}\n\n"
        #expect(readStream(Array(lost.utf8), dialect: .chat).servedTier == nil)
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
