import Cedar
import Core

/// The circumstances of a space as one configuration sees them: who they are, what may go where before any policy is asked, and which
/// of them conditions cannot tell apart.
struct SideNumbers {
    /// What is known of an attempt before policies.
    enum Standing: Hashable {
        /// There is no such attempt: no such tenant or endpoint, or the endpoint does not serve it.
        case absent
        /// The tenant's own lists deny it.
        case denied
        /// Policies decide.
        case open
    }

    let world: PolicyWorld
    let space: CallSpace
    /// By caller; nil: not in this configuration.
    let principals: [Entity?]
    let tenants: [TenantPolicy?]
    /// By the number of the space.
    let endpoints: [Int?]
    /// By tenant, model and endpoint.
    private let listed: [String: [[Bool]]]
    private let offered: [[Bool]]
    private let served: [[Bool]]
    private let entities: [Entities]

    /// - Parameter all: what policies can speak of, as it is at the moment in question.
    init(
        _ world: PolicyWorld, _ all: Entities, _ space: CallSpace, keys: Set<String>, serves: (Endpoint, Operation) -> Bool
    ) {
        self.world = world
        self.space = space
        let byName = Dictionary(world.tenants.map { ($0.tenant, $0) }) { first, _ in first }
        // Keys outlive their team, so a team that is not there is no reason for a caller not to be.
        tenants = space.callers.map { byName[$0.tenant] }
        let anyKey = CallSpace.anyKey(besides: keys)
        principals = zip(space.callers, tenants).map { caller, tenant in
            tenant.map { _ in world.principal(key: caller.key ?? anyKey, team: caller.team, tenant: caller.tenant) }
        }
        entities = principals.map { $0.map { all.with(guest: $0) } ?? all }
        let numbers = space.endpoints.map { name in world.endpoints.firstIndex { $0.name == name } }
        endpoints = numbers
        offered = space.models.map { model in numbers.map { $0.map { world.endpoints[$0].models[model] != nil } ?? false } }
        served = space.operations.map { operation in
            numbers.map { $0.map { serves(world.endpoints[$0], operation) } ?? false }
        }
        listed = byName.mapValues { tenant in
            space.models.map { model in
                numbers.map { $0.map { judge(tenant, model: model, at: world.endpoints[$0].labels) == nil } ?? false }
            }
        }
    }

    func standing(_ here: Circumstances) -> Standing {
        guard tenants[here.caller] != nil, offered[here.model][here.endpoint], served[here.operation][here.endpoint] else {
            return .absent
        }
        return listed[space.callers[here.caller].tenant]?[here.model][here.endpoint] == true ? .open : .denied
    }

    /// The bounds of a caller's calls, whatever its key says besides.
    func bounds(_ caller: Int) -> CallLabels {
        guard let tenant = tenants[caller] else { return .unknown }
        return CallLabels.together(
            [tenant.labels, tenant.teamLabels[space.callers[caller].team] ?? .unknown], in: world.classes)
    }

    // MARK: Evaluating

    func evaluator(_ here: Circumstances) -> Evaluator {
        Evaluator(request(here, call(here, fields: [])), entities[here.caller])
    }

    func request(_ here: Circumstances, _ call: CompiledPolicies.Call) -> Request {
        Request(principal: call.principal, action: call.action, resource: resource(here.endpoint), context: call.context)
    }

    /// With these labels.
    func call(_ here: Circumstances, fields: [(Text, Value)]) -> CompiledPolicies.Call {
        call(here, Record(fields + [(Origins.modelField, .entity(.model(space.models[here.model])))]))
    }

    /// As the data path asks about a call.
    func call(_ here: Circumstances, _ context: CallContext) -> CompiledPolicies.Call {
        call(here, context.record(world.countries))
    }

    private func call(_ here: Circumstances, _ context: Record) -> CompiledPolicies.Call {
        CompiledPolicies.Call(
            principal: principals[here.caller]?.uid ?? Side.nobody, action: .operation(space.operations[here.operation]),
            context: context, guest: principals[here.caller])
    }

    func entities(_ here: Circumstances) -> Entities { entities[here.caller] }

    private func resource(_ endpoint: Int) -> EntityUID {
        endpoints[endpoint].map { world.resources[$0] } ?? Side.nobody
    }

    func isInScope(_ policy: Policy, _ here: Circumstances) -> Bool { evaluator(here).isInScope(policy) }

    // MARK: Telling apart

    /// Caller, operation, model, endpoint: where each has its own number in the circumstances.
    static let origins: [Origins] = [.principal, .action, .model, .resource]

    private var counts: [Int] {
        [space.callers.count, space.operations.count, space.models.count, space.endpoints.count]
    }

    /// By origin and number, the first one that an expression cannot tell from it.
    func kinds(for expression: Expression) -> [[Int]] {
        Self.origins.indices.map { axis in
            let parts = expression.parts(from: Self.origins[axis])
            return firsts(axis) { here, number in
                let evaluator = evaluator(here)
                return parts.map { PartAnswer($0, evaluator, number) }
            }
        }
    }

    /// By origin and number, the first one that nothing tells from it: neither conditions, nor scopes, nor lists and bounds.
    func kinds(_ clauses: [[[Int]]], policies: [Policy]) -> [[Int]] {
        Self.origins.indices.map { axis in
            firsts(axis) { here, number in
                Likeness(
                    clauses: clauses.map { $0[axis][number] }, scopes: scopes(axis, here, policies), lists: lists(axis, here),
                    bounds: axis == 0 ? bounds(number) : nil)
            }
        }
    }

    private struct Likeness: Hashable {
        var clauses: [Int]
        var scopes: [Bool]
        var lists: [Bool]
        var bounds: CallLabels?
    }

    private func scopes(_ axis: Int, _ here: Circumstances, _ policies: [Policy]) -> [Bool] {
        let evaluator = evaluator(here)
        return policies.map { policy in
            switch axis {
            case 0: evaluator.isInScope(Policy(id: "", effect: .permit, principal: policy.principal))
            case 1: evaluator.isInScope(Policy(id: "", effect: .permit, action: policy.action))
            case 2: true
            default: evaluator.isInScope(Policy(id: "", effect: .permit, resource: policy.resource))
            }
        }
    }

    private func lists(_ axis: Int, _ here: Circumstances) -> [Bool] {
        switch axis {
        case 0:
            let rows = listed[space.callers[here.caller].tenant] ?? []
            return tenants[here.caller] == nil ? [] : rows.flatMap { $0 }
        case 1: return served[here.operation]
        case 2: return offered[here.model] + listed.sorted { $0.key < $1.key }.flatMap { $0.value[here.model] }
        default:
            return offered.map { $0[here.endpoint] } + served.map { $0[here.endpoint] }
                + listed.sorted { $0.key < $1.key }.flatMap { $0.value.map { $0[here.endpoint] } }
        }
    }

    /// By number, the first with the same key.
    private func firsts<Key: Hashable>(_ axis: Int, _ key: (Circumstances, Int) -> Key) -> [Int] {
        // An empty space has nothing to tell apart.
        guard !counts.contains(0) else { return Array(0..<counts[axis]) }
        var first: [Key: Int] = [:]
        return (0..<counts[axis]).map { number in
            var here = Circumstances(caller: 0, operation: 0, model: 0, endpoint: 0)
            switch axis {
            case 0: here.caller = number
            case 1: here.operation = number
            case 2: here.model = number
            default: here.endpoint = number
            }
            let key = key(here, number)
            if let known = first[key] { return known }
            first[key] = number
            return number
        }
    }

    /// What a part of a condition comes to. Errors are all alike to a condition.
    private enum PartAnswer: Hashable {
        case value(Value)
        case errs
        /// The thing itself, which has more to it than its name: what it is in.
        case itself(Int)

        init(_ part: Expression, _ evaluator: Evaluator, _ number: Int) {
            if case .variable = part.kind {
                self = .itself(number)
            } else {
                do throws(EvaluationError) { self = .value(try evaluator.value(part)) } catch { self = .errs }
            }
        }
    }
}
