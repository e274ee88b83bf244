import Core
import Foundation
import Synchronization
import Testing
import Tokens

/// Collects what completions say; `wait` blocks its thread until there are so many.
private final class Answers: Sendable {
    private let all = Mutex<[Usage]>([])
    private let came = DispatchSemaphore(value: 0)

    func add(_ usage: Usage) {
        all.withLock { $0.append(usage) }
        came.signal()
    }

    func wait(for count: Int) -> [Usage] {
        for _ in 0..<count where came.wait(timeout: .now() + 60) == .timedOut { break }
        return list
    }

    var list: [Usage] { all.withLock { $0 } }
}

private let body = Array(#"{"messages":[{"role":"user","content":"Hello world"}]}"#.utf8)

@Suite("Estimator")
struct EstimatorTests {
    @Test("A call is counted with its vocabulary, output pieces as one text")
    func counts() {
        let estimator = Estimator(folder: tokenizerFolder)
        let answers = Answers()
        let output = [#"Hel"#, #"lo wor"#, #"ld"#].map { Array($0.utf8) }
        #expect(estimator.submit(vocabulary: "cl100k_base", operation: .chat, body: body, output: output) { answers.add($0) })
        #expect(answers.wait(for: 1) == [Usage(input: 3 + 3 + 1 + 2, output: 2)])
        estimator.shutdown()
        #expect(estimator.statistics == Estimator.Statistics(counted: 1))
    }

    @Test("Without a vocabulary, or with a body that is not understood, bytes are counted by three")
    func bytes() throws {
        let estimator = Estimator(folder: tokenizerFolder)
        let answers = Answers()
        let output = [Array(#"\u4f60\u597d"#.utf8)]
        for (name, text) in [(nil, body), ("none", body), ("../x", body), ("cl100k_base", Array("not JSON".utf8))]
            as [(String?, [UInt8])]
        {
            #expect(estimator.submit(vocabulary: name, operation: .chat, body: text, output: output) { answers.add($0) })
        }
        // "user" and "Hello world" are 15 bytes, the body that is not understood 8; the output is 6, or two tokens.
        let known = Usage(input: 5, output: 2)
        #expect(answers.wait(for: 4) == [known, known, known, Usage(input: 3, output: 2)])
        estimator.shutdown()
        let statistics = estimator.statistics
        #expect(statistics.estimated == 4)
        guard case .unreadable(_, let code)? = statistics.failures["none"] else {
            Issue.record("no failure told: \(statistics)")
            return
        }
        #expect(code == ENOENT)
    }

    @Test("Beyond its limit of calls or bytes a submission is refused, and every accepted one is answered")
    func limits() {
        let estimator = Estimator(folder: tokenizerFolder, waitingMax: 4, waitingBytesMax: 10 * (body.count + 64))
        let answers = Answers()
        let free = holdUp(estimator, answers)
        let large = [UInt8](repeating: 0x20, count: 11 * (body.count + 64))
        #expect(!estimator.submit(vocabulary: nil, operation: .chat, body: large, output: []) { answers.add($0) })
        let accepted = (0..<6).map { _ in
            estimator.submit(vocabulary: "cl100k_base", operation: .chat, body: body, output: []) { answers.add($0) }
        }
        #expect(accepted == [true, true, true, true, false, false])
        free.signal()
        #expect(answers.wait(for: 5) == [Usage(input: 5)] + Array(repeating: Usage(input: 9), count: 4))
        estimator.shutdown()
        #expect(estimator.statistics == Estimator.Statistics(counted: 4, estimated: 1, refused: 3))
    }

    @Test("What waits at a shutdown is answered from its bytes, and nothing after it")
    func shutdown() {
        let estimator = Estimator(folder: tokenizerFolder, waitingMax: .max)
        let answers = Answers()
        let free = holdUp(estimator, answers)
        var accepted = 1
        let submit = { estimator.submit(vocabulary: "cl100k_base", operation: .chat, body: body, output: []) { answers.add($0) } }
        for _ in 0..<3 where submit() { accepted += 1 }
        Thread { estimator.shutdown() }.start()
        // It refuses as soon as the shutdown has begun.
        while submit() {
            accepted += 1
            sched_yield()
        }
        free.signal()
        #expect(accepted >= 4)
        #expect(answers.wait(for: accepted) == Array(repeating: Usage(input: 5), count: accepted))
        estimator.shutdown()
        #expect(estimator.statistics == Estimator.Statistics(estimated: accepted, refused: 1))
    }

    /// Occupies the estimator's thread with one call until the result is signalled.
    private func holdUp(_ estimator: Estimator, _ answers: Answers) -> DispatchSemaphore {
        let busy = DispatchSemaphore(value: 0)
        let free = DispatchSemaphore(value: 0)
        let accepted = estimator.submit(vocabulary: nil, operation: .chat, body: body, output: []) {
            busy.signal()
            free.wait()
            answers.add($0)
        }
        #expect(accepted)
        busy.wait()
        return free
    }

    @Test("A completion may submit again: no lock is held while it runs")
    func reentrant() {
        let estimator = Estimator(folder: tokenizerFolder)
        let answers = Answers()
        let first = estimator.submit(vocabulary: nil, operation: .chat, body: body, output: []) { usage in
            answers.add(usage)
            let more: @Sendable (Usage) -> Void = { answers.add($0) }
            let again = estimator.submit(vocabulary: nil, operation: .chat, body: body, output: [], completion: more)
            #expect(again && estimator.statistics.estimated >= 1)
        }
        #expect(first)
        #expect(answers.wait(for: 2).count == 2)
        estimator.shutdown()
        #expect(!estimator.submit(vocabulary: nil, operation: .chat, body: body, output: []) { answers.add($0) })
        #expect(answers.list.count == 2)
    }
}
