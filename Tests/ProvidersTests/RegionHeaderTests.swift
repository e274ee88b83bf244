import Core
import NIOCore
import Providers
import Testing
import Wire

@Suite("What an answer's head says of its region")
struct RegionHeaderTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var fields: [String]
        var text: String?
        var isClipped = false
        var testDescription: String { fields.joined(separator: " | ") }

        init(_ fields: String..., says text: String?, clipped: Bool = false) {
            (self.fields, self.text, isClipped) = (fields, text, clipped)
        }
    }

    static let long = String(repeating: "East US 2 ", count: 12)

    static let examples: [Example] = [
        Example("apim-request-id: 1", says: nil),
        Example("x-ms-region: East US 2", says: "East US 2"),
        Example("X-MS-REGION:   swedencentral\t", says: "swedencentral"),
        Example("x-ms-region:", says: nil),
        Example("x-ms-region:  , ,", says: nil),
        // A header that came twice is the list of its values.
        Example("x-ms-region: Sweden Central", "date: x", "x-ms-region: East US 2", says: "Sweden Central, East US 2"),
        Example("x-ms-region: Sweden Central, East US 2", says: "Sweden Central, East US 2"),
        Example("x-ms-region: \(long)", says: String(long.prefix(64)), clipped: true),
        Example(
            "x-ms-region: \(long)", "x-ms-region: East US 2", says: String(long.prefix(64)), clipped: true),
        Example("x-ms-region: Süd", says: "S??d", clipped: true),
        Example("x-ms-region: a\tb", says: "a?b", clipped: true),
        // These name edges and machines, not places of processing.
        Example("cf-ray: 8b5-ARN", "server: cloudflare", "via: 1.1 google", "openai-processing-ms: 12", says: nil),
        Example("x-ms-regions: East US 2", "ms-region: East US 2", says: nil),
    ]

    @Test("One header tells it, bounded, in visible ASCII", arguments: examples)
    func reports(_ example: Example) throws {
        var parser = ResponseParser()
        parser.begin(headRequest: false)
        let lines = (["HTTP/1.1 200 OK"] + example.fields + ["content-length: 0", "", ""]).joined(separator: "\r\n")
        var buffer = ByteBuffer(string: lines)
        guard case .head(let answer) = try parser.next(&buffer) else {
            Issue.record("no head")
            return
        }
        let found = regionReport(in: answer.head)
        #expect(found?.text == example.text)
        #expect(found?.isClipped ?? false == example.isClipped)
    }
}
