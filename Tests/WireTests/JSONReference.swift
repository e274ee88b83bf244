import Core
import Foundation
import Testing
import Wire

/// What Foundation's parser makes of a request body, for comparison with the scan.
///
/// `nil` when it is no JSON object in UTF-8 to Foundation.
struct RequestReference {
    var object: [String: Any]

    init?(_ body: [UInt8]) {
        guard let value = try? JSONSerialization.jsonObject(with: Data(body)), let object = value as? [String: Any] else {
            return nil
        }
        self.object = object
    }

    func text(_ key: String) -> String? { object[key] as? String }

    func integer(_ key: String) -> Int64? { (object[key] as? NSNumber).flatMap { isBool($0) ? nil : $0.int64Value } }

    func bool(_ key: String) -> Bool? { (object[key] as? NSNumber).flatMap { isBool($0) ? $0.boolValue : nil } }

    func present(_ key: String) -> Bool { object[key].map { !($0 is NSNull) } ?? false }

    private func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }

    /// Field by field; the names of those that differ.
    func differences(_ scan: RequestScan, _ body: [UInt8], _ operation: Core.Operation) -> [String] {
        var counted = self
        // Of a conversation only its items count.
        if operation == .conversations { counted.object = object.filter { $0.key == "items" } }
        let isEmpty = scan.isEmpty == object.isEmpty ? [] : ["isEmpty: scan \(scan.isEmpty)"]
        return isEmpty + counted.fieldDifferences(scan, body, operation)
    }

    private func fieldDifferences(_ scan: RequestScan, _ body: [UInt8], _ operation: Core.Operation) -> [String] {
        var differences: [String] = []
        func same<T: Equatable>(_ name: String, _ a: T, _ b: T) {
            if a != b { differences.append("\(name): scan \(a), parser \(b)") }
        }
        func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: body[$0], as: UTF8.self) } }

        same("model", text(scan.model), self.text("model"))
        same("service_tier", text(scan.serviceTier), self.text("service_tier"))
        same("stream", scan.stream, bool("stream") ?? false)
        same("max_tokens", scan.maxTokens?.value, integer("max_tokens"))
        same("max_completion_tokens", scan.maxCompletionTokens?.value, integer("max_completion_tokens"))
        same("max_output_tokens", scan.maxOutputTokens?.value, integer("max_output_tokens"))
        same("n_predict", scan.nPredict?.value, integer("n_predict"))
        same("n", scan.n?.value, integer("n"))
        same("best_of", scan.bestOf?.value, integer("best_of"))
        same("store", scan.store?.value, bool("store"))
        same("request_id", scan.requestID, present("request_id"))
        same("background", scan.background, bool("background") ?? false)
        same("previous_response_id", scan.previousResponseID != nil, operation == .responses && present("previous_response_id"))
        same("conversation", scan.conversation != nil, operation == .responses && present("conversation"))
        same("web_search_options", scan.webSearchOptions, present("web_search_options"))
        same("prediction", scan.prediction, present("prediction"))
        same("prompt", scan.storedPrompt, operation == .responses && present("prompt"))

        let options = object["stream_options"] as? [String: Any]
        same("stream_options", scan.streamOptions.map { !$0.isNull } ?? false, options != nil)
        same("stream_options.isEmpty", scan.streamOptions?.isEmpty ?? true, options?.isEmpty ?? true)
        same("include_usage", scan.streamOptions?.includeUsage?.value, (options?["include_usage"] as? NSNumber)?.boolValue)

        var parts = PartsReference()
        parts.read(object, operation)
        same("messages", scan.messages, parts.messages)
        same("images", scan.images, parts.images)
        same("imageURLs", scan.imageURLs, parts.imageURLs)
        same("audio", scan.audioParts, parts.audio)
        same("files", scan.files, parts.files)
        same("itemReferences", scan.itemReferences, parts.references)
        same("itemsByID", scan.itemsByID, parts.byID)
        same("unknownPart", scan.unknownPart != nil, parts.unknown)
        same("hostedTool", scan.hostedTool != nil, parts.hosted)
        return differences
    }
}

/// The parts of messages, inputs and tools, counted over parsed values.
private struct PartsReference {
    var messages = 0
    var images = 0
    var imageURLs = 0
    var audio = 0
    var files = 0
    var references = 0
    var byID = 0
    var unknown = false
    var hosted = false

    mutating func read(_ object: [String: Any], _ operation: Core.Operation) {
        switch operation {
        case .chat:
            for message in (object["messages"] as? [Any]) ?? [] {
                messages += 1
                guard let message = message as? [String: Any] else { continue }
                content(message["content"])
                if let value = message["audio"], !(value is NSNull) { audio += 1 }
            }
        case .completions, .embeddings:
            let input = object[operation == .completions ? "prompt" : "input"]
            if let inputs = input as? [Any] {
                let separate = inputs.filter { $0 is String || $0 is [Any] || $0 is [String: Any] }
                messages = separate.count + (separate.count < inputs.count ? 1 : 0)
                for case let part as [String: Any] in inputs { self.part(part) }
            } else if let input, !(input is NSNull) {
                messages = 1
            }
        case .responses, .conversations:
            let input = object[operation == .responses ? "input" : "items"]
            if operation == .responses, input is String { messages = 1 }
            for case let item as [String: Any] in (input as? [Any]) ?? [] {
                messages += 1
                content(item["content"])
                content(item["output"])
                let known = [
                    "message", "reasoning", "function_call", "function_call_output", "custom_tool_call",
                    "custom_tool_call_output",
                ]
                let isSealed = (item["encrypted_content"] as? String).map { !$0.isEmpty } ?? false
                let hasID = item["id"].map { !($0 is NSNull) } ?? false
                if let type = item["type"] as? String, hasID, !isSealed, type == "reasoning" || !known.contains(type),
                    type != "item_reference"
                {
                    byID += 1
                }
                if let type = item["type"] as? String {
                    if type == "item_reference" { references += 1 } else if !known.contains(type) { unknown = true }
                } else if item["role"] == nil, item["content"] == nil {
                    references += 1
                }
            }
        }
        for case let tool as [String: Any] in (object["tools"] as? [Any]) ?? [] {
            let type = tool["type"] as? String
            if type != "function", type != "custom" { hosted = true }
        }
    }

    private mutating func content(_ value: Any?) {
        if let part = value as? [String: Any] { self.part(part) }
        for case let part as [String: Any] in (value as? [Any]) ?? [] { self.part(part) }
    }

    private mutating func part(_ part: [String: Any]) {
        func has(_ key: String) -> Bool { part[key].map { !($0 is NSNull) } ?? false }
        let type = part["type"] as? String
        let isText = ["text", "refusal", "input_text", "output_text", "summary_text", "reasoning_text"].contains(type ?? "")
        let isImage =
            ["image_url", "input_image", "image", "computer_screenshot"].contains(type ?? "") || has("image_url") || has("image")
        let isAudio =
            ["input_audio", "audio", "audio_url"].contains(type ?? "") || has("audio") || has("audio_url") || has("input_audio")
        let isFile =
            ["file", "input_file"].contains(type ?? "") || has("file") || has("file_id") || has("file_url") || has("file_data")
        if isImage { images += 1 }
        let urls = ["image_url", "image"].compactMap { key in
            part[key] as? String ?? (part[key] as? [String: Any])?["url"] as? String
        }
        if urls.contains(where: { !$0.hasPrefix("data:") }) { imageURLs += 1 }
        if isAudio { audio += 1 }
        if isFile { files += 1 }
        let isKnown =
            type == nil
            ? isText || isImage || isAudio || isFile || part["text"] != nil
            : isText
                || [
                    "image_url", "input_image", "image", "computer_screenshot", "input_audio", "audio", "audio_url", "file",
                    "input_file",
                ]
                .contains(type ?? "")
        if !isKnown || has("video") || has("video_url") { unknown = true }
    }
}
