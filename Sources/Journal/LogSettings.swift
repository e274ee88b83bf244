/// How a journal's transparency log is kept.
public struct LogSettings: Sendable {
    /// Signs the checkpoints; its name is the log's origin.
    public var signer: LogSigner
    /// From the first entry that no checkpoint covers to the next checkpoint. With the time that it takes to write, at most 200 ms.
    public var intervalMilliseconds = 120
    /// How many bytes of segments may wait for the log. Beyond, urgent entries are refused, so that segments cannot fill the disk
    /// unseen while the log's files cannot be written.
    public var maxUnpublishedBytes = 4 * 1024 * 1024 * 1024

    public init(signer: LogSigner) { self.signer = signer }

    public init(origin: String, seed: [UInt8]) throws(LogFormatError) {
        self.init(signer: try LogSigner(name: origin, seed: seed))
    }
}
