import Console
import Core
import Foundation
import Testing

@Suite("The admin token and keys")
struct AdminTokenTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-token-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("It is made once, in a file that only its user can read")
    func made() throws {
        try withFolder { folder in
            #expect(try AdminToken.load(from: folder) == nil)
            let token = try AdminToken.load(orMakeIn: folder)
            #expect(token.secret.value.utf8.count == 43)
            let path = folder + "/admin.token"
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try AdminToken.load(orMakeIn: folder).secret == token.secret)
            #expect(try AdminToken.load(from: folder)?.secret == token.secret)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["admin.token"])
        }
    }

    @Test("A file that others can read is refused", arguments: [0o640, 0o604, 0o660, 0o644, 0o610])
    func readable(mode: Int) throws {
        try withFolder { folder in
            let token = try AdminToken.load(orMakeIn: folder)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder + "/admin.token")
            let error = #expect(throws: AdminTokenError.self) { _ = try AdminToken.load(orMakeIn: folder) }
            #expect(error?.reason.contains("may read it") == true)
            #expect(!"\(String(describing: error))".contains(token.secret.value))
        }
    }

    @Test("A link, an empty file, garbage and a missing folder are refused")
    func odd() throws {
        try withFolder { folder in
            let path = folder + "/admin.token"
            for content in ["", "short\n", String(repeating: "a", count: 44), String(repeating: "a", count: 42) + "="] {
                try content.write(toFile: path, atomically: false, encoding: .utf8)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
                #expect(throws: AdminTokenError.self) { _ = try AdminToken.load(orMakeIn: folder) }
            }
            try FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder + "/elsewhere")
            #expect(throws: AdminTokenError.self) { _ = try AdminToken.load(orMakeIn: folder) }
            #expect(throws: AdminTokenError.self) { _ = try AdminToken.load(orMakeIn: folder + "/none") }
        }
    }

    @Test("Keys and identifiers have their form, and no two are alike")
    func keys() {
        var seen: Set<String> = []
        for _ in 0..<1_000 {
            let (key, digest) = KeyMaker.key()
            #expect(key.value.hasPrefix("weir_") && key.value.utf8.count == 48)
            #expect(
                key.value.utf8.dropFirst(5).allSatisfy {
                    Character(Unicode.Scalar($0)).isLetter || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F
                })
            #expect(digest == KeyMaker.digest(of: key.value))
            #expect(seen.insert(key.value).inserted && seen.insert(KeyMaker.id()).inserted)
        }
        #expect(KeyMaker.isID(KeyMaker.id()))
        #expect(!KeyMaker.isID("key_0123456789ABCDEF") && !KeyMaker.isID("key_012") && !KeyMaker.isID(KeyMaker.key().key.value))
        // From sha256sum.
        #expect(KeyMaker.digest(of: "weir_test").hex == "96386c2e8a17b4e0c100696e5620d9eab7f2d3aaf76d871fd83439d7e8433817")
    }

    @Test("A key's view says whether it opens anything, and has nothing that does")
    func view() {
        let now = Timestamp(seconds: 1_000)
        let digest = KeyMaker.key().digest
        var record = NewKey(tenant: "a", team: "b", name: "c", lifetimeSeconds: 60).record(id: "key_1", digest: digest, at: now)
        record.secrets.append(KeySecret(digest: digest, expires: now))
        #expect(KeyView(record, at: now).state == .active && KeyView(record, at: now).secrets == 1)
        #expect(KeyView(record, at: Timestamp(seconds: 1_060)).state == .expired)
        #expect(KeyView(record, revoked: now, at: now).state == .revoked && KeyView(record, revoked: now, at: now).secrets == 0)
        #expect(!"\(KeyView(record, at: now))".contains(digest.hex))
    }
}
