public import Core

/// An attempt that was made up to show something: who calls, what for, with which labels, and where it would go.
public struct ExampleAttempt: Sendable, Hashable {
    public var tenant: String
    /// `CallSpace.otherTeam`: one that the configuration does not have any more, of which keys are left.
    public var team: String
    /// nil: any key of the team that no policy names.
    public var key: String?
    public var operation: Operation
    public var model: String
    public var endpoint: String
    public var labels: CallLabels
    public var exports: ExportCount?
    public var now: Timestamp
    /// Labels that could be anything else: nothing asks for them.
    public var free: Set<String>

    init(_ side: Side, _ here: Circumstances, _ axes: [Axis], _ box: Box) {
        let space = side.space
        let caller = space.callers[here.caller]
        tenant = caller.tenant
        team = caller.team
        key = caller.key
        operation = space.operations[here.operation]
        model = space.models[here.model]
        endpoint = space.endpoints[here.endpoint]
        var call = CallContext(model: model, labels: .unknown, now: Timestamp(nanoseconds: 0))
        for value in box.values(axes) { value.put(into: &call) }
        free = Set(Dimension.allCases.filter { box.isFree($0, axes) }.map(\.name))
        labels = call.labels
        exports = free.contains(Dimension.exports.name) ? side.counted.example(call.labels) : call.exports
        now = call.now
    }

    /// What its call would bring.
    var context: CallContext { CallContext(model: model, labels: labels, now: now, exports: exports) }

    /// The labels that matter, in words: `class personal, subjects [CN], purposes unknown`.
    public var description: String {
        let all: [Coordinate] = [
            .dataClass(labels.dataClass), .categories(labels.categories), .subjects(labels.subjects), .purposes(labels.purposes),
            .exportTags(labels.exportTags), .exports(exports), .now(now),
        ]
        let shown = zip(Dimension.allCases, all).filter { !free.contains($0.0.name) }
        return shown.isEmpty ? "any labels" : shown.map { "\($0.0.name) \($0.1)" }.joined(separator: ", ")
    }
}
