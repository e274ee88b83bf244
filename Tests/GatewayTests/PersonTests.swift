import Core
import Crypto
import NIOCore
import Testing
import Wire

@testable import Gateway

@Suite("Whom a call is about")
struct PersonTests {
    private func head(_ fields: String) throws -> HTTPHead {
        let text = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\(fields)Content-Length: 0\r\n\r\n"
        var bytes = ByteBuffer(string: text)
        var parser = RequestParser()
        guard case .head(let request)? = try parser.next(&bytes) else { throw Failure.badPerson }
        return request.head
    }

    static let longest = String(repeating: "x", count: 128)

    @Test(
        "A person is named once, by visible ASCII characters without spaces",
        arguments: [
            ("", nil), ("weir-person: customer-17\r\n", "customer-17"), ("Weir-Person:17\r\n", "17"),
            ("WEIR-PERSON: \t17 \r\n", "17"),
            ("x-weir-person: 17\r\n", nil), ("weir_person: 17\r\n", nil), ("weir-persons: 17\r\n", nil),
            ("weir-person: a,b\r\n", "a,b"), ("weir-person: !~\"\\\r\n", "!~\"\\"), ("weir-person: \(longest)\r\n", longest),
        ] as [(String, String?)])
    func named(fields: String, person: String?) throws {
        let head = try head(fields)
        #expect(try head.person().map(head.string) == person)
    }

    @Test(
        "Twice, nothing, too much, spaces, bytes above ASCII: a call with such a person is refused, whatever else it says",
        arguments: [
            "weir-person: 1\r\nweir-person: 2\r\n", "weir-person: 1\r\nWEIR-PERSON: 1\r\n",
            "weir-person: 1\r\nx: y\r\nweir-person:\r\n",
            "weir-person:\r\n", "weir-person:   \r\n", "weir-person: \(longest)x\r\n", "weir-person: a b\r\n",
            "weir-person: a\tb\r\n", "weir-person: 李雷\r\n", "weir-person: é\r\n",
        ])
    func refused(fields: String) throws {
        let head = try head(fields)
        #expect(throws: Failure.badPerson) { try head.person() }
        #expect(Failure.badPerson.status == 400 && !Failure.badPerson.message.contains("李"))
    }

    private func names(_ tenant: String, seed: UInt8 = 1) -> PersonNames {
        PersonNames(TenantSecrets(seed: Array(repeating: seed, count: 32)).key(for: tenant, .person))
    }

    private func pseudonym(_ person: String, _ names: PersonNames) -> Pseudonym {
        Array(person.utf8).withUnsafeBytes { names.pseudonym(of: $0) }
    }

    @Test("One person has one pseudonym at a tenant, and others at other tenants and other nodes")
    func pseudonyms() throws {
        let acme = pseudonym("customer-17", names("acme"))
        #expect(acme == pseudonym("customer-17", names("acme")))
        let others = [
            pseudonym("customer-18", names("acme")), pseudonym("Customer-17", names("acme")),
            pseudonym("customer-17", names("zenith")), pseudonym("customer-17", names("acme", seed: 2)),
        ]
        #expect(Set(others + [acme]).count == 5)
        // As the documentation says: the first 128 bits of HMAC-SHA-256.
        let key = TenantSecrets(seed: Array(repeating: 1, count: 32)).key(for: "acme", .person)
        let code = HMAC<SHA256>.authenticationCode(for: Array("customer-17".utf8), using: key)
        let digits = code.prefix(16).map { hexadecimal(UInt64($0)).suffix(2) }.joined()
        #expect(acme.description == digits)
    }

    @Test("A call that names nobody is a person of its own, and no name can be made to mean it")
    func nobody() {
        let names = names("acme")
        let calls = (0..<100).map { CallID(high: 1, low: UInt64($0)) }
        let own = calls.map { names.pseudonym(ofNobodyIn: $0) }
        #expect(Set(own).count == 100 && own == calls.map { names.pseudonym(ofNobodyIn: $0) })
        let named = Set(calls.map { pseudonym($0.description, names) })
        #expect(named.isDisjoint(with: own))
    }
}
