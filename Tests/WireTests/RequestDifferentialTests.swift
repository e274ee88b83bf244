import Core
import Foundation
import NIOCore
import Testing
import Wire

@Suite("The scan agrees with a full parser")
struct RequestDifferentialTests {
    static let cases = 100_000

    @Test("Over 100,000 mutated bodies, what is scanned is what a full parser reads, and what it refuses is refused")
    func mutated() {
        var dice = Dice(seed: testSeed("mutated requests"))
        var accepted = 0
        var failures = 0
        for _ in 0..<Self.cases where failures < 10 {
            let index = dice.below(RequestMutations.bodies.count)
            let operation = RequestMutations.bodies[index].operation
            let body = RequestMutations.mutate(index, &dice)
            if let problem = compare(body, operation, accepted: &accepted) {
                failures += 1
                Issue.record("\(operation) \(String(decoding: body, as: UTF8.self)): \(problem)")
            }
        }
        // Mutations that break everything would prove nothing.
        #expect(accepted > Self.cases / 10)
        print("mutated requests: \(accepted) of \(Self.cases) accepted")
    }

    @Test("Over 20,000 mutated bodies, an edit by splices changes what it means to, and nothing else")
    func edited() throws {
        var dice = Dice(seed: testSeed("edited requests"))
        var edits = 0
        for _ in 0..<20_000 {
            let index = dice.below(RequestMutations.bodies.count)
            let bytes = RequestMutations.mutate(index, &dice)
            let body = ByteBuffer(bytes: bytes)
            guard let scan = try? scanRequest(body, dialect: RequestMutations.bodies[index].operation.dialect, maxDepth: 64),
                let reference = RequestReference(bytes)
            else { continue }
            edits += 1
            var expected = reference.object
            var splices: [Splice] = []
            if reference.object["weir"] == nil {
                let comma = scan.isEmpty ? "" : ","
                splices.append(
                    Splice(range: scan.object.lowerBound + 1..<scan.object.lowerBound + 1, replacement: "\"weir\":true\(comma)"))
                expected["weir"] = true
            }
            if let model = scan.model {
                splices.append(Splice(range: model, replacement: "other"))
                expected["model"] = "other"
            }
            if let limit = scan.maxTokens {
                splices.append(Splice(range: limit.range, replacement: "7"))
                expected["max_tokens"] = 7
            }
            if let options = scan.streamOptions, options.isNull {
                splices.append(Splice(range: options.range, replacement: #"{"include_usage":true}"#))
                expected["stream_options"] = ["include_usage": true]
            } else if let include = scan.streamOptions?.includeUsage {
                splices.append(Splice(range: include.range, replacement: "true"))
                var options = reference.object["stream_options"] as? [String: Any] ?? [:]
                options["include_usage"] = true
                expected["stream_options"] = options
            }
            splices.sort { $0.range.lowerBound < $1.range.lowerBound }
            let result = RequestReference(Array(spliced(body, splices).readableBytesView))
            #expect(result.map { NSDictionary(dictionary: $0.object) } == NSDictionary(dictionary: expected))
        }
        #expect(edits > 2_000)
    }

    @Test("Every body that the mutations start from is accepted")
    func bases() {
        for (operation, body) in RequestMutations.bodies {
            var accepted = 0
            let problem = compare(Array(body.utf8), operation, accepted: &accepted)
            #expect(problem == nil)
            #expect(accepted == 1, "\(body)")
        }
    }

    /// What is wrong, or nil.
    private func compare(_ body: [UInt8], _ operation: Core.Operation, accepted: inout Int) -> String? {
        let parsed = RequestReference(body)
        let scan: RequestScan
        do throws(ScanError) {
            scan = try scanRequest(ByteBuffer(bytes: body), dialect: operation.dialect, maxDepth: 64)
        } catch {
            guard error.offset >= 0, error.offset <= body.count else { return "offset \(error.offset) lies outside" }
            return parsed == nil || mayDiffer(error, body) ? nil : "refused \(error), but the parser accepts"
        }
        accepted += 1
        guard let parsed else { return "accepted, but the parser refuses" }
        let differences = parsed.differences(scan, body, operation)
        return differences.isEmpty ? nil : differences.joined(separator: "; ")
    }

    /// Where the scan refuses and Foundation does not, each by rule.
    private func mayDiffer(_ error: ScanError, _ body: [UInt8]) -> Bool {
        switch error.code {
        case .duplicateKey, .escapedKey, .escapedValue, .tooDeep, .tooManyKeys, .tooLarge, .wrongType, .notAnInteger, .outOfRange,
            .notAnObject:
            true
        case .malformed, .incomplete, .notUTF8, .trailingBytes:
            // Foundation skips a byte order mark, takes text with NULs for UTF-16 or UTF-32, and lets a comma end a list.
            body.starts(with: [0xEF, 0xBB, 0xBF]) || body.contains(0) || isTrailingComma(error.offset, body)
        }
    }

    private func isTrailingComma(_ offset: Int, _ body: [UInt8]) -> Bool {
        guard offset < body.count, body[offset] == UInt8(ascii: "]") || body[offset] == UInt8(ascii: "}") else { return false }
        return body[..<offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
    }
}
