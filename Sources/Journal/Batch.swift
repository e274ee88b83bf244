/// Entries that wait for the disk, laid out as they will lie there; the writer adds hashes, head and end mark.
///
/// One owner at a time: appends use it under the journal's lock, then the writer has it until it is durable.
final class Batch: @unchecked Sendable {
    /// Memory that a batch starts with, and goes back to after a burst.
    static let usualBytes = 256 * 1024

    private(set) var memory: UnsafeMutableRawBufferPointer
    private(set) var used = batchHeadBytes
    private var lengths: [UInt32] = []
    private(set) var first: UInt64 = 0
    private(set) var urgentCount = 0
    var urgent: Bool { urgentCount > 0 }
    private var isHashed = false

    init() {
        memory = .allocate(byteCount: Self.usualBytes, alignment: 4096)
        lengths.reserveCapacity(1024)
    }

    deinit { memory.deallocate() }

    var count: Int { lengths.count }
    var isEmpty: Bool { lengths.isEmpty }
    /// What it takes on disk, filling included.
    var diskBytes: Int { roundedToSector(used + count * tableRowBytes + endMarkBytes) }

    func reset() {
        if memory.count > 4 * Self.usualBytes {
            memory.deallocate()
            memory = .allocate(byteCount: Self.usualBytes, alignment: 4096)
            lengths = []
        }
        used = batchHeadBytes
        lengths.removeAll(keepingCapacity: true)
        urgentCount = 0
        isHashed = false
    }

    /// Adds `{"v":2,"n":<sequence>,"s":"<salt>",` and `rest`.
    func add(_ rest: UnsafeRawBufferPointer, sequence: UInt64, urgent: Bool, salts: inout SaltSource) {
        add(count: 1 + headBytes(of: sequence) + rest.count, sequence: sequence, urgent: urgent) { space in
            space[0] = 0
            let headEnd = 1 + writeHead(sequence, &salts, into: UnsafeMutableRawBufferPointer(rebasing: space[1...]))
            UnsafeMutableRawBufferPointer(rebasing: space[headEnd...]).copyMemory(from: rest)
        }
    }

    /// Adds a recovered entry as it was.
    func add(recovered entry: UnsafeRawBufferPointer, sequence: UInt64) {
        add(count: 1 + entry.count, sequence: sequence, urgent: true) { space in
            space[0] = 0
            UnsafeMutableRawBufferPointer(rebasing: space[1...]).copyMemory(from: entry)
        }
    }

    private func add(
        count bytes: Int, sequence: UInt64, urgent: Bool, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        reserve(used + bytes)
        fill(UnsafeMutableRawBufferPointer(rebasing: memory[used..<used + bytes]))
        if lengths.isEmpty { first = sequence }
        lengths.append(UInt32(bytes))
        used += bytes
        if urgent { urgentCount += 1 }
    }

    /// Completes the bytes for a segment. Hashing is done once, also when the batch is written again elsewhere.
    func seal(salt: UInt64, chain: LogHash) -> (head: BatchHead, bytes: UnsafeRawBufferPointer) {
        var head = BatchHead(entryBytes: used - batchHeadBytes, first: first, count: count, salt: salt, chain: chain)
        let total = diskBytes
        reserve(total)
        if !isHashed {
            var offset = batchHeadBytes
            for (row, length) in lengths.enumerated() {
                let leaf = leafHash(prefixed: UnsafeRawBufferPointer(rebasing: memory[offset..<offset + Int(length)]))
                memory.put(length, at: head.tableOffset + row * tableRowBytes)
                memory.storeBytes(of: leaf, toByteOffset: head.tableOffset + row * tableRowBytes + 4, as: LogHash.self)
                offset += Int(length)
            }
            isHashed = true
        }
        head.seal(memory)
        let filling = UnsafeMutableRawBufferPointer(rebasing: memory[head.totalBytes..<total])
        filling.initializeMemory(as: UInt8.self, repeating: 0)
        return (head, UnsafeRawBufferPointer(rebasing: memory[0..<total]))
    }

    private func reserve(_ bytes: Int) {
        guard bytes > memory.count else { return }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes, memory.count * 2), alignment: 4096)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[0..<used]))
        memory.deallocate()
        memory = larger
    }
}

private let headStart: StaticString = "{\"v\":2,\"n\":"
private let saltStart: StaticString = ",\"s\":\""
private let saltEnd: StaticString = "\","

private func digits(of sequence: UInt64) -> Int {
    var digits = 1
    var rest = sequence
    while rest >= 10 {
        rest /= 10
        digits += 1
    }
    return digits
}

/// The bytes of `{"v":2,"n":<sequence>,"s":"<salt>",`.
func headBytes(of sequence: UInt64) -> Int {
    headStart.utf8CodeUnitCount + digits(of: sequence) + saltStart.utf8CodeUnitCount + SaltSource.characters
        + saltEnd.utf8CodeUnitCount
}

private func writeHead(_ sequence: UInt64, _ salts: inout SaltSource, into space: UnsafeMutableRawBufferPointer) -> Int {
    var offset = 0
    func put(_ text: StaticString) {
        UnsafeMutableRawBufferPointer(rebasing: space[offset...])
            .copyMemory(from: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        offset += text.utf8CodeUnitCount
    }
    put(headStart)
    let end = offset + digits(of: sequence)
    var rest = sequence
    offset = end
    repeat {
        offset -= 1
        space[offset] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
    } while rest > 0
    offset = end
    put(saltStart)
    salts.write(into: UnsafeMutableRawBufferPointer(rebasing: space[offset...]))
    offset += SaltSource.characters
    put(saltEnd)
    return offset
}
