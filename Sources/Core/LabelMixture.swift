extension CallLabels {
    /// The labels of one call that is about these contents and about `others` as well, such as a call and the stored state that it
    /// builds on: the stricter class, all categories and tags, the people of either. What is unknown of one is unknown of both.
    ///
    /// What the call is for, and what its client may say, stays as it is here.
    public func mixed(with others: CallLabels, in classes: DataClasses) -> CallLabels {
        var both = self
        both.dataClass =
            if let dataClass, let other = others.dataClass, classes.rank(of: dataClass) != nil, classes.rank(of: other) != nil {
                classes.stricter(dataClass, other)
            } else {
                nil
            }
        both.categories = categories.flatMap { own in others.categories.map { own.union($0) } }
        both.exportTags = exportTags.flatMap { own in others.exportTags.map { own.union($0) } }
        both.subjects = subjects.isUnknown || others.subjects.isUnknown ? [] : subjects.union(others.subjects)
        if both.subjects.isAnywhere { both.subjects = [anywhere] }
        return both
    }

    /// Whether these say of the content what `others` say.
    public func sameContent(as others: CallLabels) -> Bool {
        dataClass == others.dataClass && categories == others.categories && exportTags == others.exportTags
            && subjects == others.subjects
    }
}
