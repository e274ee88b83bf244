import Foundation
import Settings
import Testing

/// One bad file of Tests/Cases/settings, and beside it the errors that it must get.
struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var testDescription: String { name }

    static let folder = repository.appendingPathComponent("Tests/Cases/settings")
    static let all: [Case] = ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
        .filter { $0.hasSuffix(".yaml") }.sorted().map { Case(name: $0) }

    var text: String { get throws { try read(Case.folder.appendingPathComponent(name).path) } }
    var expected: String {
        get throws {
            try read(Case.folder.appendingPathComponent(name.replacing(".yaml", with: ".errors")).path)
        }
    }
}

@Suite("A bad configuration file")
struct CaseTests {
    @Test("gets every one of its errors, with line, column and the word that was meant", arguments: Case.all)
    func errors(_ example: Case) throws {
        let environment = [
            "SET": "value", "SPACED": "two words", "PATHED": "https://res.openai.azure.com/openai/v1", "WEIR_SHARE": "share",
        ]
        func table(_ name: String) throws -> String { try read(Case.folder.appendingPathComponent(name).path) }
        let result = load(
            try example.text, file: example.name, environment: environment,
            files: try packFiles().merging([
                "plain.txt": "no certificate", "share/prices.json": try table("seed-prices.json"),
                "share/places.json": try read(repository.appendingPathComponent("share/places.json").path),
                "bad.json": try table("seed-prices-bad.json"), "wrong.cedar": try table("wrong.cedar"),
                "typed.cedar": try table("typed.cedar"), "blank.cedar": try table("blank.cedar"),
                "forbids.cedar": try table("forbids.cedar"), "twice.cedar": try table("twice.cedar"),
            ]) { $1 })
        let found: String
        switch result {
        case .success: found = "OK"
        case .failure(let errors): found = errors.description
        }
        if ProcessInfo.processInfo.environment["WEIR_RECORD_CASES"] != nil {
            let path = Case.folder.appendingPathComponent(example.name.replacing(".yaml", with: ".errors"))
            try Data((found + "\n").utf8).write(to: path)
        }
        #expect(found + "\n" == (try example.expected))
    }

    @Test("There are cases at all")
    func some() { #expect(Case.all.count >= 10) }
}
