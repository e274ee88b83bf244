import Cedar

extension PolicyWorld {
    /// Whether policies may name it. Keys are made while Weir runs, so a configuration cannot know them.
    func knows(_ uid: EntityUID) -> Bool { uid.type == Word.key || uid.type == Word.action || entities[uid] != nil }

    /// What was meant by a name that it does not know.
    func hint(for uid: EntityUID) -> String {
        let known = entities.all.filter { $0.uid.type == uid.type }.map(\.uid.id.string)
        if let meant = nearest(uid.id.string, known) { return "did you mean \(EntityUID(uid.type, Text(meant)))?" }
        return known.isEmpty
            ? "there is no \(uid.type) at all"
            : "known are \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? ", …" : "")"
    }
}
