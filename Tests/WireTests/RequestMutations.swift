import Core

/// Bodies to start from, and ways to break them.
struct RequestMutations {
    static let bodies: [(operation: Operation, body: String)] = [
        (
            .chat,
            #"{"model":"gpt-4o","messages":[{"role":"user","content":"Hallå 你好 \ud83d\ude00"}],"stream":true,"max_tokens":16}"#
        ),
        (
            .chat,
            #" {"messages" : [ {"role":"system","content":null} ] , "model":"m", "n": 2 ,"stream_options":{"include_usage":false,"x":[]}} "#
        ),
        (
            .chat,
            #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"https://h/i.png","detail":"low"}},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}},{"type":"file","file":{"file_id":"f"}}]}],"max_completion_tokens":9}"#
        ),
        (
            .chat,
            #"{"model":"m","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"\u0061":{"type":"string"}}}}},{"type":"custom","custom":{}}],"tool_choice":"auto","messages":[]}"#
        ),
        (
            .chat,
            #"{"model":"m","messages":[{"content":"a\\b\"c\/\n\u00e9","audio":{"id":"x"}}],"modalities":["text","audio"],"store":false,"service_tier":"flex","temperature":0.25,"seed":-1}"#
        ),
        (.completions, #"{"model":"m","prompt":["a","b"],"best_of":3,"n":1,"max_tokens":null,"stream":false}"#),
        (.completions, #"{"model":"m","prompt":[1,2,3e0,-0.5],"n_predict":4,"stop":["\t"],"stream_options":{}}"#),
        (.completions, #"{"prompt":"text","logit_bias":{"50256":-100},"model":"m"}"#),
        (.embeddings, #"{"model":"e","input":["a","b"],"dimensions":256,"encoding_format":"base64"}"#),
        (.embeddings, #"{"model":"e","input":[[1,2],[3]],"user":"u"}"#),
        (
            .responses,
            #"{"model":"m","input":"hi","max_output_tokens":32,"store":true,"previous_response_id":null,"request_id":null,"background":false}"#
        ),
        (
            .responses,
            #"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"https://h/i"},{"type":"input_file","file_id":"f"}]},{"type":"function_call_output","call_id":"c","output":"o"},{"type":"item_reference","id":"i"},{"id":"j"}],"tools":[{"type":"web_search"}],"conversation":"c","prompt":{"id":"p"}}"#
        ),
        (
            .responses,
            #"{"input":[{"type":"reasoning","summary":[],"content":null},{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"data:,x"}}],"model":"m","stream":true,"background":true,"tools":[]}"#
        ),
        (
            .conversations,
            #"{"items":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"item_reference","id":"i"},{"type":"x","id":"j"}],"metadata":{"a":"b"},"model":1,"stream":"no"}"#
        ),
        (.conversations, #"{"items":null,"input":[{"id":"k"}]}"#),
    ]

    /// Pieces that mean something to a parser or to the scan.
    static let tokens: [String] = [
        "{", "}", "[", "]", ",", ":", "null", "true", "false", "0", "1", "-1", "16", "1.0", "1e2", "-0", "00", "01",
        "9223372036854775807",
        "9223372036854775808", "\"\"", "\"a\"", "\"model\"", "\"stream\"", "\"max_tokens\"", "\"n\"", "\"messages\"", "\"input\"",
        "\"content\"", "\"type\"", "\"function\"", "\"text\"", "\"image_url\"", "\"url\"", "\"stream_options\"",
        "\"include_usage\"",
        "\"tools\"", "\"role\"", "\"output\"", "\"prompt\"", "\"id\"", "\"file_id\"", "\"video_url\"", "\"store\"", "\"best_of\"",
        "\"mod\\u0065l\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\x\"", "\"é\"", "\"data:\"", "\"http://x\"", " ", "\n", "\t",
        "\"",
        "1e400", "1e308", "1e307", "1e-400", "0.1e999", "nul", "+1", ".5", "1.", "NaN", "//", "\u{FEFF}",
        "\"previous_response_id\"", "\"items\"", "\"max_output_tokens\"", "\"n_predict\"",
    ]

    /// Whole values, which can stand for one another without breaking the grammar.
    static let scalars: [String] = [
        "null", "true", "false", "0", "1", "16", "-3", "2.5", "7e2", "\"a\"", "\"\"", "\"text\"", "\"function\"", "\"image_url\"",
        "\"input_image\"", "\"item_reference\"", "\"data:x\"", "\"https://h\"", "\"\\u0061\"", "\"模型\"", "[]", "{}", "[1]",
        "[\"b\"]",
        "{\"type\":\"text\"}", "{\"image_url\":\"u\"}", "{\"type\":\"video\"}", "{\"content\":[{\"file_id\":\"f\"}]}",
    ]

    /// The pieces that the bodies consist of, told apart roughly: strings, words, single signs.
    static let split: [[ArraySlice<UInt8>]] = bodies.map { pieces(Array($0.body.utf8)) }

    static func mutate(_ index: Int, _ dice: inout Dice) -> [UInt8] {
        dice.chance(3) ? mutateBytes(Array(bodies[index].body.utf8), &dice) : mutateTokens(split[index], &dice)
    }

    private static func mutateTokens(_ pieces: [ArraySlice<UInt8>], _ dice: inout Dice) -> [UInt8] {
        var pieces = pieces
        if dice.chance(2) {
            for _ in 0...dice.below(3) { replaceValue(&pieces, &dice) }
            return Array(pieces.joined())
        }
        for _ in 0...dice.below(3) {
            let at = dice.below(pieces.count)
            switch dice.below(6) {
            case 0: pieces[at] = Array(dice.pick(tokens).utf8)[...]
            case 1: pieces.insert(Array(dice.pick(tokens).utf8)[...], at: at)
            case 2: if pieces.count > 1 { pieces.remove(at: at) }
            case 3: pieces.swapAt(at, dice.below(pieces.count))
            case 4: pieces[at] = dice.pick(split[dice.below(split.count)])
            default:
                // A member again, under another or the same name.
                let member =
                    #","\#(dice.pick(["x", "model", "n", "stream", "store", "y"]))":\#(dice.pick(["1", "null", "true", "\"a\"", "[]", "{}"]))"#
                if let close = pieces.lastIndex(where: { $0.elementsEqual("}".utf8) }) {
                    pieces.insert(Array(member.utf8)[...], at: close)
                }
            }
        }
        return Array(pieces.joined())
    }

    /// A value (what stands after a colon, a comma or a bracket) becomes another; sometimes that is a key, and breaks it.
    private static func replaceValue(_ pieces: inout [ArraySlice<UInt8>], _ dice: inout Dice) {
        for _ in 0..<8 {
            let at = dice.below(pieces.count)
            let first = pieces[at].first ?? 0
            let isScalar = first == UInt8(ascii: "\"") || (0x61...0x7A).contains(first) || (0x30...0x39).contains(first)
            let isKey = at + 1 < pieces.count && pieces[at + 1].first == UInt8(ascii: ":")
            guard isScalar, !isKey || dice.chance(10) else { continue }
            pieces[at] = Array(dice.pick(scalars).utf8)[...]
            return
        }
    }

    private static func mutateBytes(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        for _ in 0...dice.below(3) where !bytes.isEmpty {
            let at = dice.below(bytes.count)
            switch dice.below(5) {
            case 0: bytes[at] = UInt8(truncatingIfNeeded: dice.next())
            case 1: bytes[at] ^= 1 << UInt8(dice.below(8))
            case 2: bytes.insert(UInt8(truncatingIfNeeded: dice.next()), at: at)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + 1 + dice.below(4)))
            default: bytes.removeSubrange(at...)
            }
        }
        return bytes
    }

    private static func pieces(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var i = 0
        while i < bytes.count {
            var end = i + 1
            if bytes[i] == UInt8(ascii: "\"") {
                while end < bytes.count, bytes[end] != UInt8(ascii: "\"") { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
                end = min(end + 1, bytes.count)
            } else if !#"{}[],: "#.utf8.contains(bytes[i]) {
                while end < bytes.count, !#"{}[],: ""#.utf8.contains(bytes[end]) { end += 1 }
            }
            pieces.append(bytes[i..<end])
            i = end
        }
        return pieces
    }
}
