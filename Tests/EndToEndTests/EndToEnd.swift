import Testing

/// The whole of Weir as its users meet it: the program as a process, real files and sockets, the real SDK and a real model.
/// One test after another, since each of them wants the machine's cores.
@Suite("End to end", .serialized)
enum EndToEnd {}

/// What a test cannot go on without.
struct Obstacle: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
