import Core
import Ledger
import Links
import NIOCore
import Wire

/// A hold is lengthened by this share of its output bound…
private let lengtheningShare: Int64 = 4
/// …and by no fewer tokens than this, so that it is not asked for at every event.
private let smallestLengthening: Int64 = 256
/// Once a stream has run past its bound it is lengthened again when so many tokens are left, so that the entry can be on disk
/// before they are used up.
private let lengtheningLead: Int64 = 64
/// Near the limit a hold is lengthened by what is left, if that is at least so many tokens.
private let smallestLastLengthening: Int64 = 16

/// Streams that run past what was held for them: providers that ignore an output limit, or count reasoning beside it.
extension CallRelay {
    /// What a new hold pays for.
    func setBound(_ tokens: Int64) {
        outputBound = tokens
        durableBound = tokens
        lengthensBeyond = tokens
        freeBound = tokens
    }

    /// A stream has said more than was free: holds more where that is needed, and keeps back what is paid for by nothing on disk yet.
    /// False when the stream was ended for want of money.
    func pays(for counted: Int64, _ progress: StreamStep.Progress) -> Bool {
        // What has ended grows no more.
        if case .open = progress, counted > lengthensBeyond, !lengthen(counted: counted) { return false }
        if counted > durableBound, outputBound > durableBound {
            if lane.gate.isDurable(holdSequence) { durableBound = outputBound } else { holdBack() }
        }
        freeBound = min(lengthensBeyond, durableBound)
        return true
    }

    /// Nothing more is read or delivered before the last lengthening is on disk.
    private func holdBack() {
        connection?.setPaused(true)
        if phase == .attempting, answer.gathering != nil { return lane.gate.wait(for: holdSequence, self) }
        guard phase == .delivering else { return }
        sink?.flush()
        phase = .gated
        lane.gate.wait(for: holdSequence, self)
    }

    /// Holds another block for a stream that has said `counted` tokens; false when the stream was ended for want of money.
    private func lengthen(counted: Int64) -> Bool {
        guard let tariff, var held = hold else { return true }
        let start = max(outputBound, counted)
        var block = max(smallestLengthening, outputBound / lengtheningShare)
        var refusal: Failure?
        while true {
            let (bound, overflow) = start.addingReportingOverflow(block)
            let tokens = TokenBound(input: inputBound, output: bound, hasAudio: hasAudio, tier: tier)
            guard !overflow, let whole = tariff.upperBound(tokens) else { return stop(.callTooDear) }
            let more = whole - held.amount
            let now = Timestamp.now()
            // What costs nothing, or is covered by what was held, needs no more.
            let outcome =
                more > .zero
                ? lane.ledger.lengthen(&held, by: more, outputBound: bound, at: now) : .lengthened(holdSequence)
            switch outcome {
            case .lengthened(let sequence):
                hold = held
                holdSequence = sequence
                outputBound = bound
                lengthensBeyond = max(counted, bound - lengtheningLead)
                lane.countLengthened()
                return true
            // Not needed yet: asked again when it is.
            case .unavailable where counted <= outputBound:
                lengthensBeyond = outputBound
                return true
            case .unavailable: return stop(.journalUnavailable)
            case .refused(let money):
                let input = TokenBound(input: inputBound, output: 0, hasAudio: hasAudio, tier: tier)
                let room = tariff.affordableOutput(held.amount + max(.zero, money.left), input, choices: 1) ?? 0
                if refusal == nil, room >= start + smallestLastLengthening {
                    refusal = .streamStopped(money)
                    block = room - start
                    continue
                }
                guard counted > outputBound else {
                    lengthensBeyond = outputBound
                    return true
                }
                return stop(refusal ?? .streamStopped(money))
            }
        }
    }

    /// Ends a stream for want of money; always false.
    private func stop(_ failure: Failure) -> Bool {
        lane.countStoppedStream()
        connection?.cancel()
        connection = nil
        guard case .stream(let reader) = answer.kind else { return false }
        guard phase == .attempting else {
            streamEnded(.cut(failure))
            return false
        }
        // Nothing was delivered yet, so the caller gets a whole answer that says why.
        if let hold { endEstimated(hold, reader) }
        if callerIsGone { finish() } else { fail(failure) }
        return false
    }
}
