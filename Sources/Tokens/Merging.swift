#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Joins the bytes of one piece into tokens: of all neighbours that make a token, those with the lowest rank first, the leftmost
/// of equals first, until none do. Keeps its working memory from piece to piece; used by one thread.
final class Merging {
    /// Up to this many bytes, looking at all neighbours each time is quicker than keeping a heap of them.
    static let shortMax = 96
    /// Longer pieces (a run of one letter, a megabyte of base64 without digits) are cut into parts of this many bytes, at a
    /// character's edge. This bounds memory; a count may be a token or two more than the encoding's own at each cut.
    static let partMax = 16_384

    private let vocabulary: Vocabulary
    /// Bytes of the longest part that will come.
    private let longest: Int
    /// The tokens of the last part, `count` of them.
    private let tokens: UnsafeMutablePointer<Int32>
    private var count = 0
    /// The last part that was long, while its text lives: a run of one character repeats it.
    private var lastPart: UnsafeRawBufferPointer?

    /// For a part that begins at byte i: the rank of it joined with the next one, where the next one begins, and the one before.
    private let ranks: UnsafeMutablePointer<Int32>
    private let nexts: UnsafeMutablePointer<Int32>
    private let befores: UnsafeMutablePointer<Int32>
    /// Joins that were possible once: the rank above, where in the piece below; the least on top. Stale ones are passed over.
    private var heap: UnsafeMutablePointer<UInt64>?
    private var heapCount = 0

    /// For the parts of a text of so many bytes.
    init(_ vocabulary: Vocabulary, textBytes: Int) {
        self.vocabulary = vocabulary
        longest = min(textBytes, Merging.partMax)
        let capacity = longest + 1
        tokens = .allocate(capacity: capacity)
        ranks = .allocate(capacity: capacity)
        nexts = .allocate(capacity: capacity)
        befores = .allocate(capacity: capacity)
    }

    deinit {
        tokens.deallocate()
        ranks.deallocate()
        nexts.deallocate()
        befores.deallocate()
        heap?.deallocate()
    }

    /// The tokens of at most `partMax` bytes, which must live until the next call. Valid until then.
    func tokens(of part: UnsafeRawBufferPointer) -> UnsafeBufferPointer<Int32> {
        precondition(part.count <= longest)
        guard let bytes = part.baseAddress, part.count > 0 else { return UnsafeBufferPointer(start: nil, count: 0) }
        let whole = vocabulary.rank(bytes, part.count)
        if whole != Vocabulary.none {
            tokens[0] = whole
            count = 1
            lastPart = nil
        } else if part.count <= Merging.shortMax {
            mergeShort(bytes, part.count)
            lastPart = nil
        } else if let last = lastPart?.baseAddress, lastPart?.count == part.count, memcmp(last, bytes, part.count) == 0 {
            // The tokens are still there.
        } else {
            mergeLong(bytes, Int32(part.count))
            lastPart = part
        }
        return UnsafeBufferPointer(start: tokens, count: count)
    }

    // MARK: - Short parts

    /// `nexts[i]` is where the i-th token begins, `ranks[i]` the rank of it joined with the one after.
    private func mergeShort(_ bytes: UnsafeRawPointer, _ size: Int) {
        var left = size
        var at = 0
        while at < size {
            nexts[at] = Int32(at)
            ranks[at] = at + 1 < size ? vocabulary.rank(bytes + at, 2) : Vocabulary.none
            at += 1
        }
        nexts[size] = Int32(size)
        while true {
            var best = Vocabulary.none
            var place = 0
            var index = 0
            while index < left - 1 {
                if ranks[index] < best {
                    best = ranks[index]
                    place = index
                }
                index += 1
            }
            if best == Vocabulary.none { break }
            left -= 1
            memmove(nexts + place + 1, nexts + place + 2, (left - place) * MemoryLayout<Int32>.stride)
            memmove(ranks + place + 1, ranks + place + 2, (left - place - 1) * MemoryLayout<Int32>.stride)
            ranks[place] = joined(place, left, bytes)
            if place > 0 { ranks[place - 1] = joined(place - 1, left, bytes) }
        }
        for index in 0..<left { tokens[index] = vocabulary.rank(bytes + Int(nexts[index]), Int(nexts[index + 1] - nexts[index])) }
        count = left
    }

    private func joined(_ index: Int, _ left: Int, _ bytes: UnsafeRawPointer) -> Int32 {
        guard index + 2 <= left else { return Vocabulary.none }
        return vocabulary.rank(bytes + Int(nexts[index]), Int(nexts[index + 2] - nexts[index]))
    }

    // MARK: - Long parts

    private func mergeLong(_ bytes: UnsafeRawPointer, _ size: Int32) {
        // Every byte enters once, and every join enters at most two more.
        let heap = self.heap ?? .allocate(capacity: 3 * longest)
        self.heap = heap
        heapCount = 0
        var at: Int32 = 0
        while at < size {
            nexts[Int(at)] = at + 1
            befores[Int(at)] = at - 1
            ranks[Int(at)] = Vocabulary.none
            if at + 1 < size { offer(at, until: at + 2, bytes, heap) }
            at += 1
        }
        while let least = pop(heap) {
            let place = Int32(truncatingIfNeeded: least & 0xFFFF_FFFF)
            // A rank and a place name the bytes, so one that is still noted there is still possible.
            guard ranks[Int(place)] == Int32(truncatingIfNeeded: least >> 32) else { continue }
            let gone = nexts[Int(place)]
            let next = nexts[Int(gone)]
            ranks[Int(gone)] = Vocabulary.none
            nexts[Int(place)] = next
            if next < size { befores[Int(next)] = place }
            ranks[Int(place)] = Vocabulary.none
            if next < size { offer(place, until: nexts[Int(next)], bytes, heap) }
            let before = befores[Int(place)]
            if before >= 0 {
                ranks[Int(before)] = Vocabulary.none
                offer(before, until: next, bytes, heap)
            }
        }
        count = 0
        at = 0
        while at < size {
            let next = nexts[Int(at)]
            tokens[count] = vocabulary.rank(bytes + Int(at), Int(next - at))
            count += 1
            at = next
        }
    }

    @inline(__always)
    private func offer(_ place: Int32, until end: Int32, _ bytes: UnsafeRawPointer, _ heap: UnsafeMutablePointer<UInt64>) {
        let rank = vocabulary.rank(bytes + Int(place), Int(end - place))
        guard rank != Vocabulary.none else { return }
        ranks[Int(place)] = rank
        let entry = UInt64(UInt32(bitPattern: rank)) << 32 | UInt64(UInt32(bitPattern: place))
        var hole = heapCount
        heapCount += 1
        while hole > 0 {
            let parent = (hole - 1) >> 1
            if heap[parent] <= entry { break }
            heap[hole] = heap[parent]
            hole = parent
        }
        heap[hole] = entry
    }

    @inline(__always)
    private func pop(_ heap: UnsafeMutablePointer<UInt64>) -> UInt64? {
        guard heapCount > 0 else { return nil }
        let top = heap[0]
        heapCount -= 1
        let entry = heap[heapCount]
        var hole = 0
        while true {
            var child = 2 * hole + 1
            if child >= heapCount { break }
            if child + 1 < heapCount, heap[child + 1] < heap[child] { child += 1 }
            if entry <= heap[child] { break }
            heap[hole] = heap[child]
            hole = child
        }
        heap[hole] = entry
        return top
    }
}
