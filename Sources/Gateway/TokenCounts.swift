import Core
import NIOCore
import Policy
import Wire

/// Counts of tokens where no endpoint of the model counts them itself: by the model's vocabulary, away from the event loop. Nothing leaves Weir,
/// and nothing is held; policy was asked as about the chat that the count prepares.
extension CallRelay {
    /// Counts the call's prompt; false where nobody here knows the model's vocabulary, or it holds what a vocabulary does not count.
    func countTokens(_ facts: CallFacts) -> Bool {
        guard dialect == .tokenCount, scan.images == 0, scan.files == 0, scan.unknownPart == nil,
            let estimates = lane.estimates, let vocabulary = vocabulary(facts)
        else { return false }
        attemptID = AttemptID(using: &lane.random)
        phase = .counting
        let (relay, counted) = (NIOLoopBound(self, eventLoop: lane.loop), attemptID)
        let accepted = estimates.count(body, vocabulary: vocabulary) { [loop = lane.loop] tokens in
            loop.execute { relay.value.counted(tokens, by: vocabulary, counted) }
        }
        // Too much waits to be counted; what is counted later is nobody's.
        if !accepted { fail(.overloaded) }
        return true
    }

    /// Of the first endpoint that policy permits and that the chat could go to.
    private func vocabulary(_ facts: CallFacts) -> String? {
        guard let model = facts.model else { return nil }
        return snapshot.catalogue.endpoints(serving: model)?.lazy
            .filter { self.snapshot.catalogue.isPermitted(facts, at: $0) && self.snapshot.serves($0, .messages) }
            .compactMap { self.snapshot.way(endpoint: $0, model: model)?.vocabulary }.first
    }

    private func counted(_ tokens: Int64, by vocabulary: String, _ count: AttemptID) {
        // Its caller may have left, and the relay be at another call.
        guard phase == .counting, attemptID == count, let sink else { return }
        var headers = ByteBufferAllocator().buffer(capacity: 160)
        headers.writeString("content-type: application/json\r\nx-weir-counted-by: \(vocabulary)\r\n")
        if let names {
            headers.writeStaticString("x-request-id: ")
            names.writeRequestID(to: &headers)
            headers.writeStaticString("\r\n")
        }
        let body = ByteBuffer(string: "{\"input_tokens\":\(tokens)}")
        sink.begin(AnswerHead(status: 200, headers: headers, length: body.readableBytes), body: body)
        finishAnswered()
    }
}
