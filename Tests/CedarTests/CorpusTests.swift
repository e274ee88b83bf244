import Foundation
import Testing

@testable import cedar_corpus

@Suite("Public tests of the language")
struct CorpusTests {
    @Test("Every test of the public corpus that is kept here agrees: decision, determining policies, errors")
    func handwritten() throws {
        let report = try CorpusRunner(root: cases.appending(path: "corpus")).run()
        print(report.summary)
        for line in report.disagreements { Issue.record("\(line)") }
        #expect(report.tests == 22)
        #expect(report.requests.judged > 60)
    }
}
