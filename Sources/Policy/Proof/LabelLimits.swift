import Core

/// What has to be asked of a call's labels to know whether another configuration's bounds hold them too.
struct LabelLimits {
    /// The ranks of classes count, as the other configuration has them.
    var dataClass: (least: String?, classes: DataClasses)?
    var categories: Set<String> = []
    var exportTags: Set<String> = []
    /// nil: any.
    var subjects: Set<String>?
    var purposes: Set<String>?
    /// Known in the other configuration, whatever they are.
    var known: Set<Dimension> = []

    /// Whether all labels are held.
    var isNothing: Bool {
        dataClass == nil && categories.isEmpty && exportTags.isEmpty && subjects == nil && purposes == nil && known.isEmpty
    }

    /// By dimension.
    var readings: [Readings?] {
        var all = [Readings?](repeating: nil, count: Dimension.allCases.count)
        if dataClass != nil { all[Dimension.dataClass.rawValue] = Readings() }
        if known.contains(.categories) { all[Dimension.categories.rawValue] = Readings(together: [categories]) }
        if known.contains(.exportTags) { all[Dimension.exportTags.rawValue] = Readings(together: [exportTags]) }
        if let subjects { all[Dimension.subjects.rawValue] = Readings(questions: [.lies(subjects)]) }
        if let purposes { all[Dimension.purposes.rawValue] = Readings(questions: [.lies(purposes)]) }
        return all
    }
}

extension Side {
    /// What labels within some bounds of a world have to be asked to know whether they are within these too.
    func limits(_ bounds: CallLabels, besides others: CallLabels, of world: PolicyWorld) -> LabelLimits {
        var limits = LabelLimits()
        if bounds.dataClass != others.dataClass || self.world.classes != world.classes {
            limits.dataClass = (bounds.dataClass, self.world.classes)
        }
        if let categories = bounds.categories, bounds.categories != others.categories {
            limits.categories = Set(categories.map(\.rawValue))
            limits.known.insert(.categories)
        }
        if let tags = bounds.exportTags, bounds.exportTags != others.exportTags {
            limits.exportTags = tags
            limits.known.insert(.exportTags)
        }
        if !bounds.subjects.isUnknown, !bounds.subjects.isAnywhere, bounds.subjects != others.subjects {
            limits.subjects = bounds.subjects
        }
        if !bounds.purposes.isEmpty, bounds.purposes != others.purposes { limits.purposes = bounds.purposes }
        return limits
    }

    /// Whether calls of a case can have its labels under these limits. What is unknown of subjects and purposes is possible always.
    func isWithin(_ limits: LabelLimits, _ trace: Trace) throws(Undecided) -> Bool {
        if let (least, classes) = limits.dataClass {
            let rank = least.flatMap(classes.rank) ?? 0
            // Classes are few, and no other question has these numbers.
            let isWithin = trace.ask(firstNumber - 1_000 - rank, .dataClass) { candidates in
                candidates.all.map { value in
                    guard case .dataClass(let name?) = value else { return 1 }
                    return (classes.rank(of: name) ?? -1) >= rank ? 1 : 0
                }
            }
            if isWithin == 0 { return false }
        }
        for (dimension, words) in [(Dimension.categories, limits.categories), (.exportTags, limits.exportTags)]
        where limits.known.contains(dimension) {
            guard try trace.ask(.isKnown, dimension) else { return false }
            for word in words.sorted() where try !trace.ask(.meets([word]), dimension) { return false }
        }
        for (dimension, words) in [(Dimension.subjects, limits.subjects), (.purposes, limits.purposes)] {
            guard let words, try trace.ask(.isKnown, dimension) else { continue }
            if try !trace.ask(.lies(words), dimension) { return false }
        }
        return true
    }
}
