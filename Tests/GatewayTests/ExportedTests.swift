import Core
import Foundation
import Gateway
import Ledger
import Policy
import Simulator
import Synchronization
import Testing

/// One endpoint in Sweden, and calls about people in China.
@Suite("Exports of persons on the data path")
struct ExportedTests {
    private static let personal = CallLabels(
        dataClass: "personal", categories: [], subjects: ["CN"], purposes: ["support"], exportTags: [])

    private static func policies(most: Int) -> String {
        """
        @id("lists") permit (principal, action, resource);
        @id("few") forbid (principal, action, resource)
        when { context.subjects.contains("CN") } when { context.exportedPersons > \(most) };
        """
    }

    private func counted(_ weir: Harness) -> ExportYear? { weir.ledger.exports(at: .now()).first }

    @Test("A person counts once however often calls are about them, and a call that names nobody counts as a new person")
    func once() async throws {
        try await Harness.with(scenario: FailoverTests.scenario(["SE"]), labels: Self.personal) { weir async throws in
            for person in ["a", "b", "a", "a"] {
                #expect(try weir.chat(Ask.chat, headers: ["weir-person: \(person)"]).status == 200)
            }
            #expect(counted(weir)?.count.persons == 2)
            for _ in 0..<3 { #expect(try weir.chat(Ask.stream).status == 200) }
            #expect(counted(weir)?.count == ExportCount(persons: 5, sensitivePersons: 0))
            let people = try weir.holds().compactMap(\.exported)
            #expect(people.count == 7 && Set(people).count == 5)
            #expect(try weir.chat(Ask.chat, headers: ["weir-person: a b"]).code == "weir_bad_person")
        }
    }

    @Test("Calls about nobody in China, and of no personal data, count nobody")
    func others() async throws {
        for labels in [CallLabels(dataClass: "personal", subjects: ["SE"]), CallLabels(dataClass: "public", subjects: ["CN"])] {
            try await Harness.with(scenario: FailoverTests.scenario(["SE"]), labels: labels) { weir async throws in
                #expect(try weir.chat(Ask.chat, headers: ["weir-person: a"]).status == 200)
                #expect(counted(weir) == nil)
                #expect(try weir.holds().allSatisfy { $0.exported == nil })
            }
        }
    }

    @Test("Where twenty persons may leave, exactly twenty do, however many calls come at once; those that left may go on")
    func exactly() async throws {
        try await Harness.with(
            scenario: FailoverTests.scenario(["SE"]), labels: Self.personal, policies: Self.policies(most: 20)
        ) { weir async throws in
            let statuses = Mutex<[Int: Int]>([:])
            DispatchQueue.concurrentPerform(iterations: 8) { worker in
                for number in 0..<10 {
                    let answer = try? weir.chat(Ask.chat, headers: ["weir-person: p\(worker)-\(number)"])
                    statuses.withLock { $0[answer?.status ?? 0, default: 0] += 1 }
                }
            }
            #expect(statuses.withLock { $0 } == [200: 20, 403: 60])
            #expect(counted(weir)?.count.persons == 20)
            #expect(weir.simulator.record().count == 20)
            let gone = try #require(try weir.holds().first?.exported)
            #expect(!gone.isSensitive)
            #expect(weir.settles())
        }
    }
}
