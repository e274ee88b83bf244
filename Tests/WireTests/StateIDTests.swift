import Core
import Foundation
import NIOCore
import Testing
import Wire

@Suite("Ids of stored state in answers become the caller's")
struct StateIDTests {
    private static let sent = StateIDs.Pair(provider: Array("resp_sent".utf8), caller: Array("MINE".utf8))

    /// Every id of its own becomes `<place:id>`, where ids that begin with `bad` cannot be told.
    private static let ids = StateIDs(sent: [sent]) { place, id in
        let text = String(decoding: id, as: UTF8.self)
        if text.hasPrefix("bad") { return .unusable }
        return text.hasPrefix("keep") ? .keep : .replace(Array("<\(place):\(text)>".utf8))
    }

    private func answered(_ json: String) -> String? {
        var ids = Self.ids
        let body = ByteBuffer(string: json)
        return ids.edits(ofAnswer: body).map { String(buffer: spliced(body, $0)) }
    }

    @Test(
        "In a whole answer: its own id, the one that it builds on and its conversation, and nothing else",
        arguments: [
            (#"{"id":"resp_1","object":"response"}"#, #"{"id":"<own:resp_1>","object":"response"}"#),
            (
                #" { "previous_response_id" : "resp_sent", "id" :"r", "output":[{"id":"msg_1","response":{"id":"x"}}] } "#,
                #" { "previous_response_id" : "MINE", "id" :"<own:r>", "output":[{"id":"msg_1","response":{"id":"x"}}] } "#
            ),
            (
                #"{"id":"keep","previous_response_id":null,"conversation":{"id":"conv_1","x":1}}"#,
                #"{"id":"keep","previous_response_id":null,"conversation":{"id":"<conversation:conv_1>","x":1}}"#
            ),
            (
                #"{"conversation":"conv_1","metadata":{"id":"resp_1"},"user":"resp_sent"}"#,
                #"{"conversation":"<conversation:conv_1>","metadata":{"id":"resp_1"},"user":"resp_sent"}"#
            ),
            (#"{"id":7,"conversation":null}"#, #"{"id":7,"conversation":null}"#),
            // Another reader might take either of two.
            (#"{"id":"a","id":"b"}"#, #"{"id":"<own:a>","id":"<own:b>"}"#),
        ])
    func whole(_ json: String, _ wanted: String) { #expect(answered(json) == wanted) }

    @Test(
        "An answer whose ids cannot be told, or could be read in two ways, is not passed on",
        arguments: [
            #"{"id":"bad"}"#, #"{"id":"resp\u005f1"}"#, #"{"\u0069d":"resp_1"}"#, #"{"conversation":{"\u0069d":"c"}}"#,
            #"{"previous_response_id":"r\/"}"#, #"{"id":"resp_1"} {}"#, #"{"id":"resp_1""#, "",
        ])
    func unusable(_ json: String) { #expect(answered(json) == nil) }

    @Test("An error that repeats an id in its words has the caller's, and other words stay")
    func errors() {
        let body = ByteBuffer(
            string: #"{"error":{"message":"No 'resp_sent' here, resp_sent2, xresp_sent.","param":"resp_sent"}}"#)
        #expect(
            String(buffer: spliced(body, Self.ids.edits(ofError: body)))
                == #"{"error":{"message":"No 'MINE' here, resp_sent2, xresp_sent.","param":"MINE"}}"#)
    }

    // MARK: Streams

    private func streamed(_ bytes: [UInt8], cuts: [Int] = []) -> (text: String, close: StreamClose, last: StreamStep.Progress) {
        var reader = StreamReader(dialect: .responses, hideUsage: false, ids: Self.ids)
        var text = ByteBuffer()
        var last = StreamStep.Progress.open
        for (from, to) in zip([0] + cuts, cuts + [bytes.count]) {
            let step = reader.read(ByteBuffer(bytes: bytes[from..<to]))
            if let forward = step.forward { text.writeImmutableBuffer(forward) }
            last = step.progress
        }
        let close = reader.endOfInput()
        if close == .complete { text.writeImmutableBuffer(reader.rest) }
        return (String(buffer: text), close, last)
    }

    @Test(
        "In a stream: in every event that tells of the response, whatever the reads, and all else byte for byte",
        arguments: ["openai-responses-stream.sse", "openai-responses-stream-error.sse", "deepseek-responses-stream.sse"])
    func recorded(_ name: String) throws {
        let bytes = RecordedAnswer.named(name).bytes
        let text = String(decoding: bytes, as: UTF8.self)
        let start = try #require(text.range(of: #""response":{"id":""#)).upperBound
        let id = String(text[start...].prefix { $0 != "\"" })
        let wanted = text.replacing("\"id\":\"\(id)\"", with: "\"id\":\"<own:\(id)>\"")
        #expect(wanted != text && !wanted.replacing("<own:\(id)>", with: "").contains(id))
        #expect(streamed(bytes).text == wanted)
        var dice = Dice(seed: testSeed("ids of \(name)"))
        for _ in 0..<50 { #expect(streamed(bytes, cuts: randomCuts(bytes.count, &dice)).text == wanted) }
        #expect(streamed(bytes, cuts: Array(1..<bytes.count)).text == wanted)
    }

    @Test("An end whose blank line is missing has the caller's ids too")
    func noBlankLine() {
        let end = #"data: {"type":"response.completed","response":{"id":"resp_1","previous_response_id":"resp_sent"}}"#
        let wanted = #"data: {"type":"response.completed","response":{"id":"<own:resp_1>","previous_response_id":"MINE"}}"#
        for tail in ["", "\n", "\r\n"] {
            let found = streamed(Array((end + tail).utf8))
            #expect(found.text == wanted + tail && found.close == .complete)
        }
    }

    @Test("A failure has the caller's ids in its words")
    func failures() {
        let created = #"data: {"type":"response.created","response":{"id":"resp_1"}}"# + "\n\n"
        let failed =
            #"data: {"type":"response.failed","response":{"id":"resp_1","error":{"message":"resp_1 after resp_sent"}}}"# + "\n\n"
        #expect(
            streamed(Array((created + failed).utf8)).text
                == #"data: {"type":"response.created","response":{"id":"<own:resp_1>"}}"# + "\n\n"
                + #"data: {"type":"response.failed","response":{"id":"<own:resp_1>","error":{"message":"<own:resp_1> after MINE"}}}"#
                + "\n\n")
    }

    @Test("Events in pieces pass where they name no state, and end the stream where they do")
    func pieces() {
        let harmless = "data: {\"type\":\"response.x\",\ndata: \"a\":1}\n\n"
        #expect(streamed(Array(harmless.utf8)).text == harmless)
        for event in [
            "data: {\"type\":\"response.created\",\ndata: \"response\":{\"id\":\"resp_1\"}}\n\n",
            "data: {\"type\":\"response.created\",\"response\":{\"id\":\"bad\"}}\n\n",
            "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"b\\u0061d\"}}\n\n",
            "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"bad\"}}",
        ] {
            let found = streamed(Array((harmless + event).utf8))
            #expect(found.text == harmless)
            #expect(found.close == .cut)
            #expect(found.last == .violated(.unusableID) || !event.hasSuffix("\n"))
        }
    }
}
