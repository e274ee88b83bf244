import Core
import NIOCore
import Testing
import Wire

/// The scan of a body, or the code that refuses it.
func scanned(_ body: String, _ operation: Core.Operation = .chat, depth: Int = 64) -> Result<RequestScan, ScanError> {
    Result { () throws(ScanError) in try scanRequest(ByteBuffer(string: body), dialect: operation.dialect, maxDepth: depth) }
}

@Suite("A request's body is scanned once, and refused where it is ambiguous")
struct RequestScanTests {
    static func text(_ body: String, _ range: Range<Int>?) -> String? {
        range.map { String(decoding: Array(body.utf8)[$0], as: UTF8.self) }
    }

    @Test("Every field that is acted on is found, with its place")
    func fields() throws {
        let body = #"""
             {"model" : "gpt-4o", "stream": true , "stream_options":{"include_usage" :false}, "max_tokens":1, "max_completion_tokens":2,
            "max_output_tokens":3, "n_predict":4, "n":5, "best_of":6, "store":true, "service_tier":"flex", "messages":[{},{}]}
            """#
        let scan = try scanned(body).get()
        #expect(Self.text(body, scan.model) == "gpt-4o")
        #expect(scan.stream)
        #expect(Self.text(body, scan.streamMember) == #""stream": true"#)
        #expect(Self.text(body, scan.streamOptions?.range) == #"{"include_usage" :false}"#)
        #expect(scan.streamOptions?.includeUsage?.value == false)
        #expect(Self.text(body, scan.streamOptions?.includeUsage?.range) == "false")
        for (field, value) in [
            (scan.maxTokens, 1), (scan.maxCompletionTokens, 2), (scan.maxOutputTokens, 3), (scan.nPredict, 4), (scan.n, 5),
            (scan.bestOf, 6),
        ] as [(IntegerField?, Int64)] {
            #expect(field?.value == value)
            #expect(Self.text(body, field?.range) == "\(value)")
        }
        #expect(scan.outputLimit == 1)
        #expect(scan.store?.value == true)
        #expect(Self.text(body, scan.serviceTier) == "flex")
        #expect(scan.messages == 2)
        #expect(Self.text(body, scan.object)?.first == "{")
        #expect(Self.text(body, scan.object)?.last == "}")
        #expect(!scan.isEmpty)
    }

    @Test("null is as good as absent, and its place is known, so that it can be replaced")
    func nulls() throws {
        let body =
            #"{"stream":null,"stream_options":null,"max_tokens":null,"store":null,"service_tier":null,"tools":null,"previous_response_id":null,"prediction":null}"#
        let scan = try scanned(body).get()
        #expect(!scan.stream)
        #expect(scan.streamOptions?.isNull == true)
        #expect(Self.text(body, scan.streamOptions?.range) == "null")
        #expect(scan.maxTokens?.value == nil)
        #expect(Self.text(body, scan.maxTokens?.range) == "null")
        #expect(Self.text(body, scan.store?.range) == "null")
        #expect(scan.serviceTier == nil)
        #expect(scan.hostedTool == nil)
        #expect(scan.previousResponseID == nil)
        #expect(!scan.prediction)
    }

    @Test("An empty object is known as one")
    func empty() throws {
        #expect(try scanned(" {} ").get().isEmpty)
        #expect(try scanned(" {} ").get().object == 1..<3)
        #expect(try scanned(#"{"stream_options":{ }}"#).get().streamOptions?.isEmpty == true)
    }

    static let refusals: [(body: String, code: ScanError.Code)] = [
        ("", .incomplete), ("   ", .incomplete), ("{", .incomplete), (#"{"a":"#, .incomplete), (#"{"a":1"#, .incomplete),
        (#"{"a"#, .incomplete),
        (#"{"a":"\"#, .incomplete), (#"{"a":tru"#, .incomplete), ("[]", .notAnObject), ("null", .notAnObject),
        ("\u{FEFF}{}", .notAnObject),
        ("{} {}", .trailingBytes), ("{}x", .trailingBytes), ("{}\0", .trailingBytes),
        (#"{"a":1,}"#, .malformed), (#"{,}"#, .malformed), (#"{"a" 1}"#, .malformed), (#"{a:1}"#, .malformed),
        (#"{'a':1}"#, .malformed),
        (#"{"a":[1,]}"#, .malformed), (#"{"a":[1 2]}"#, .malformed), (#"{"a":[}"#, .malformed), (#"{"a":{]}"#, .malformed),
        (#"{"a":01}"#, .malformed), (#"{"a":+1}"#, .malformed), (#"{"a":.5}"#, .malformed), (#"{"a":1.}"#, .malformed),
        (#"{"a":1e}"#, .malformed), (#"{"a":-}"#, .malformed), (#"{"a":NaN}"#, .malformed), (#"{"a":truE}"#, .malformed),
        (#"{"a":"\x"}"#, .malformed), (#"{"a":"\u12g4"}"#, .malformed), (#"{"a":"\ud800"}"#, .malformed),
        (#"{"a":"\udc00"}"#, .malformed), (#"{"a":"\ud800\u0041"}"#, .malformed), ("{\"a\":\"\n\"}", .malformed),
        ("{\"a\":\"\u{1}\"}", .malformed), ("{\"a\":\u{a0}1}", .malformed), ("/**/{}", .notAnObject),
        (#"{"a":1e999}"#, .outOfRange),
        (#"{"a":1,"a":2}"#, .duplicateKey), (#"{"model":"a","x":{},"model":"b"}"#, .duplicateKey),
        (#"{"stream_options":{"include_usage":true,"include_usage":false}}"#, .duplicateKey),
        (#"{"messages":[{"content":"a","content":[]}]}"#, .duplicateKey),
        (#"{"messages":[{"content":[{"type":"text","type":"image_url"}]}]}"#, .duplicateKey),
        (#"{"messages":[{"content":[{"image_url":{"url":"data:","url":"http:"}}]}]}"#, .duplicateKey),
        (#"{"tools":[{"type":"function","type":"web_search"}]}"#, .duplicateKey),
        (#"{"mod\u0065l":"a"}"#, .escapedKey), (#"{"\/":1}"#, .escapedKey),
        (#"{"tools":[{"typ\u0065":"web_search"}]}"#, .escapedKey),
        (#"{"stream_options":{"includ\u0065_usage":true}}"#, .escapedKey),
        (#"{"messages":[{"content":[{"\u0074ype":"image_url"}]}]}"#, .escapedKey),
        (#"{"model":"a\u0062"}"#, .escapedValue), (#"{"model":""}"#, .escapedValue),
        (#"{"messages":[{"content":[{"type":"im\u0061ge_url"}]}]}"#, .escapedValue),
        (#"{"model":1}"#, .wrongType), (#"{"model":null}"#, .wrongType), (#"{"stream":"true"}"#, .wrongType),
        (#"{"stream":1}"#, .wrongType),
        (#"{"max_tokens":"9"}"#, .wrongType), (#"{"n":[1]}"#, .wrongType), (#"{"messages":"x"}"#, .wrongType),
        (#"{"messages":["x"]}"#, .wrongType),
        (#"{"tools":{}}"#, .wrongType), (#"{"tools":["web_search"]}"#, .wrongType), (#"{"stream_options":true}"#, .wrongType),
        (#"{"store":0}"#, .wrongType), (#"{"modalities":"audio"}"#, .wrongType),
        (#"{"max_tokens":1.0}"#, .notAnInteger), (#"{"n":1e1}"#, .notAnInteger), (#"{"max_tokens":-1}"#, .outOfRange),
        (#"{"n":0}"#, .outOfRange),
        (#"{"max_tokens":9223372036854775808}"#, .outOfRange), (#"{"max_tokens":1000000001}"#, .outOfRange),
        (#"{"max_output_tokens":9223372036854775807}"#, .outOfRange), (#"{"best_of":1000000001}"#, .outOfRange),
        (#"{"n_predict":-1}"#, .outOfRange),
    ]

    @Test("What is ambiguous, malformed or out of range is refused by its own name", arguments: refusals)
    func refused(_ body: String, _ code: ScanError.Code) {
        guard case .failure(let error) = scanned(body) else {
            Issue.record("accepted: \(body)")
            return
        }
        #expect(error.code == code)
        #expect((0...body.utf8.count).contains(error.offset))
    }

    @Test("A refusal names its field and quotes nothing of the body")
    func silent() {
        let canary = "CANARY"
        for (body, code) in Self.refusals {
            let text = body.replacing("a", with: canary)
            guard case .failure(let error) = scanned(text) else { continue }
            #expect(!(error.message + error.action + "\(error)").contains(canary), "\(code)")
            #expect(error.code.rawValue.hasPrefix("weir_"))
        }
        guard case .failure(let error) = scanned(#"{"max_tokens":-1}"#) else { return }
        #expect(error.parameter == "max_tokens")
        #expect(error.message == "The field 'max_tokens' is out of range, at byte 14.")
    }

    @Test("Nesting is bounded, in values that are looked into and in those that are passed")
    func depth() {
        let deepest = String(repeating: "[", count: 70)
        for body in [#"{"x":"#, #"{"stream_options":{"x":"#, #"{"messages":[{"content":[{"text":"#, #"{"tools":[{"function":"#] {
            guard case .failure(let error) = scanned(body + deepest) else { continue }
            #expect(error.code == .tooDeep, "\(body)")
        }
        let body = #"{"a":[[{"b":[]}]]}"#
        #expect((try? scanned(body, depth: 5).get()) != nil)
        #expect(throws: ScanError(.tooDeep, at: 12)) { try scanned(body, depth: 4).get() }
        // The bits that remember what is open end at 128.
        let deep = #"{"a":"# + String(repeating: "[", count: 127) + String(repeating: "]", count: 127) + "}"
        #expect((try? scanned(deep, depth: 1_000).get()) != nil)
        #expect(throws: ScanError.self) { try scanned(deep.replacing("[]", with: "[[]]"), depth: 1_000).get() }
    }

    @Test("Bytes that are not UTF-8 are refused wherever they stand, and all that is UTF-8 passes")
    func utf8() {
        let bad: [[UInt8]] = [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xC3, 0x28], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xE2, 0x82],
            [0xE2, 0x28, 0xA1], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98],
            [0xFF], [0xFE],
        ]
        for bytes in bad {
            for padding in 0..<9 {
                let body = Array("{\"a\":\"".utf8) + Array(repeating: 0x61, count: padding) + bytes + Array("\"}".utf8)
                let scan = Result { () throws(ScanError) in
                    try scanRequest(ByteBuffer(bytes: body), dialect: .chat, maxDepth: 8)
                }
                guard case .failure(let error) = scan else {
                    Issue.record("accepted \(bytes)")
                    continue
                }
                #expect(error.code == .notUTF8)
                #expect(error.offset == 6 + padding)
            }
        }
        for scalar in [0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF].compactMap(Unicode.Scalar.init) {
            #expect((try? scanned("{\"a\":\"x\(Character(scalar))\"}").get()) != nil)
        }
    }

    @Test("More top-level members than any API has are refused")
    func manyKeys() {
        let members = (0..<129).map { "\"k\($0)\":\($0)" }
        #expect((try? scanned("{" + members.dropLast().joined(separator: ",") + "}").get()) != nil)
        guard case .failure(let error) = scanned("{" + members.joined(separator: ",") + "}") else {
            Issue.record("accepted 129 members")
            return
        }
        #expect(error.code == .tooManyKeys)
    }
}
