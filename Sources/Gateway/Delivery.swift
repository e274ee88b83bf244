import Core
import Links
import Logging
import NIOCore
import Providers
import Wire

/// An answer on its way to the caller: held back until its hold is on disk, then handed over, to its end or its cut.
extension CallRelay {
    /// The provider's error, in the caller's words where it came in others.
    func gateError(_ facts: ErrorFacts) {
        translateError(facts)
        gate()
    }

    /// Delivers as soon as the attempt's hold is durable.
    func gate() {
        win()
        phase = .gated
        if lane.gate.isDurable(holdSequence) { deliver() } else { lane.gate.wait(for: holdSequence, self) }
    }

    func deliver() {
        guard let head = answer.head else { return finish() }
        if !answer.isBegun { count { $0.answered += 1 } }
        if case .stream = answer.kind {
            phase = .delivering
            if answer.isBegun {
                sink?.send(answer.bytes)
            } else {
                answer.isBegun = true
                sink?.begin(AnswerHead(status: answer.status, headers: headers(from: head), length: nil), body: answer.bytes)
            }
            answer.bytes = ByteBuffer()
            connection?.setPaused(sink.map { !$0.isWritable } ?? false)
            if answer.ending != nil { return finishStream() }
            sink?.flush()
            return
        }
        sink?.begin(
            AnswerHead(status: answer.status, headers: headers(from: head), length: answer.bytes.readableBytes),
            body: answer.bytes)
        finishLogged()
    }

    func finishStream() {
        guard case .cut(let failure) = answer.ending else { return finishLogged() }
        lane.count(failure)
        let sink = sink
        sink?.send(failure.event(dialect, requestID: names?.requestID))
        finish()
        sink?.cut()
    }

    private func finishLogged() {
        let elapsed = (NIODeadline.now() - startedAt).nanoseconds
        count { $0.duration.add(nanoseconds: elapsed) }
        lane.log.info(
            "call finished",
            metadata: [
                "call": "\(names?.requestID ?? "")", "key": "\(key?.record.id ?? "")", "model": "\(model)",
                "endpoint": "\(endpointName)", "status": "\(answer.status)",
                "milliseconds": "\(elapsed / 1_000_000)",
            ])
        finishAnswered()
    }
}

extension Failure {
    /// The failure as an event of a stream that has begun.
    func event(_ dialect: Dialect, requestID: String?) -> ByteBuffer {
        var event = ByteBufferAllocator().buffer(capacity: 512)
        switch dialect {
        case .responses:
            event.writeString("event: error\ndata: {\"type\":\"error\",\"code\":\"\(code)\",\"message\":")
            event.writeJSON(words)
            event.writeStaticString(",\"param\":null}")
        case .messages, .tokenCount:
            event.writeStaticString("event: error\ndata: ")
            event.writeImmutableBuffer(body(.anthropic, requestID: requestID))
        case .generation, .multimodalGeneration:
            event.writeString("event:error\n:HTTP_STATUS/\(status)\ndata:")
            event.writeImmutableBuffer(body(.dashscope, requestID: requestID))
        case .chat, .completions, .embeddings, .conversations:
            event.writeStaticString("data: ")
            event.writeImmutableBuffer(body(.openAI, requestID: requestID))
        }
        event.writeStaticString("\n\n")
        return event
    }
}
