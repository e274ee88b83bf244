import NIOCore
import Testing
import Wire

@Suite("An error's body says what decides on trying again, in any provider's shape")
struct ErrorReaderTests {
    static let table: [(body: String, code: String?, type: String?)] = [
        (
            #"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            "insufficient_quota", "insufficient_quota"
        ),
        (#"{"error":{"code":"429","message":"Please retry after 6 seconds"}}"#, "429", nil),
        (#"{"error":{"code":429,"message":"m"}}"#, "429", nil),
        (#"{"code":"Throttling.RateQuota","message":"m","request_id":"r"}"#, "Throttling.RateQuota", nil),
        (#"{"error_code":"ModelArts.81101","error_msg":"m"}"#, "ModelArts.81101", nil),
        (#"{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}"#, "400", "BadRequestError"),
        (#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, nil, "overloaded_error"),
        (#"{"error":"model not found"}"#, nil, nil),
        (#"{"code":"server_error","message":"m"}"#, "server_error", nil),
        ("<html>", nil, nil), ("", nil, nil), (#"{"error":{"code":"x"}"#, nil, nil), ("[1]", nil, nil),
    ]

    @Test("Code and type", arguments: table.indices)
    func shapes(_ index: Int) {
        let (body, code, type) = Self.table[index]
        let facts = readError(ByteBuffer(string: body))
        #expect(facts.code == code)
        #expect(facts.type == type)
    }

    @Test("Recorded errors name their code or type")
    func recorded() {
        for answer in RecordedAnswer.answers where answer.name.contains("40") {
            let facts = readError(ByteBuffer(bytes: answer.bytes))
            #expect(facts.isObject)
            #expect(facts.code != nil || facts.type != nil, "\(answer.name)")
        }
        let filtered = readError(ByteBuffer(bytes: RecordedAnswer.named("azure-chat-prompt-filtered-400.json").bytes))
        #expect(filtered.code == "content_filter")
        #expect(filtered.innerCode == "ResponsibleAIPolicyViolation")
        #expect(filtered.parameter == "prompt")
    }

    @Test("Words are clipped and plain, so that they can be logged")
    func words() {
        let long = String(repeating: "x", count: 200)
        #expect(readError(ByteBuffer(string: #"{"code":"\#(long)"}"#)).code?.utf8.count == 64)
        #expect(readError(ByteBuffer(string: #"{"code":"a b\n\"<c>\u0041é"}"#)).code == "abncu0041")
        #expect(readError(ByteBuffer(string: #"{"code":" é"}"#)).code == nil)
    }

    @Test("A request that is too large for the account never succeeds, and says so")
    func tooLarge() {
        #expect(
            readError(ByteBuffer(string: #"{"error":{"message":"Request too large for gpt-4o","code":"rate_limit_exceeded"}}"#))
                .saysTooLarge)
        #expect(
            !readError(ByteBuffer(string: #"{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}"#))
                .saysTooLarge)
    }
}
