import Core

/// Huawei Cloud's Pangu models by their own API: a deployment is part of the path, and callers show a token of IAM or sign
/// (`credential: {huaweiIAM: …}` or `{huaweiKeys: …}`).
///
/// Paths, bodies and credentials: huaweicloudsdkpangulargemodels 3.1.219 and huaweicloudsdkcore 3.1.219 (Python). Bodies are OpenAI's chat in
/// small: `messages` of role and text, `max_tokens`, `n`, `stream`; the answer has `id`, `created`, `choices[].message` and `usage`. How a stream
/// ends and what errors say no source tells; they are read as at ModelArts.
enum Pangu: Provider {
    static func speaks(_ dialect: Dialect, apiVersion: String?) -> Bool { dialect == .chat }

    static func target(for dialect: Dialect, basePath: String, deployment: String, apiVersion: String?) -> String {
        "\(basePath)/deployments/\(deployment)\(dialect.path)"
    }

    static var readsBothChatLimits: Bool { false }
}
