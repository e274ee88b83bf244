import Core
import NIOCore
import Testing
import Wire

@Suite("What a body's size does not bound is found")
struct RequestPartsTests {
    typealias Found = (messages: Int, images: Int, urls: Int, audio: Int, files: Int, references: Int, unknown: String?)

    static let contents: [(operation: Core.Operation, body: String, found: Found)] = [
        (.chat, #"{"messages":[]}"#, (0, 0, 0, 0, 0, 0, nil)),
        (.chat, #"{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":null}]}"#, (2, 0, 0, 0, 0, 0, nil)),
        (.chat, #"{"messages":[{"content":[{"type":"text","text":"x"},"y"]}]}"#, (1, 0, 0, 0, 0, 0, nil)),
        (.chat, #"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://h/i"}}]}]}"#, (1, 1, 1, 0, 0, 0, nil)),
        (
            .chat, #"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]}"#,
            (1, 1, 0, 0, 0, 0, nil)
        ),
        (
            .chat, #"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"data:image\/png;base64,AA"}}]}]}"#,
            (1, 1, 0, 0, 0, 0, nil)
        ),
        (.chat, #"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"\u0064ata:x"}}]}]}"#, (1, 1, 1, 0, 0, 0, nil)),
        (.chat, #"{"messages":[{"content":[{"image_url":"https://h/i"}]}]}"#, (1, 1, 1, 0, 0, 0, nil)),
        (
            .chat, #"{"messages":[{"content":[{"type":"text","text":"x","image_url":"file:///etc/passwd"}]}]}"#,
            (1, 1, 1, 0, 0, 0, nil)
        ),
        (.chat, #"{"messages":[{"content":[{"type":"input_audio","input_audio":{"data":"AA"}}]}]}"#, (1, 0, 0, 1, 0, 0, nil)),
        (.chat, #"{"messages":[{"content":"x","audio":{"id":"a"}}]}"#, (1, 0, 0, 1, 0, 0, nil)),
        (.chat, #"{"messages":[{"content":[{"type":"file","file":{"file_id":"f"}}]}]}"#, (1, 0, 0, 0, 1, 0, nil)),
        (
            .chat, #"{"messages":[{"content":[{"type":"video_url","video_url":{"url":"https://v"}}]}]}"#,
            (1, 0, 0, 0, 0, 0, "video_url")
        ),
        (.chat, #"{"messages":[{"content":[{}]}]}"#, (1, 0, 0, 0, 0, 0, "{}")),
        (.chat, #"{"messages":[{"content":{"type":"hologram"}}]}"#, (1, 0, 0, 0, 0, 0, "hologram")),
        (
            .chat, #"{"messages":[{"role":"tool","content":[{"type":"image_url","image_url":"https://h"}]}]}"#,
            (1, 1, 1, 0, 0, 0, nil)
        ),
        (.responses, #"{"input":"hi"}"#, (1, 0, 0, 0, 0, 0, nil)),
        (
            .responses,
            #"{"input":[{"role":"user","content":"x"},{"type":"message","role":"user","content":[{"type":"input_text","text":"y"}]}]}"#,
            (2, 0, 0, 0, 0, 0, nil)
        ),
        (
            .responses,
            #"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://h"},{"type":"input_file","file_url":"https://f"}]}]}"#,
            (1, 1, 1, 0, 1, 0, nil)
        ),
        (.responses, #"{"input":[{"role":"user","content":[{"type":"input_image","file_id":"f"}]}]}"#, (1, 1, 0, 0, 1, 0, nil)),
        (
            .responses, #"{"input":[{"type":"item_reference","id":"i"},{"id":"j"},{"type":null,"id":"k"}]}"#,
            (3, 0, 0, 0, 0, 3, nil)
        ),
        (
            .responses, #"{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:,"}]}]}"#,
            (1, 1, 0, 0, 0, 0, nil)
        ),
        (
            .responses,
            #"{"input":[{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"https://h"}}]}"#,
            (1, 1, 1, 0, 0, 0, "computer_call_output")
        ),
        (
            .responses, #"{"input":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"x"}]}]}"#,
            (1, 0, 0, 0, 0, 0, nil)
        ),
        (.completions, #"{"prompt":"x"}"#, (1, 0, 0, 0, 0, 0, nil)),
        (.completions, #"{"prompt":["x","y","z"]}"#, (3, 0, 0, 0, 0, 0, nil)),
        (.completions, #"{"prompt":[1,2,3]}"#, (1, 0, 0, 0, 0, 0, nil)),
        (.completions, #"{"prompt":[[1],[2,3]]}"#, (2, 0, 0, 0, 0, 0, nil)),
        (.embeddings, #"{"input":"x"}"#, (1, 0, 0, 0, 0, 0, nil)),
        (.embeddings, #"{"input":["x","y"]}"#, (2, 0, 0, 0, 0, 0, nil)),
        (.embeddings, #"{"input":[{"type":"image_url","image_url":{"url":"https://h"}}]}"#, (1, 1, 1, 0, 0, 0, nil)),
    ]

    @Test("Messages and their images, audio, files and references are counted", arguments: contents.indices)
    func counted(_ index: Int) throws {
        let (operation, body, found) = Self.contents[index]
        let scan = try scanned(body, operation).get()
        #expect(scan.messages == found.messages)
        #expect(scan.images == found.images)
        #expect(scan.imageURLs == found.urls)
        #expect(scan.audioParts == found.audio)
        #expect(scan.files == found.files)
        #expect(scan.itemReferences == found.references)
        #expect(RequestScanTests.text(body, scan.unknownPart) == found.unknown)
    }

    @Test("A tool that runs at the provider is named")
    func tools() throws {
        for (tools, hosted) in [
            (#"[]"#, nil), (#"[{"type":"function","function":{}}]"#, nil), (#"[{"type":"custom"},{"type":"function"}]"#, nil),
            (#"[{"type":"function"},{"type":"web_search"},{"type":"mcp"}]"#, "web_search"),
            (#"[{"name":"x"}]"#, #"{"name":"x"}"#),
            (#"[{"type":null}]"#, #"{"type":null}"#),
        ] as [(String, String?)] {
            let body = #"{"tools":\#(tools)}"#
            #expect(RequestScanTests.text(body, try scanned(body, .responses).get().hostedTool) == hosted)
        }
    }

    @Test("State and search at the provider are seen")
    func state() throws {
        let flags: [(String, KeyPath<RequestScan, Bool>)] = [
            (#""background":true"#, \.background),
            (#""request_id":"resp_1""#, \.requestID), (#""prompt":{"id":"p"}"#, \.storedPrompt),
            (#""web_search_options":{}"#, \.webSearchOptions), (#""modalities":["text","audio"]"#, \.modalitiesAudio),
            (#""audio":{"voice":"v"}"#, \.modalitiesAudio), (#""prediction":{"type":"content","content":"x"}"#, \.prediction),
        ]
        for (member, flag) in flags {
            #expect(try scanned("{\(member)}", .responses).get()[keyPath: flag], "\(member)")
            #expect(!(try scanned("{}", .responses).get()[keyPath: flag]))
        }
        #expect(!(try scanned(#"{"background":false,"modalities":["text"]}"#).get().background))
        for member in [#""data_sources":[{}]"#, #""dataSources":[]"#, #""enable_search":true"#, #""search_options":{}"#] {
            #expect(try scanned("{\(member)}").get().retrieval != nil, "\(member)")
        }
        #expect(try scanned(#"{"data_sources":null,"enable_search":false}"#).get().retrieval == nil)
    }
}
