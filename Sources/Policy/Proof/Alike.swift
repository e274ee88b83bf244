import Core

/// Circumstances that nothing tells apart: any of these callers with any of these operations, models and endpoints.
struct Alike {
    var callers: [Int]
    var operations: [Int]
    var models: [Int]
    var endpoints: [Int]

    var first: Circumstances {
        Circumstances(
            caller: callers.first ?? 0, operation: operations.first ?? 0, model: models.first ?? 0, endpoint: endpoints.first ?? 0
        )
    }

    var count: UInt64 { UInt64(callers.count) * UInt64(operations.count) * UInt64(models.count) * UInt64(endpoints.count) }

    /// Every combination of groups.
    static func all(_ groups: [[[Int]]]) -> some Sequence<Alike> {
        groups[0].lazy.flatMap { callers in
            groups[1].lazy.flatMap { operations in
                groups[2].lazy.flatMap { models in
                    groups[3].lazy.map { endpoints in
                        Alike(callers: callers, operations: operations, models: models, endpoints: endpoints)
                    }
                }
            }
        }
    }
}

/// By origin, the numbers that no side tells apart, each group with its least number first.
func circumstanceGroups(_ sides: [Side]) -> [[[Int]]] {
    let kinds = sides.map(\.kinds)
    return SideNumbers.origins.indices.map { axis in
        var groups: [[Int]: [Int]] = [:]
        for number in kinds.first?[axis].indices ?? 0..<0 {
            groups[kinds.map { $0[axis][number] }, default: []].append(number)
        }
        return groups.values.sorted { $0[0] < $1[0] }
    }
}
