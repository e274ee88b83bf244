/// The name of the vocabulary that a model counts with, by the model's public or upstream name; nil if it is not known. A
/// publisher before a slash (`openai/gpt-4o`) is passed over, and so is case.
public func vocabularyName(forModel model: String) -> String? {
    let name = (model.split(separator: "/").last ?? "").lowercased()
    if let exact = exactNames[name] { return exact }
    // Of prefixes that fit, the longest.
    return namePrefixes.filter { name.hasPrefix($0.key) }.max { $0.key.utf8.count < $1.key.utf8.count }?.value
}

/// Facts from tiktoken 0.14.0 (model.py), and for Qwen from dashscope 2.0.2; o200k_harmony has o200k_base's ranks. Newer Qwen
/// models have larger vocabularies on the same base, so their counts are close, not exact.
private let exactNames: [String: String] = [
    "o1": "o200k_base", "o3": "o200k_base", "o4-mini": "o200k_base", "gpt-5": "o200k_base", "gpt-4.1": "o200k_base",
    "gpt-4o": "o200k_base", "gpt-4": "cl100k_base", "gpt-3.5-turbo": "cl100k_base", "gpt-3.5": "cl100k_base",
    "gpt-35-turbo": "cl100k_base", "davinci-002": "cl100k_base", "babbage-002": "cl100k_base",
    "text-embedding-ada-002": "cl100k_base", "text-embedding-3-small": "cl100k_base", "text-embedding-3-large": "cl100k_base",
]

private let namePrefixes: [String: String] = [
    "o1-": "o200k_base", "o3-": "o200k_base", "o4-mini-": "o200k_base", "gpt-5": "o200k_base", "gpt-4.5-": "o200k_base",
    "gpt-4.1-": "o200k_base", "chatgpt-4o-": "o200k_base", "gpt-4o-": "o200k_base", "gpt-4-": "cl100k_base",
    "gpt-3.5-turbo-": "cl100k_base", "gpt-35-turbo-": "cl100k_base", "gpt-oss-": "o200k_base", "ft:gpt-4o": "o200k_base",
    "ft:gpt-4": "cl100k_base", "ft:gpt-3.5-turbo": "cl100k_base", "ft:davinci-002": "cl100k_base",
    "ft:babbage-002": "cl100k_base", "qwen": "qwen", "qwq": "qwen", "qvq": "qwen",
]
