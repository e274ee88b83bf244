import Core
import Crypto
import Policy
import Wire

/// Names the persons of one tenant: a keyed hash of what its clients call them.
struct PersonNames: Sendable {
    private let key: SymmetricKey

    /// - Parameter key: the tenant's own, for `TenantSecrets.Purpose.person`.
    init(_ key: SymmetricKey) { self.key = key }

    /// The same for every call of the tenant that names the person so: the first 128 bits of HMAC-SHA-256.
    func pseudonym(of person: UnsafeRawBufferPointer) -> Pseudonym {
        Pseudonym(HMAC<SHA256>.authenticationCode(for: person, using: key))
    }

    /// Of a call that names nobody: a person of its own. The zero byte in front is in nobody's name.
    func pseudonym(ofNobodyIn call: CallID) -> Pseudonym {
        var message: [UInt8] = [0]
        for word in [call.high, call.low] { withUnsafeBytes(of: word.bigEndian) { message.append(contentsOf: $0) } }
        return Pseudonym(HMAC<SHA256>.authenticationCode(for: message, using: key))
    }
}

extension Pseudonym {
    fileprivate init(_ code: HMAC<SHA256>.MAC) {
        self = code.withUnsafeBytes { bytes in
            Pseudonym(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

/// Of a person's name in the header, in bytes.
let personBytesMax = 128

extension HTTPHead {
    /// Whom a call is about, as its client names them in `weir-person`; nil: it names nobody.
    func person() throws(Failure) -> HTTPSpan? {
        guard hasOwnFields, let span = value(of: "weir-person") else { return nil }
        guard count(of: "weir-person") == 1 else { throw .badPerson }
        let isPlain = withBytes(of: span) { bytes in
            (1...personBytesMax).contains(bytes.count) && bytes.allSatisfy { (0x21...0x7E).contains($0) }
        }
        guard isPlain else { throw .badPerson }
        return span
    }
}

extension CallRelay {
    /// Keeps whom the request's client says it is about; what is wrong with it, if anything.
    func takePerson(_ head: HTTPHead, of key: KeyEntry) -> Failure? {
        do throws(Failure) {
            guard let span = try head.person() else { return nil }
            // A key whose tenant is not there is permitted nothing.
            guard snapshot.persons.indices.contains(key.tenant) else { return nil }
            let names = snapshot.persons[key.tenant]
            person = head.withBytes(of: span) { names.pseudonym(of: $0) }
            return nil
        } catch { return error }
    }

    /// Whose data the call may take out of mainland China; nil: nobody's that counts. Most calls cost this one look.
    func exportedPerson(of key: KeyEntry, _ facts: CallFacts) -> ExportedPerson? {
        let kind = facts.ownLabels.map { snapshot.catalogue.exportKind($0) } ?? key.exportKind
        guard let kind, let names, snapshot.persons.indices.contains(key.tenant) else { return nil }
        return ExportedPerson(
            person ?? snapshot.persons[key.tenant].pseudonym(ofNobodyIn: names.call), isSensitive: kind == .sensitive)
    }
}
