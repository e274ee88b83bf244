import Core
import Wire

/// DeepSeek's own API. It says 402 where its account has no money, keeps a queued call alive with comments or empty lines, and sends no headers of
/// quota (api-docs.deepseek.com, read 2026-11-23).
enum DeepSeek: Provider {
    static let hosts = [RegionHost("deepseek", "cn", "api.deepseek.com")]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect == .chat || dialect == .responses }

    static var readsBothChatLimits: Bool { false }
}
