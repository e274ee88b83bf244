import Core

/// Distinct persons, told apart up to a limit: a million takes at most 32 MB.
///
/// Pseudonyms are uniform, so their first byte deals them evenly to sorted lists. One more person moves a few kilobytes at most, and a
/// copy that is changed shares the lists that it does not touch.
struct PersonSet: Sendable, Equatable {
    private static let listCount = 256

    /// Empty until the first person comes.
    private var lists: [[Pseudonym]] = []
    private(set) var count: Int64 = 0

    func contains(_ person: Pseudonym) -> Bool { !lists.isEmpty && place(of: person).isThere }

    /// - Parameter most: a set of so many takes no one in.
    /// - Returns: false when the person is there already, or the set is full.
    mutating func insert(_ person: Pseudonym, most: Int64) -> Bool {
        guard count < most else { return false }
        if lists.isEmpty { lists = Array(repeating: [], count: Self.listCount) }
        let (index, isThere) = place(of: person)
        guard !isThere else { return false }
        lists[list(of: person)].insert(person, at: index)
        count += 1
        return true
    }

    private func list(of person: Pseudonym) -> Int { Int(person.high >> 56) }

    private func place(of person: Pseudonym) -> (index: Int, isThere: Bool) {
        lists[list(of: person)].withUnsafeBufferPointer { list in
            var low = 0
            var high = list.count
            while low < high {
                let middle = (low + high) / 2
                if list[middle] < person { low = middle + 1 } else { high = middle }
            }
            return (low, low < list.count && list[low] == person)
        }
    }
}
