import Core
import Ledger
import Logging
import NIOCore
import Policy
import Providers
import Tokens
import Wire

/// Counts that one event loop has made at once: what providers do not count must not crowd out the estimates of what they bill.
private let ownCountsMax = 16
/// A longer request is not counted: copying it would keep an event loop too long.
private let countedBodyBytesMax = 4 * 1024 * 1024

/// Anthropic's `count_tokens` where the endpoint has no count of its own: made here, with the model's vocabulary, away from the event loop. Nothing
/// leaves, so there is no attempt and no hold.
extension CallRelay {
    /// Whether the endpoint counts nothing itself and Weir is to.
    func countsHere(_ way: Way) -> Bool { dialect == .tokenCount && way.target(of: .tokenCount) == nil }

    /// Endpoints that count come first: they know.
    func countersFirst(_ endpoints: [Int]) -> [Int] {
        guard let model = facts?.model else { return endpoints }
        let counts = endpoints.map { snapshot.way(endpoint: $0, model: model)?.target(of: .tokenCount) != nil }
        return zip(endpoints, counts).filter(\.1).map(\.0) + zip(endpoints, counts).filter { !$0.1 }.map(\.0)
    }

    /// Counts for one endpoint's model; the failure if that cannot be.
    func countHere(_ way: Way) -> Failure? {
        guard let estimates = lane.estimates, let vocabulary = way.vocabulary else { return .operationNotServed }
        if scan.images > 0, way.served.maxTokensPerImage == nil {
            return .uncounted("image", "nobody but the provider knows its tokens, and the model has no bound of them")
        }
        if scan.files > 0 { return .uncounted("document", "nobody but the provider knows its tokens") }
        guard body.readableBytes <= countedBodyBytesMax else { return .bodyTooLong(countedBodyBytesMax) }
        guard lane.ownCounts < ownCountsMax else { return .overloaded }
        let images = Int64(scan.images) * (way.served.maxTokensPerImage ?? 0)
        ownCount += 1
        let (lane, number) = (lane, ownCount)
        let bound = NIOLoopBound(self, eventLoop: lane.loop)
        let loop = lane.loop
        let isTaken = estimates.count(body, vocabulary: vocabulary) { tokens, isByVocabulary in
            loop.execute {
                let relay = bound.value
                relay.lane.ownCounts -= 1
                relay.counted(tokens + images, by: isByVocabulary ? vocabulary : "bytes", number)
            }
        }
        guard isTaken else { return .overloaded }
        lane.ownCounts += 1
        phase = .attempting
        return nil
    }

    /// - Parameter number: which count it is; a caller that left waits for none.
    private func counted(_ tokens: Int64, by vocabulary: String, _ number: UInt64) {
        guard phase == .attempting, ownCount == number, let sink else { return }
        let said = ByteBuffer(string: "{\"input_tokens\":\(tokens)}")
        var headers = ByteBufferAllocator().buffer(capacity: 160)
        headers.writeStaticString("content-type: application/json\r\n")
        if let names {
            headers.writeStaticString("x-request-id: ")
            names.writeRequestID(to: &headers)
            headers.writeStaticString("\r\n")
        }
        headers.writeString("x-weir-estimate: \(vocabulary)\r\n")
        sink.begin(AnswerHead(status: 200, headers: headers, length: said.readableBytes), body: said)
        lane.log.info(
            "tokens counted",
            metadata: ["call": "\(names?.requestID ?? "")", "key": "\(key?.record.id ?? "")", "model": "\(model)"])
        finishAnswered()
    }
}

extension Failure {
    fileprivate static func uncounted(_ field: String, _ why: String) -> Failure {
        caller(
            "weir_not_carried", 400, "`\(field)` cannot be counted here: \(why).",
            "Leave `\(field)` out, or use a model that has an endpoint of Anthropic's dialect.", parameter: field)
    }
}
