extension Pattern {
    /// Whether the whole text matches, for texts and patterns that are known to be short.
    public func matches(_ text: Text) -> Bool {
        func nothing(_ count: Int) throws(Never) {}
        return matches(text, spend: nothing)
    }

    /// Whether the whole text matches. Goes back to the last star only, so the work is at most the product of the lengths;
    /// `spend` is told of it when it gets large, and may throw.
    func matches<Failure: Error>(_ text: Text, spend: (Int) throws(Failure) -> Void) throws(Failure) -> Bool {
        let scalars = text.string.unicodeScalars
        var position = scalars.startIndex
        var element = 0
        /// The element after the last star that was passed, and the first character which that star does not take yet.
        var retry: (element: Int, position: String.UnicodeScalarView.Index)?
        var steps = 0
        while position < scalars.endIndex {
            steps += 1
            if steps == Self.stepsBetweenReports {
                steps = 0
                try spend(Self.stepsBetweenReports)
            }
            if element < elements.count, case .scalar(let wanted) = elements[element], wanted == scalars[position] {
                element += 1
                position = scalars.index(after: position)
            } else if element < elements.count, elements[element] == .wildcard {
                element += 1
                retry = (element, position)
            } else if let last = retry {
                element = last.element
                position = scalars.index(after: last.position)
                retry = (element, position)
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { $0 == .wildcard }
    }

    private static let stepsBetweenReports = 1024
}
