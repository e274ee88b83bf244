import Foundation
import Journal
import Testing

@Suite("Notes")
struct NoteTests {
    private let vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"

    private func example(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: casesFolder.appending(path: "audit/tlog_tiles_log/\(name)")))
    }

    @Test("Base64 has one text for the same bytes")
    func base64() throws {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ 5) }
            #expect(Base64.text(bytes) == Data(bytes).base64EncodedString())
            #expect(Base64.bytes(Base64.text(bytes).utf8) == bytes)
        }
        for wrong in ["A", "AA", "AAA", "AA=", "AAB=", "AB==", "A===", "====", "AA==AAAA", "AAAA\n", "AAA-", "AA=A", " AAA"] {
            #expect(Base64.bytes(wrong.utf8) == nil, "\(wrong)")
        }
    }

    @Test("Checkpoints of another implementation are read, checked and written back byte for byte")
    func example() throws {
        let verifier = try LogVerifier(vkey: vkey)
        #expect(verifier.vkey == vkey)
        for size in 0...15 {
            let bytes = try example("checkpoint.\(size)")
            let note = try SignedNote(bytes)
            #expect(note.bytes == bytes)
            let checkpoint = try verifier.checkpoint(in: note)
            #expect(checkpoint.size == UInt64(size))
            #expect(checkpoint.origin == "example.com/log/testdata")
            #expect(checkpoint.text == note.text)
        }
    }

    @Test("A checkpoint with any bit changed is refused")
    func flips() throws {
        let verifier = try LogVerifier(vkey: vkey)
        let bytes = try example("checkpoint.13")
        for bit in 0..<bytes.count * 8 {
            #expect(throws: LogFormatError.self, "bit \(bit)") { try verifier.checkpoint(in: flipped(bytes, bit)) }
        }
    }

    @Test("A note that is written in another way than notes are is refused")
    func strict() throws {
        let line = "\u{2014} example.com/log M9e0luh4jTG+UMBqOUo9\n"
        #expect(try SignedNote(Array("text\n\n\(line)".utf8)).signatures.count == 1)
        #expect(try SignedNote(Array("text\n\nmore\n\n\(line)".utf8)).text == Array("text\n\nmore\n".utf8))
        for wrong in [
            "", "\n", "text\n\(line)", "text\n\n", "text\n\n\n\(line)x", "text\n\n\(line)\n", "text\r\n\n\(line)",
            "text\n\n\(line)\(line)x",
            "text\n\n- example.com/log M9e0luh4jTG+UMBqOUo9\n", "text\n\n\u{2014}  example.com/log M9e0luh4jTG+UMBqOUo9\n",
            "text\n\n\u{2014} example.com/log M9e0luh4jTG+UMBqOUo9 \n", "text\n\n\u{2014} a+b M9e0luh4jTG+UMBqOUo9\n",
            "text\n\n\u{2014} example.com/log M9e0luh4jTG+UMBqOUo9", "text\n\n\u{2014} example.com/log M9e0lu==\n",
        ] {
            #expect(throws: LogFormatError.self, "\(wrong)") { try SignedNote(Array(wrong.utf8)) }
        }
        #expect(throws: LogFormatError.self) { try SignedNote(Array("text\n\n".utf8) + [0xFF] + Array(line.utf8)) }
        let root = emptyRoot.base64
        #expect(try Checkpoint(text: Array("a\n0\n\(root)\nmore\n".utf8)).extensions == ["more"])
        for wrong in [
            "a\n0\n\(root)", "a\n0\n", "\n0\n\(root)\n", "a\n00\n\(root)\n", "a\n+1\n\(root)\n", "a\n-0\n\(root)\n",
            "a\n1 \n\(root)\n", "a\n18446744073709551616\n\(root)\n", "a\n1\n\(root)\n\n", "a\n1\n\(root.dropLast(1))\n",
            "a\n0\n\(LogHash.zero.base64)\n",
        ] {
            #expect(throws: LogFormatError.self, "\(wrong)") { try Checkpoint(text: Array(wrong.utf8)) }
        }
    }

    @Test("A key's text names it fully: a wrong identifier, kind, length or name is refused")
    func keys() throws {
        let signer = try LogSigner(name: "weir.test/log", seed: Array(1...32))
        #expect(try LogVerifier(vkey: signer.vkey).vkey == signer.vkey)
        for wrong in [
            "", "a+b", vkey.replacing("33d7", with: "33D7"), vkey.replacing("33d7", with: "33d8"), vkey + "AAAA",
            vkey.replacing("+Ae", with: "+Be"), vkey.replacing("example", with: "exa mple"), "+" + vkey,
        ] {
            #expect(throws: LogFormatError.self, "\(wrong)") { try LogVerifier(vkey: wrong) }
        }
        #expect(throws: LogFormatError.self) { try WitnessVerifier(vkey: signer.vkey) }
        #expect(throws: LogFormatError.self) { try LogSigner(name: "two words", seed: Array(1...32)) }
        #expect(throws: LogFormatError.self) { try LogSigner(name: "short", seed: Array(1...31)) }
    }

    @Test("What a signer writes its verifier reads, and no other key or origin passes")
    func signing() throws {
        let signer = try LogSigner(name: "weir.test/log", seed: Array(1...32))
        let checkpoint = Checkpoint(origin: "weir.test/log", size: 5, root: leafHash(of: [1, 2]))
        #expect(try signer.verifier.checkpoint(in: signer.sign(checkpoint)) == checkpoint)
        let other = try LogSigner(name: "weir.test/log", seed: Array(2...33))
        #expect(throws: LogFormatError.self) { try signer.verifier.checkpoint(in: other.sign(checkpoint)) }
        let foreign = Checkpoint(origin: "weir.test/other", size: 5, root: leafHash(of: [1, 2]))
        #expect(throws: LogFormatError.self) { try signer.verifier.checkpoint(in: signer.sign(foreign)) }
        var note = try SignedNote(signer.sign(checkpoint))
        // Lines of keys that nobody here knows are not judged.
        note.signatures.insert(.init(name: "stranger", keyID: 1, bytes: [1, 2, 3]), at: 0)
        #expect(try signer.verifier.checkpoint(in: note) == checkpoint)
        note.signatures.append(note.signatures[1])
        #expect(throws: LogFormatError.self) { try signer.verifier.checkpoint(in: note) }
    }

    @Test("A cosignature holds its time, and one with any bit changed does not pass")
    func cosignatures() throws {
        let log = try TestLog(count: 3)
        let witness = try WitnessSigner(name: "witness.test/w", seed: Array(repeating: 3, count: 32))
        var note = try SignedNote(log.checkpoint(3))
        #expect(try witness.verifier.time(in: note) == nil)
        let signature = witness.cosign(note.text, at: 1_700_000_000)
        note.signatures.append(signature)
        #expect(try witness.verifier.time(in: note) == 1_700_000_000)
        #expect(try WitnessVerifier(vkey: witness.vkey).time(in: SignedNote(note.bytes)) == 1_700_000_000)
        for bit in 0..<signature.bytes.count * 8 {
            note.signatures[1].bytes = flipped(signature.bytes, bit)
            #expect(throws: LogFormatError.self) { try witness.verifier.time(in: note) }
        }
        note.signatures[1] = signature
        note.text = Array(text(note.text).replacing("\n3\n", with: "\n4\n").utf8)
        #expect(throws: LogFormatError.self) { try witness.verifier.time(in: note) }
    }

    @Test("A signing key is made once, for its owner alone, and is never replaced")
    func keyFile() throws {
        let folder = NSTemporaryDirectory() + "weir-log-key-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/" + LogKey.fileName
        let seed = try LogKey.loadOrMake(path: path)
        #expect(seed.count == 32)
        #expect(try LogKey.loadOrMake(path: path) == seed)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [LogKey.fileName])
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        #expect(throws: LogKey.Problem.self) { try LogKey.loadOrMake(path: path) }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        try Data("garbage\n".utf8).write(to: URL(filePath: path))
        #expect(throws: LogKey.Problem.self) { try LogKey.loadOrMake(path: path) }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "garbage\n")
    }
}
