import Crypto
import NIOHTTP1

/// Checks signatures as the clouds describe them, from what was received and nothing else.
enum Proofs {
    /// How far the signed time may be from the clock.
    static let skewSeconds: Int64 = 900

    /// Huawei Cloud's `SDK-HMAC-SHA256` (huaweicloudsdkcore 3.1.219, `signer.py`).
    static func huawei(
        _ head: HTTPRequestHead, path: String, query: String, body: [UInt8], keys: PlayedKeys, now: Int64 = wallSeconds()
    ) -> Bool {
        guard let parts = parts(head, "SDK-HMAC-SHA256"), parts["Access"] == keys.access,
            let names = parts["SignedHeaders"], let signature = parts["Signature"],
            let stamp = head.headers.first(name: "x-sdk-date"), isFresh(stamp, now),
            let fields = signedFields(head, names, needs: ["host", "x-sdk-date", "content-type"])
        else { return false }
        var address = unescaped(path[...]).split(separator: "/", omittingEmptySubsequences: false)
            .map { escaped(String($0), keeps: "-_.~") }.joined(separator: "/")
        if !address.hasSuffix("/") { address += "/" }
        let canonical = [
            head.method.rawValue, address, canonicalQuery(query), fields, names, digest(body),
        ].joined(separator: "\n")
        let toSign = "SDK-HMAC-SHA256\n\(stamp)\n\(digest(Array(canonical.utf8)))"
        return signature == hex(mac(toSign, Array(keys.secret.utf8)))
    }

    /// Volcengine's `HMAC-SHA256` (volcenginesdk-core 5.0.54, `signv4.py`).
    static func volcengine(
        _ head: HTTPRequestHead, path: String, query: String, body: [UInt8], keys: PlayedKeys, region: String,
        now: Int64 = wallSeconds()
    ) -> Bool {
        guard let parts = parts(head, "HMAC-SHA256"), let credential = parts["Credential"],
            let names = parts["SignedHeaders"], let signature = parts["Signature"],
            let stamp = head.headers.first(name: "x-date"), isFresh(stamp, now),
            head.headers.first(name: "x-content-sha256") == digest(body),
            let fields = signedFields(head, names, needs: ["host", "x-date", "x-content-sha256"])
        else { return false }
        let scope = "\(stamp.prefix(8))/\(region)/ark/request"
        guard credential == "\(keys.access)/\(scope)" else { return false }
        let canonical = [head.method.rawValue, path, canonicalQuery(query), fields, names, digest(body)].joined(separator: "\n")
        let toSign = "HMAC-SHA256\n\(stamp)\n\(scope)\n\(digest(Array(canonical.utf8)))"
        var key = Array(keys.secret.utf8)
        for part in scope.split(separator: "/") { key = mac(String(part), key) }
        return signature == hex(mac(toSign, key))
    }

    /// `ALGORITHM A=1, B=2` of the authorization.
    private static func parts(_ head: HTTPRequestHead, _ algorithm: String) -> [String: String]? {
        guard let text = head.headers.first(name: "authorization"), text.hasPrefix(algorithm + " ") else { return nil }
        let pairs = text.dropFirst(algorithm.count + 1).split(separator: ",").map { part -> (String, String) in
            let halves = part.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            return (String(halves.first ?? ""), halves.count > 1 ? String(halves[1]) : "")
        }
        return Dictionary(pairs) { first, _ in first }
    }

    private static func signedFields(_ head: HTTPRequestHead, _ names: String, needs: [String]) -> String? {
        let signed = names.split(separator: ";").map(String.init)
        guard needs.allSatisfy(signed.contains), signed == signed.sorted() else { return nil }
        var text = ""
        for name in signed {
            guard let value = head.headers.first(name: name) else { return nil }
            text += "\(name):\(value)\n"
        }
        return text
    }

    private static func canonicalQuery(_ query: String) -> String {
        query.split(separator: "&").map { part -> String in
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return escaped(unescaped(halves[0]), keeps: "-_.~") + "="
                + (halves.count > 1 ? escaped(unescaped(halves[1]), keeps: "-_.~") : "")
        }.sorted().joined(separator: "&")
    }

    /// `20261123T134949Z`, near now.
    private static func isFresh(_ stamp: String, _ now: Int64) -> Bool {
        let digits = stamp.utf8.filter { (0x30...0x39).contains($0) }.map { Int64($0) - 0x30 }
        guard stamp.utf8.count == 16, digits.count == 14 else { return false }
        func number(_ from: Int, _ count: Int) -> Int64 { digits[from..<from + count].reduce(0) { $0 * 10 + $1 } }
        let (year, month, day) = (number(0, 4), number(4, 2), number(6, 2))
        guard (1...12).contains(month) else { return false }
        // Days before the month in a year that is not a leap year, then the leap days so far.
        let before: [Int64] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        let past = month > 2 ? year : year - 1
        let days =
            (year - 1970) * 365 + before[Int(month) - 1] + day - 1 + (past / 4 - past / 100 + past / 400)
            - (1969 / 4 - 1969 / 100 + 1969 / 400)
        let moment = days * 86_400 + number(8, 2) * 3_600 + number(10, 2) * 60 + number(12, 2)
        return abs(moment - now) <= skewSeconds
    }

    static func wallSeconds() -> Int64 { wallNanoseconds() / 1_000_000_000 }

    static func unescaped(_ text: Substring) -> String {
        var out: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                out.append(value)
                rest = rest.dropFirst(2)
            } else {
                out.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func escaped(_ text: String, keeps: String) -> String {
        text.utf8.map { byte -> String in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || keeps.utf8.contains(byte)
            return isPlain ? String(Unicode.Scalar(byte)) : "%" + hex([byte]).uppercased()
        }.joined()
    }

    private static func digest(_ bytes: [UInt8]) -> String { hex(Array(SHA256.hash(data: bytes))) }

    private static func mac(_ text: String, _ key: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: SymmetricKey(data: key)))
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
