// Proofs of RFC 6962, made from the hashes that stand in tiles, and checked as RFC 9162, 2.1.3.2 and 2.1.4.2, says.

/// The hash over the leaves from `begin` to before `end`, a range that the tree's recursion comes to.
private func rangeHash<Problem: Error>(
    _ begin: UInt64, _ end: UInt64, _ hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
) throws(Problem) -> LogHash {
    let count = end - begin
    if count == 0 { return emptyRoot }
    let level = count.trailingZeroBitCount
    if count == 1 << UInt64(level) { return try treeNode(level: level, index: begin >> UInt64(level), hash: hash) }
    let middle = begin + split(count)
    let left = try rangeHash(begin, middle, hash)
    return nodeHash(left, try rangeHash(middle, end, hash))
}

/// The largest power of two below a number above 1.
private func split(_ count: UInt64) -> UInt64 { 1 << UInt64(63 - (count - 1).leadingZeroBitCount) }

/// The hash over the first `size` leaves.
public func treeRoot<Problem: Error>(
    size: UInt64, hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
) throws(Problem) -> LogHash {
    try rangeHash(0, size, hash)
}

/// The hashes that lead from a leaf to the root, the leaf's sibling first. `hash` tells what stands in the tiles of a level.
public func inclusionProof<Problem: Error>(
    index: UInt64, size: UInt64, hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
) throws(Problem) -> [LogHash] {
    precondition(index < size, "only what is in the log can be proven to be in it")
    var proof: [LogHash] = []
    var (begin, end) = (0 as UInt64, size)
    while end - begin > 1 {
        let middle = begin + split(end - begin)
        if index < middle {
            proof.append(try rangeHash(middle, end, hash))
            end = middle
        } else {
            proof.append(try rangeHash(begin, middle, hash))
            begin = middle
        }
    }
    return proof.reversed()
}

/// The hashes that show a log of `newer` entries to begin with the one of `older` entries; none if one of them is empty.
public func consistencyProof<Problem: Error>(
    from older: UInt64, to newer: UInt64, hash: (_ tileLevel: Int, _ index: UInt64) throws(Problem) -> LogHash
) throws(Problem) -> [LogHash] {
    precondition(older <= newer, "a log only grows")
    guard older > 0, older < newer else { return [] }
    var proof: [LogHash] = []
    var (begin, end) = (0 as UInt64, newer)
    while end != older {
        let middle = begin + split(end - begin)
        if older <= middle {
            proof.append(try rangeHash(middle, end, hash))
            end = middle
        } else {
            proof.append(try rangeHash(begin, middle, hash))
            begin = middle
        }
    }
    // Who asks knows the older root; only a part of it has to be told.
    if begin > 0 { proof.append(try rangeHash(begin, end, hash)) }
    return proof.reversed()
}

/// Whether a leaf with this hash is the `index`th of the log of `size` entries with this root.
public func verifyInclusion(leaf: LogHash, index: UInt64, size: UInt64, proof: [LogHash], root: LogHash) -> Bool {
    guard index < size else { return false }
    var (place, last) = (index, size - 1)
    var hash = leaf
    for sibling in proof {
        guard last > 0 else { return false }
        if place & 1 == 1 || place == last {
            hash = nodeHash(sibling, hash)
            while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
        } else {
            hash = nodeHash(hash, sibling)
        }
        (place, last) = (place >> 1, last >> 1)
    }
    return last == 0 && hash == root
}

/// Whether the log with the newer root begins with all entries of the one with the older root. Of an empty log that is known
/// without proof, so that a proof from 0 to more entries is refused.
public func verifyConsistency(
    from older: UInt64, _ olderRoot: LogHash, to newer: UInt64, _ newerRoot: LogHash, proof: [LogHash]
) -> Bool {
    if older == newer { return proof.isEmpty && olderRoot == newerRoot && (older > 0 || olderRoot == emptyRoot) }
    guard older > 0, older < newer else { return false }
    var hashes = proof[...]
    // The proof leaves out the older root where that is a node of the newer tree.
    if older & (older - 1) == 0 { hashes = [olderRoot] + hashes }
    guard let first = hashes.popFirst() else { return false }
    var (place, last) = (older - 1, newer - 1)
    while place & 1 == 1 { (place, last) = (place >> 1, last >> 1) }
    var (left, whole) = (first, first)
    for hash in hashes {
        guard last > 0 else { return false }
        if place & 1 == 1 || place == last {
            left = nodeHash(hash, left)
            whole = nodeHash(hash, whole)
            while place & 1 == 0, place != 0 { (place, last) = (place >> 1, last >> 1) }
        } else {
            whole = nodeHash(whole, hash)
        }
        (place, last) = (place >> 1, last >> 1)
    }
    return last == 0 && left == olderRoot && whole == newerRoot
}
