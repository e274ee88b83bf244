import Core
import Dialects
import NIOCore
import Providers
import Wire

/// Whole answers of models that give them as streams only: asked for as a stream, put together, and delivered like any whole answer. Nothing of
/// them is delivered before their stream's own end, so that a failed one is an error with a status, and another endpoint can be tried.
extension CallRelay {
    /// Takes whole events; false when the answer has grown too long and the attempt is over.
    func gather(_ events: ByteBuffer) -> Bool {
        answer.gatheredBytes += events.readableBytes
        guard answer.gatheredBytes <= wholeAnswerBytesMax else {
            settleGathered()
            failAttempt(.answerTooLong, word: "answer_too_long", mayHaveArrived: true)
            return false
        }
        answer.gathering?.take(events)
        return true
    }

    /// The stream came to its own end.
    func gathered(_ reader: StreamReader) {
        settleStream(reader, isComplete: true)
        hold = nil
        let whole = answer.gathering?.answer()
        answer.gathering = nil
        if callerIsGone { return finish() }
        guard let whole else { return fail(.malformedAnswer) }
        answer.kind = .whole
        answer.isGathered = true
        answer.bytes = whole
        guard translateAnswer() else { return fail(.malformedAnswer) }
        gate()
    }

    /// Charges what a stream said that is given up before its end: a provider bills what it has generated, seen or not.
    func settleGathered() {
        guard plan.gathers, case .stream(let reader) = answer.kind, reader.outputEvents > 0 || reader.usage != nil else { return }
        settleStream(reader, isComplete: false)
        hold = nil
    }
}
