import Core
import Wire

/// DeepSeek's own API. It says 402 where its account has no money, keeps a queued call alive with comments or empty lines, and sends no headers of
/// quota (api-docs.deepseek.com, read 2026-11-23).
enum DeepSeek: Provider {
    static func serves(_ operation: Operation, apiVersion: String?) -> Bool { operation == .chat || operation == .responses }

    static func reads(limit name: String, for operation: Operation) -> Bool { name == outputLimitName(for: operation) }
}
