/// One thing that policies speak of: its attributes, its tags and the groups that it is in.
public struct Entity: Hashable, Sendable {
    public let uid: EntityUID
    public let attributes: Record
    public let tags: Record
    /// The entities that it is directly in.
    public let parents: [EntityUID]

    public init(_ uid: EntityUID, attributes: Record = .empty, tags: Record = .empty, parents: [EntityUID] = []) {
        self.uid = uid
        self.attributes = attributes
        self.tags = tags
        self.parents = parents
    }
}

/// All entities that a request is judged with, and who is in whom at any distance. What is not in the store exists in policies all
/// the same, without attributes, tags or groups.
public struct Entities: Sendable {
    /// An entity beside everything it is in.
    struct Entry: Sendable {
        let entity: Entity
        let ancestors: Set<EntityUID>
    }

    private var entries: [EntityUID: Entry] = [:]
    /// One entity more, which a single request brings with it.
    private var guest: Entry?

    public init() {}

    /// Refuses two different entities of one name, a circle of parents, and hierarchies over `Limits.ancestors`.
    public init(_ entities: [Entity]) throws(EntitiesError) {
        var byName: [EntityUID: Entity] = [:]
        byName.reserveCapacity(entities.count)
        for entity in entities {
            if let other = byName.updateValue(entity, forKey: entity.uid), other != entity { throw .duplicate(entity.uid) }
        }
        let ancestors = try Self.closure(byName)
        entries = byName.mapValues { Entry(entity: $0, ancestors: ancestors[$0.uid] ?? []) }
    }

    public var count: Int { entries.count }

    public subscript(uid: EntityUID) -> Entity? { entry(uid)?.entity }

    private func entry(_ uid: EntityUID) -> Entry? {
        if let guest, guest.entity.uid == uid { return guest }
        return entries[uid]
    }

    /// The same entities and one that only this request knows, in its parents and in all that they are in. Copies nothing.
    public func with(guest: Entity) -> Entities {
        var all = self
        var ancestors = Set(guest.parents)
        for parent in guest.parents { ancestors.formUnion(entries[parent]?.ancestors ?? []) }
        all.guest = Entry(entity: guest, ancestors: ancestors)
        return all
    }

    /// Every entity, in the order of their names.
    public var all: [Entity] { entries.values.map(\.entity).sorted { $0.uid < $1.uid } }

    /// Whether one entity is the other, or in it at any distance.
    public func isWithin(_ uid: EntityUID, _ group: EntityUID) -> Bool {
        uid == group || entry(uid)?.ancestors.contains(group) == true
    }

    /// Everything that each entity is in. Walks with a stack of its own, so that a long chain costs no stack.
    private static func closure(_ entities: [EntityUID: Entity]) throws(EntitiesError) -> [EntityUID: Set<EntityUID>] {
        var done: [EntityUID: Set<EntityUID>] = [:]
        var open: Set<EntityUID> = []
        var total = 0
        for start in entities.keys where done[start] == nil {
            var stack = [(uid: start, nextParent: 0)]
            open.insert(start)
            while let (uid, nextParent) = stack.last {
                let parents = entities[uid]?.parents ?? []
                if nextParent < parents.count {
                    stack[stack.count - 1].nextParent += 1
                    let parent = parents[nextParent]
                    guard !open.contains(parent) else { throw .circle(parent) }
                    if done[parent] == nil {
                        open.insert(parent)
                        stack.append((parent, 0))
                    }
                } else {
                    var ancestors = Set(parents)
                    for parent in parents { ancestors.formUnion(done[parent] ?? []) }
                    total += ancestors.count
                    guard total <= Limits.ancestors else { throw .tooManyAncestors }
                    done[uid] = ancestors
                    open.remove(uid)
                    stack.removeLast()
                }
            }
        }
        return done
    }
}

/// Why entities cannot be taken together: a mistake of who wrote them, and trying the same again changes nothing.
public enum EntitiesError: Error, Hashable, Sendable, CustomStringConvertible {
    case duplicate(EntityUID)
    case circle(EntityUID)
    case tooManyAncestors

    public var description: String {
        switch self {
        case .duplicate(let uid): "\(uid) stands twice and differs; keep one of the two"
        case .circle(let uid): "\(uid) is in itself by way of its parents; remove one parent of the circle"
        case .tooManyAncestors: "the hierarchy has over \(Limits.ancestors) pairs of entity and ancestor; make it flatter"
        }
    }
}
