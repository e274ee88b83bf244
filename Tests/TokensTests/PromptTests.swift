import Core
import TestKit
import Testing
import Tokens

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func prompt(_ json: String, _ operation: Core.Operation = .chat) -> PromptText? {
    promptText(Array(json.utf8), operation: operation)
}

@Suite("Text of a request")
struct PromptTests {
    @Test(
        "A chat's tokens are what its provider counted",
        arguments: [
            ("cl100k_base", #"{"messages":[{"role":"user","content":"Say hello."}]}"#, 3 + 3 + 1 + 3),
            ("o200k_base", #"{"model":"x","messages":[{"content":"Hello world","role":"user"}]}"#, 3 + 3 + 1 + 2),
            (
                "o200k_base",
                #"{"messages":[{"role":"system","content":"Hello world"},{"role":"user","content":"a","name":"a"}]}"#,
                3 + (3 + 1 + 2) + (3 + 1 + 1 + 1 + 1)
            ),
            ("qwen", #"{"messages":[{"role":"user","content":"Hello world"}]}"#, 3 + 4 + 1 + 2),
        ])
    func chat(vocabulary: String, body: String, tokens: Int) throws {
        #expect(try Loaded.tokenizer(vocabulary).promptTokens(#require(prompt(body))) == tokens)
    }

    @Test("Text is found in every shape of content, escapes resolved; images and audio are not text")
    func shapes() throws {
        let found = try #require(
            prompt(
                #"""
                {"stream":true,"messages":[
                  {"role":"user","content":[{"type":"text","text":"caf\u00e9 \ud83d\ude00"},
                    {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
                    {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}, {"type":"refusal","refusal":"no"}]},
                  {"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",
                    "function":{"name":"f","arguments":"{\"a\":1}"}}]},
                  {"role":"tool","tool_call_id":"call_1","content":"\"x\"\n"}],
                 "tools": [ {"type":"function"} ],"n":1}
                """#))
        #expect(found.messages.map { $0.text.map(text) } == [["café 😀", "no"], ["f", #"{"a":1}"#], ["\"x\"\n"]])
        #expect(found.messages.map { text($0.role) } == ["user", "assistant", "tool"])
        #expect(found.definitions.map(text) == [#"[ {"type":"function"} ]"#])
        #expect(found.byteCount == 4 + 10 + 2 + 9 + 1 + 7 + 4 + 4 + 23)
    }

    @Test("Anthropic's blocks and DashScope's own dialect have their text too")
    func dialects() throws {
        let blocks = try #require(
            prompt(
                #"""
                {"system":[{"type":"text","text":"s"}],"messages":[
                  {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"AAAA"},
                    {"type":"tool_use","id":"x","name":"f","input":{"a":1}}]},
                  {"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":[{"type":"text","text":"r"},
                    {"type":"image","source":{"type":"base64","data":"AAAA"}}]}]}],"tools":[{"name":"f"}]}
                """#))
        #expect(blocks.messages.map { $0.text.map(text) } == [["s"], ["t", "f", #"{"a":1}"#], ["r"]])
        #expect(blocks.definitions.map(text) == [#"[{"name":"f"}]"#])
        let own = try #require(
            prompt(#"{"input":{"messages":[{"role":"user","content":[{"text":"a"}]}]},"parameters":{"tools":[1],"seed":1}}"#))
        #expect(own.messages.map { $0.text.map(text) } == [["a"]] && own.definitions.map(text) == ["[1]"])
        #expect(try #require(prompt(#"{"input":{"prompt":"a"}}"#)).messages.map { $0.text.map(text) } == [["a"]])
    }

    @Test("The responses operation has instructions, and text or items as input")
    func responses() throws {
        let plain = try #require(prompt(#"{"instructions":"Be brief.","input":"Hello"}"#, .responses))
        #expect(plain.messages.map { text($0.role) + ":" + text($0.text[0]) } == ["system:Be brief.", "user:Hello"])
        let items = try #require(
            prompt(
                #"""
                {"input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},
                 {"type":"function_call","name":"f","arguments":"{}"},{"type":"function_call_output","output":"done"}]}
                """#, .responses))
        #expect(items.messages.map { $0.text.map(text) } == [["a"], ["{}"], ["done"]])
        #expect(items.messages[1].name.map(text) == "f")
    }

    @Test("Input to embed or complete is a text, texts, tokens or lists of tokens")
    func inputs() throws {
        #expect(prompt(#"{"input":"a b"}"#, .embeddings)?.inputs.map(text) == ["a b"])
        #expect(prompt(#"{"input":["a","b"]}"#, .embeddings)?.inputs.map(text) == ["a", "b"])
        #expect(prompt(#"{"input":[[1,2],[3]]}"#, .embeddings)?.tokens == 3)
        #expect(prompt(#"{"prompt":[10,20],"suffix":"x"}"#, .completions)?.tokens == 2)
        let tokenizer = try Loaded.tokenizer("cl100k_base")
        #expect(try tokenizer.promptTokens(#require(prompt(#"{"input":["Hello world","a"]}"#, .embeddings))) == 3)
    }

    @Test(
        "What is no JSON object, is cut off, goes on after its end or nests too deeply has no text",
        arguments: [
            "", "[]", "{", #"{"messages":[{"role":"user","content":"a"}]"#, #"{"messages":[]}x"#, #"{"messages":[{"role":"us"#,
            #"{"a":tru}"#, #"{"a" 1}"#, "{\"a\":\"\n\"}", #"{"messages":[{"content":"\"}]}"#,
            #"{"a":"# + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}",
        ])
    func malformed(body: String) {
        #expect(prompt(body) == nil)
    }

    @Test("A body of two hundred thousand parts is not walked to its end")
    func bounded() {
        let message = #"{"role":"a"},"#
        let body = #"{"messages":["# + String(repeating: message, count: 100_000) + #"{"role":"a"}]}"#
        #expect(prompt(body) == nil)
    }

    @Test("Whatever bytes come, cut or changed anywhere, the walk ends without a crash")
    func anyBytes() {
        let seed = testSeed("request text")
        var random = SeededRandom(seed: seed)
        let body = Array(
            #"{"messages":[{"role":"user","content":[{"type":"text","text":"a\u00e9\ud83d\ude00\n"}]}],"tools":[{"a":-1.5e3}]}"#
                .utf8)
        for end in 0..<body.count { #expect(promptText(Array(body[..<end]), operation: .chat) == nil) }
        for _ in 0..<2_000 {
            var changed = body
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            for operation in Core.Operation.allCases {
                let bytes = promptText(changed, operation: operation)?.byteCount ?? 0
                #expect(bytes <= changed.count + 6, "seed \(seed)")
            }
        }
    }

    @Test(
        "Escapes of JSON are resolved, also when a pair of surrogates came in two pieces; what is cut off stays",
        arguments: [
            (#"a\n\t\r\b\f\"\\\/"#, "a\n\t\r\u{8}\u{c}\"\\/"), (#"\u00e9\u4F60"#, "é你"), (#"\ud83d\ude00"#, "😀"),
            (#"\ud83d"#, "\u{FFFD}"), (#"\ude00\ud83dx"#, "\u{FFFD}\u{FFFD}x"), (#"a\u12"#, #"a\u12"#), (#"a\"#, #"a\"#),
            (#"\x"#, #"\x"#), (#"\u00zz"#, #"\u00zz"#), ("plain 你", "plain 你"), ("", ""),
        ])
    func escapes(content: String, meaning: String) throws {
        #expect(text(unescapedJSONText(Array(content.utf8))) == meaning)
        let tokenizer = try Loaded.tokenizer("o200k_base")
        for cut in 0...content.utf8.count {
            let pieces = [Array(content.utf8.prefix(cut)), Array(content.utf8.dropFirst(cut))]
            #expect(tokenizer.outputTokens(pieces) == tokenizer.count(Array(meaning.utf8)))
        }
    }

    @Test(
        "A model's vocabulary is known by its name",
        arguments: [
            ("gpt-4o", "o200k_base"), ("gpt-4o-2024-11-20", "o200k_base"), ("gpt-4-turbo", "cl100k_base"),
            ("gpt-4", "cl100k_base"),
            ("gpt-4.1-mini", "o200k_base"), ("gpt-35-turbo-16k", "cl100k_base"), ("openai/GPT-5-nano", "o200k_base"),
            ("gpt-oss-120b", "o200k_base"), ("text-embedding-3-large", "cl100k_base"), ("qwen-max", "qwen"),
            ("Qwen/Qwen3-32B", "qwen"),
            ("ft:gpt-4o-mini:acme", "o200k_base"), ("deepseek-chat", nil), ("", nil), ("claude-sonnet-4", nil),
            ("o1/", "o200k_base"),
        ])
    func names(model: String, vocabulary: String?) {
        #expect(vocabularyName(forModel: model) == vocabulary)
    }
}
