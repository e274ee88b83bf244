import Core
import Foundation
import NIOCore
import Providers
import Testing
import Wire

/// One error of Tests/Cases/errors.
struct ErrorCase: Sendable, Decodable, CustomTestStringConvertible {
    var provider: String
    var kind: String
    var status: Int
    var code: String?
    var type: String?
    var match: String?
    var category: String
    var retry: String

    var testDescription: String { "\(provider) \(status) \(code ?? type ?? "") \(match ?? "") (\(category))" }

    static let all: [ErrorCase] = {
        let file = repository.appending(path: "Tests/Cases/errors/errors.json")
        return (try? JSONDecoder().decode([ErrorCase].self, from: Data(contentsOf: file))) ?? []
    }()

    /// The error as the provider shapes it.
    var body: String {
        var members = [("message", match ?? "Something went wrong.")]
        if let type { members.append(("type", type)) }
        if let code { members.append(("code", code)) }
        func object(_ members: [(String, String)], numbers: Bool) -> String {
            let texts = members.map { key, value in
                let isNumber = numbers && key == "code" && Int(value) != nil
                let quoted = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                return isNumber ? "\"\(key)\":\(value)" : "\"\(key)\":\"\(quoted)\""
            }
            return "{" + texts.joined(separator: ",") + "}"
        }
        switch provider {
        case "huawei-maas", "huawei-pangu":
            return object([("error_code", code ?? ""), ("error_msg", match ?? "")], numbers: false)
        case "vllm": return object([("object", "error")] + members, numbers: true)
        case "llama.cpp", "sglang": return "{\"error\":" + object(members, numbers: true) + "}"
        default: return "{\"error\":" + object(members, numbers: false) + "}"
        }
    }
}

@Suite("What an error means")
struct AnswerTests {
    private func means(_ example: ErrorCase, retryAfter: Int64? = nil) throws -> AnswerMeaning {
        let kind = try #require(ProviderKind(rawValue: example.kind))
        let facts = readError(ByteBuffer(string: example.body))
        #expect(facts.isObject)
        return meaning(status: example.status, error: facts, retryAfterMilliseconds: retryAfter, provider: kind)
    }

    @Test(
        "Every known error of every provider is told apart: whose fault, money or pace, and whether to come back",
        arguments: ErrorCase.all)
    func known(_ example: ErrorCase) throws {
        let found = try means(example)
        switch example.category {
        case "rate_requests", "rate_tokens", "concurrency", "ptu_full":
            #expect(found == .throttled(milliseconds: 1_000))
            #expect(try means(example, retryAfter: 250) == .throttled(milliseconds: 250))
        case "overloaded" where example.status == 429: #expect(found == .throttled(milliseconds: 1_000))
        case "overloaded":
            #expect(found == .failed)
            #expect(try means(example, retryAfter: 250) == .throttled(milliseconds: 250))
        case "server", "timeout": #expect(found == .failed)
        case "billing":
            #expect(found == .providerMoney)
            #expect(try means(example, retryAfter: 1) == .providerMoney, "waiting as told does not bring money")
        case "auth", "permission", "region_blocked", "network_denied", "suspended": #expect(found == .credential)
        case "model_not_found": #expect(found == .missing)
        case "content_filter_input", "content_filter_output":
            #expect(found == .callerFault(billsInput: example.provider == "azure"))
        case "bad_request", "context_length", "payload_too_large", "request_over_limit", "stream_only":
            #expect(found == .callerFault(billsInput: false))
        default: Issue.record("a category that this test does not know")
        }
        // The catalogue's word on trying again, against what Weir does with the meaning.
        switch found {
        case .throttled, .failed: #expect(example.retry.hasPrefix("backoff") || example.retry.hasPrefix("after"))
        case .callerFault, .credential, .missing, .providerMoney:
            #expect(["never", "other-model", "after-rewrite"].contains(example.retry))
        }
    }

    @Test("A cloud that is configured as `compatible` is understood as with its own name", arguments: ErrorCase.all)
    func compatible(_ example: ErrorCase) throws {
        guard ["dashscope", "modelarts", "ark", "deepseek"].contains(example.kind) else { return }
        var unnamed = example
        unnamed.kind = "compatible"
        #expect(try means(unnamed) == means(example))
    }

    @Test("There are cases of every provider")
    func some() {
        #expect(ErrorCase.all.count >= 100)
        #expect(Set(ErrorCase.all.map(\.kind)) == Set(ProviderKind.allCases.map(\.rawValue)).subtracting(["compatible"]))
    }

    static let statuses: [(status: Int, meaning: AnswerMeaning)] = [
        (400, .callerFault(billsInput: false)), (401, .credential), (402, .providerMoney), (403, .credential), (404, .missing),
        (405, .callerFault(billsInput: false)), (408, .failed), (409, .failed), (413, .callerFault(billsInput: false)),
        (415, .callerFault(billsInput: false)), (422, .callerFault(billsInput: false)), (429, .throttled(milliseconds: 1_000)),
        (431, .callerFault(billsInput: false)), (500, .failed), (501, .failed), (502, .failed), (503, .failed), (504, .failed),
        (529, .failed), (599, .failed),
    ]

    @Test("An answer without a word is read by its status, at every provider", arguments: statuses.indices)
    func wordless(_ index: Int) {
        let (status, expected) = Self.statuses[index]
        for provider in ProviderKind.allCases {
            for body in ["", "<html>busy</html>", "{}", #"{"error":null}"#] {
                let facts = readError(ByteBuffer(string: body))
                #expect(meaning(status: status, error: facts, retryAfterMilliseconds: nil, provider: provider) == expected)
            }
        }
    }

    @Test("insufficient_quota is money at OpenAI and Azure, and pace elsewhere", arguments: ProviderKind.allCases)
    func quota(_ provider: ProviderKind) {
        for body in [#"{"error":{"code":"insufficient_quota"}}"#, #"{"error":{"type":"insufficient_quota","code":"429"}}"#] {
            let found = meaning(
                status: 429, error: readError(ByteBuffer(string: body)), retryAfterMilliseconds: 7, provider: provider)
            let isMoney = provider == .openai || provider == .azure
            #expect(found == (isMoney ? .providerMoney : .throttled(milliseconds: 7)))
        }
    }
}
