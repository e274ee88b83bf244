import Core
import Wire

/// Huawei Cloud's Pangu models by their own API: a deployment is part of the path, and callers show a token of IAM or sign
/// (`credential: {huaweiIAM: …}` or `{huaweiKeys: …}`).
///
/// Paths, bodies and credentials: huaweicloudsdkpangulargemodels and huaweicloudsdkcore 3.1.219 (Python); support.huaweicloud.com,
/// api-pangulm, pangulm_05_0012 (page of 2025-09-16). Bodies are OpenAI's chat: `messages` of role and text, `max_tokens`, `n`, `stream`; answers have
/// `choices[].message` with `reasoning_content`, `finish_reason` and `usage`. The SDK's request names no `model` and no `stream_options`, and how a
/// stream ends no source that was read tells: it is taken for OpenAI's. Nothing here was run against the real one.
enum Pangu: Provider {
    /// The one region that the SDK knows.
    static let hosts = [RegionHost("huawei", "cn-southwest-2", "pangu.cn-southwest-2.myhuaweicloud.com")]

    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect == .chat }

    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String {
        "\(basePath)/deployments/\(deployment)\(dialect.path)"
    }

    static var readsBothChatLimits: Bool { false }

    /// Its own words (support.huaweicloud.com, api-pangulm, pangulm_05_0020; the statuses that they come with are not told) and those of the
    /// gateway before it.
    static func meaning(_ error: ErrorFacts, status: Int) -> AnswerMeaning? {
        switch error.code {
        case "PANGU.0010", "PANGU.3278", "PANGU.3318", "PANGU.3320", "PANGU.3321": .callerFault(billsInput: false)
        case "PANGU.0011", "PANGU.0012", "APIG.0301": .credential
        case "PANGU.3254": .missing
        case "PANGU.3267" where status != 429: .throttled(milliseconds: AnswerMeaning.throttledPause)
        case "PANGU.0031": .failed
        default: nil
        }
    }
}
