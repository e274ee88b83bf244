/// An endpoint that the configuration has and nothing is sent to, since something that it needs is not there.
public struct LeftOut: Sendable, Hashable, Codable {
    public var name: String
    /// Public names of what it would serve.
    public var models: [String]
    /// In words, without its name.
    public var why: String

    public init(name: String, models: [String], why: String) {
        self.name = name
        self.models = models
        self.why = why
    }
}
