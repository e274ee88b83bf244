/// When a second attempt of a call starts beside a first one that is slow, and how often a tenant is ready to pay for two.
public struct Hedge: Sendable, Hashable {
    /// From the sending of the first attempt until the second may start, in milliseconds.
    public var afterMilliseconds: Int64
    /// Of a hundred calls, so many may have a second attempt.
    public var percent: Int
    /// Calls of these models alone; nil: of all.
    public var models: Set<String>?

    public init(afterMilliseconds: Int64, percent: Int, models: Set<String>? = nil) {
        self.afterMilliseconds = afterMilliseconds
        self.percent = percent
        self.models = models
    }
}
