/// Which segment holds which entries, with a mark every so many bytes to begin reading at.
struct SegmentIndex: Sendable {
    /// A reader passes over at most this much to find its first entry.
    static let markBytes = 256 * 1024

    struct Mark: Sendable, Hashable {
        var sequence: UInt64
        var offset: Int
    }

    struct Part: Sendable {
        var name: String
        var salt: UInt64
        var first: UInt64
        var marks: [Mark]
    }

    private(set) var parts: [Part] = []

    /// Adds a segment that holds what follows from `first`, instead of what earlier ones held from there on.
    mutating func add(name: String, salt: UInt64, first: UInt64) {
        while let last = parts.last, last.first >= first { parts.removeLast() }
        if let last = parts.indices.last { parts[last].marks.removeAll { $0.sequence >= first } }
        parts.append(Part(name: name, salt: salt, first: first, marks: []))
    }

    /// Notes a batch of the last segment.
    mutating func note(sequence: UInt64, offset: Int) {
        guard let last = parts.indices.last else { return }
        if let mark = parts[last].marks.last, offset - mark.offset < Self.markBytes { return }
        parts[last].marks.append(Mark(sequence: sequence, offset: offset))
    }

    /// Forgets segments of which everything is before `sequence`, when they are removed.
    mutating func removeParts(before sequence: UInt64) {
        while parts.count > 1, parts[1].first <= sequence { parts.removeFirst() }
    }

    /// The segment that holds `sequence`, where to begin in it, and which sequence the next segment begins with.
    func find(_ sequence: UInt64) -> (part: Part, offset: Int, end: UInt64?)? {
        guard let place = lastIndex(in: parts, where: { $0.first <= sequence }) else { return nil }
        let part = parts[place]
        let offset = lastIndex(in: part.marks, where: { $0.sequence <= sequence }).map { part.marks[$0].offset }
        return (part, offset ?? sectorBytes, place + 1 < parts.count ? parts[place + 1].first : nil)
    }
}

/// The last index for which `holds` is true, where it is true for a first part only.
private func lastIndex<Element>(in array: [Element], where holds: (Element) -> Bool) -> Int? {
    var low = 0
    var high = array.count
    while low < high {
        let middle = (low + high) / 2
        if holds(array[middle]) { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : low - 1
}
