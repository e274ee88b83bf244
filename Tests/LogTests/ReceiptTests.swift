import Core
import Foundation
import Journal
import Testing

/// A log in which two tenants' attempts stand between each other, each entry with 128 random bits.
private struct Salted {
    static let mine = AttemptID(high: 0x0123_4567_89AB_CDEF, low: 0x0123_4567_89AB_CDEF)
    static let other = AttemptID(high: 0xFEDC_BA98_7654_3210, low: 0)
    var log: TestLog
    var salts: [String]

    init(count: Int = 600) throws {
        var salts: [String] = []
        let entries = (0..<count).map { number in
            let salt = Base64.text((0..<16).map { _ in UInt8.random(in: 0...255) }).prefix(22).replacing("+", with: "-")
                .replacing("/", with: "_")
            salts.append(String(salt))
            return Array((#"{"v":2,"n":\#(number),"s":"\#(salt)","# + Self.content(number)).utf8)
        }
        self.salts = salts
        log = try TestLog(entries)
    }

    static func content(_ number: Int) -> String {
        let attempt = number == 5 || number == 300 || number == 599 ? mine : other
        let tenant = attempt == mine ? "acme" : "globex"
        return #""t":"hold","attempt":"\#(attempt)","key":"key_\#(tenant)","amount":"12"}"#
    }
}

@Suite("Receipts")
struct ReceiptTests {
    @Test("A receipt has each entry of its attempt and verifies with the public key alone")
    func whole() throws {
        let salted = try Salted()
        let log = salted.log
        let receipt = try #require(try makeReceipt(attempt: Salted.mine, log.folder(), verifier: log.signer.verifier))
        let read = try verifyReceipt(receipt.bytes, verifier: try LogVerifier(vkey: log.signer.vkey))
        #expect(read == receipt)
        #expect(read.entries.map(\.proof.index) == [5, 300, 599])
        #expect(read.entries.map(\.json) == [5, 300, 599].map { log.entries[$0] })
        #expect(try makeReceipt(attempt: AttemptID(high: 0, low: 0), log.folder(), verifier: log.signer.verifier) == nil)
    }

    @Test("A receipt with any bit changed is refused")
    func everyBit() throws {
        let log = try Salted(count: 40).log
        let bytes = try #require(try makeReceipt(attempt: Salted.mine, log.folder(), verifier: log.signer.verifier)).bytes
        _ = try verifyReceipt(bytes, verifier: log.signer.verifier)
        for bit in 0..<bytes.count * 8 {
            #expect(throws: LogFormatError.self, "bit \(bit)") {
                try verifyReceipt(flipped(bytes, bit), verifier: log.signer.verifier)
            }
        }
        for count in 0..<bytes.count {
            #expect(throws: LogFormatError.self) { try verifyReceipt(bytes[..<count], verifier: log.signer.verifier) }
        }
        #expect(throws: LogFormatError.self) { try verifyReceipt(bytes + [10], verifier: log.signer.verifier) }
    }

    @Test("Entries of another attempt, entries twice and foreign logs do not pass in a receipt")
    func foreign() throws {
        let log = try Salted().log
        let verifier = log.signer.verifier
        let mine = try #require(try makeReceipt(attempt: Salted.mine, log.folder(), verifier: verifier))
        let other = try #require(try makeReceipt(attempt: Salted.other, log.folder(), verifier: verifier))
        for entries in [[other.entries[0]], mine.entries.reversed(), [mine.entries[0], mine.entries[0]]] {
            let forged = Receipt(attempt: Salted.mine, entries: entries)
            #expect(throws: LogFormatError.self) { try verifyReceipt(forged.bytes, verifier: verifier) }
        }
        let stranger = try LogSigner(name: TestLog.name, seed: Array(repeating: 8, count: 32))
        #expect(throws: LogFormatError.self) { try verifyReceipt(mine.bytes, verifier: stranger.verifier) }
        // The member counts at the top of the entry only, and not inside text or what a provider sent.
        for content in [
            #""raw":{"attempt":"\#(Salted.mine)"}}"#, #""why":"\",\"attempt\":\"\#(Salted.mine)"}"#,
            #""attempt":"\#(Salted.other)","raw":[{"attempt":"\#(Salted.mine)"}]}"#,
        ] {
            let log = try TestLog([Array((#"{"v":2,"n":0,"# + content).utf8)])
            #expect(try makeReceipt(attempt: Salted.mine, log.folder(), verifier: verifier) == nil)
        }
    }

    @Test("A receipt says nothing of other tenants: not their bytes, and no guess of an entry can be confirmed without its salt")
    func privacy() throws {
        let salted = try Salted()
        let log = salted.log
        let receipt = try #require(try makeReceipt(attempt: Salted.mine, log.folder(), verifier: log.signer.verifier))
        let text = text(receipt.bytes)
        #expect(text.contains("acme"))
        for word in ["globex", Salted.other.description] { #expect(!text.contains(word)) }
        for (number, salt) in salted.salts.enumerated() {
            #expect(text.contains(salt) == [5, 300, 599].contains(number))
        }
        // The neighbour's leaf hash stands in the proof. Everything of the neighbour's entry but its salt is known here.
        let sibling = receipt.entries[0].proof.hashes[0]
        #expect(sibling == leafHash(of: log.entries[4]))
        let guesses = [
            #"{"v":1,"n":4,"# + Salted.content(4), #"{"v":2,"n":4,"# + Salted.content(4),
            #"{"v":2,"n":4,"s":"\#(salted.salts[5])","# + Salted.content(4), #"{"v":2,"n":4,"s":"","# + Salted.content(4),
        ]
        for guess in guesses { #expect(leafHash(of: Array(guess.utf8)) != sibling) }
    }

    @Test("A receipt asks for each witness that the tenant trusts, and prefers the checkpoint that they have signed")
    func witnesses() throws {
        let log = try Salted().log
        let witness = try WitnessSigner(name: "witness.test/w", seed: Array(repeating: 3, count: 32))
        var files = log.files()
        let bare = try #require(try makeReceipt(attempt: Salted.mine, log.folder(files), verifier: log.signer.verifier))
        #expect(throws: LogFormatError.self) {
            try verifyReceipt(bare.bytes, verifier: log.signer.verifier, witnesses: [witness.verifier])
        }
        var note = try SignedNote(log.checkpoint(600))
        note.signatures.append(witness.cosign(note.text, at: 1_700_000_000))
        files[LogFiles.witnessedName] = note.bytes
        let witnessed = try #require(try makeReceipt(attempt: Salted.mine, log.folder(files), verifier: log.signer.verifier))
        #expect(try verifyReceipt(witnessed.bytes, verifier: log.signer.verifier, witnesses: [witness.verifier]) == witnessed)
        // A witness that lags behind has not seen the last entry.
        note = try SignedNote(log.checkpoint(400))
        note.signatures.append(witness.cosign(note.text, at: 1_700_000_000))
        files[LogFiles.witnessedName] = note.bytes
        let latest = try #require(try makeReceipt(attempt: Salted.mine, log.folder(files), verifier: log.signer.verifier))
        #expect(latest.entries.count == 3)
        let seen = try #require(
            try makeReceipt(attempt: Salted.mine, log.folder(files), verifier: log.signer.verifier, onlyWitnessed: true))
        #expect(seen.entries.count == 2)
        #expect(try verifyReceipt(seen.bytes, verifier: log.signer.verifier, witnesses: [witness.verifier]) == seen)
    }
}
