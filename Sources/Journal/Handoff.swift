import Synchronization

/// Committed batches on their way from the writer to the publisher, in memory that is bounded. What does not fit is dropped here;
/// the publisher reads it from its segment.
final class Handoff: Sendable {
    /// What is kept for a publisher that does not keep up.
    static let bytesMax = 8 * 1024 * 1024
    /// With this much it is woken before its time, so that the work is spread and the memory stays warm.
    private static let ringBytes = 1024 * 1024

    private struct State: Sendable {
        var filling: Chunk
        var spare: Chunk? = Chunk()
        var end: UInt64
        var sleeps = false
        var rang = false
    }

    private let state: Mutex<State>
    private let bell: Bell

    /// `end` is one past the last durable entry at open.
    init(end: UInt64, bell: Bell) {
        state = Mutex(State(filling: Chunk(), end: end))
        self.bell = bell
    }

    /// From the writer, for each batch that has become durable.
    func offer(_ bytes: UnsafeRawBufferPointer, next: UInt64) {
        let mustRing = state.withLock { state in
            state.end = next
            state.filling.add(bytes)
            guard state.sleeps || state.filling.used >= Self.ringBytes, !state.rang else { return false }
            state.rang = true
            state.sleeps = false
            return true
        }
        if mustRing { bell.ring() }
    }

    /// What has come in since the last time, and where the durable part ends.
    func take() -> (chunk: Chunk, end: UInt64) {
        state.withLock { state in
            let chunk = state.filling
            state.filling = state.spare ?? Chunk()
            state.spare = nil
            state.rang = false
            return (chunk, state.end)
        }
    }

    func giveBack(_ chunk: Chunk) {
        chunk.empty()
        state.withLock { $0.spare = chunk }
    }

    /// Whether the publisher may sleep until it is rung for; not if something beyond `end` has come in.
    func sleep(after end: UInt64) -> Bool {
        state.withLock { state in
            state.sleeps = state.end == end
            return state.sleeps
        }
    }
}

/// Batches as they lie in a segment, one after another.
/// Unchecked: one owner at a time, first the writer under the lock of the handoff, then the publisher.
final class Chunk: @unchecked Sendable {
    private static let usualBytes = 256 * 1024
    private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: usualBytes, alignment: 16)
    private(set) var used = 0

    deinit { memory.deallocate() }

    func empty() { used = 0 }

    func add(_ bytes: UnsafeRawBufferPointer) {
        guard used + bytes.count <= Handoff.bytesMax else { return }
        if used + bytes.count > memory.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: min(Handoff.bytesMax, max(2 * memory.count, used + bytes.count)), alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<used]))
            memory.deallocate()
            memory = larger
        }
        UnsafeMutableRawBufferPointer(rebasing: memory[used...]).copyMemory(from: bytes)
        used += bytes.count
    }

    func forEachBatch<Problem: Error>(_ body: (BatchHead, UnsafeRawBufferPointer) throws(Problem) -> Void) throws(Problem) {
        var offset = 0
        while offset < used {
            let rest = UnsafeRawBufferPointer(rebasing: memory[offset..<used])
            guard let head = BatchHead(rest) else { preconditionFailure("the writer offers only batches that it has sealed") }
            try body(head, UnsafeRawBufferPointer(rebasing: rest[..<head.totalBytes]))
            offset += head.totalBytes
        }
    }
}
