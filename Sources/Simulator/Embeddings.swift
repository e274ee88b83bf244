/// Embeddings: unit vectors that depend on the text alone.
extension Sheet {
    func embeddings() -> Answer {
        let size = asked.body["dimensions"]?.int ?? asked.model.dimensions
        let isBase64 = asked.body["encoding_format"]?.string == "base64"
        let items = embeddedTexts().enumerated().map { index, text in
            let vector = Sheet.vector(text, size: max(1, min(size, asked.model.dimensions)))
            let value = isBase64 ? "\"\(Sheet.base64(vector))\"" : "[" + vector.map { "\($0)" }.joined(separator: ",") + "]"
            return "{\"object\":\"embedding\",\"index\":\(index),\"embedding\":\(value)}"
        }
        let usage: String =
            switch usageFault {
            case .noUsage: ""
            case .absurdUsage: ",\"usage\":{\"prompt_tokens\":-7,\"total_tokens\":98765432109876543210}"
            default: ",\"usage\":{\"prompt_tokens\":\(plan.usage.input),\"total_tokens\":\(plan.usage.input)}"
            }
        var answer = wholeAnswer(
            "{\"object\":\"list\",\"data\":[\(items.joined(separator: ","))],\"model\":\(quoted(asked.reported))\(usage)}")
        answer.usage = PlayedUsage(input: plan.usage.input, cached: 0, output: 0, reasoning: 0)
        return answer
    }

    /// `input` is a text, texts, one token list or several.
    private func embeddedTexts() -> [String] {
        guard let input = asked.body["input"] else { return [] }
        guard let items = input.array else { return [input.string ?? input.text] }
        if items.contains(where: { $0.int != nil }) { return [input.text] }
        return items.map { $0.string ?? $0.text }
    }

    private static func vector(_ text: String, size: Int) -> [Float] {
        var random = Randomness(fingerprint(text.utf8))
        let raw = (0..<size).map { _ in Float(random.unit() * 2 - 1) }
        let length = raw.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
        return raw.map { $0 / max(length, 1e-6) }
    }

    private static func base64(_ vector: [Float]) -> String {
        let bytes = vector.flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
        return Base64.text(bytes)
    }
}

/// RFC 4648 with padding.
enum Base64 {
    private static let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 { bits = bits << 8 | (offset < group.count ? UInt32(group[start + offset]) : 0) }
            for place in 0..<4 {
                let index = Int(bits >> UInt32(18 - 6 * place)) & 63
                out.append(place <= group.count ? letters[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
