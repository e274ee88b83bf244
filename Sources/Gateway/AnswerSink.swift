import NIOCore

/// The head of an answer to a caller, before the transport frames it.
struct AnswerHead {
    var status: Int
    /// Raw header lines, each with its line end; nothing about connection or framing.
    var headers: ByteBuffer
    /// nil: a stream.
    var length: Int?
}

/// Where a call's answer goes: a connection of HTTP/1.1 or a stream of HTTP/2.
protocol AnswerSink: AnyObject {
    var isWritable: Bool { get }
    func begin(_ head: AnswerHead, body: ByteBuffer)
    func send(_ body: ByteBuffer)
    func flush()
    /// The answer is whole.
    func end()
    /// The answer is cut: the transport must not make it look whole.
    func cut()
    /// Another relay has the call from now on: the answer comes from it, and it is told when the caller leaves.
    func goOn(with relay: CallRelay)
    /// Tells a waiting caller to send its body.
    func sendContinue()
}
