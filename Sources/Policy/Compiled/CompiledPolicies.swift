public import Cedar

/// A set of policies made ready for the endpoints of one configuration, so that judging a call anywhere is a few questions and a lookup.
///
/// A condition is asked once for all endpoints that it cannot tell apart: `context.subject in resource.countries` is one question for
/// each distinct set of countries, not one for each endpoint. What only the endpoint decides is answered here and never asked again.
///
/// It says what the interpreter says, with one rule of Weir's on top: where Cedar skips a policy that errs, an error in a `forbid`
/// denies.
public struct CompiledPolicies: Sendable {
    /// Distinct questions, policies × endpoints, that one set may come to.
    public static let questionsMax = 65_536

    /// Something to find out about a call.
    enum Question: Hashable, Sendable {
        case principal(ScopeConstraint)
        case action(ActionConstraint)
        /// `resource` stands for all those that the condition cannot tell from it.
        case condition(Condition, resource: Int)
    }

    /// The questions of one policy in the order in which the language asks them, for some of the endpoints. It is satisfied when all
    /// hold; the first that does not decides whether it fails or errs.
    struct Row: Sendable {
        var questions: [Int]
        /// The one after them, which is known to err wherever the call comes from.
        var errsAtEnd: Bool
        var endpoints: EndpointSet
    }

    struct Compiled: Sendable {
        var id: Text
        var effect: Effect
        var rows: [Row]
    }

    public let policies: PolicySet
    /// The entities that stand for endpoints, in the catalogue's order.
    public let resources: [EntityUID]
    public let entities: Entities
    let questions: [Question]
    /// Those that read something that differs between two calls of one kind, such as the time.
    let volatileQuestions: [Int]
    let compiled: [Compiled]
    /// The policies that ask one of them.
    private let volatilePolicies: [Int]

    /// - Parameter volatile: fields of the context whose values change between two calls that are otherwise alike.
    /// - Returns: `nil` when the set asks more than `questionsMax` questions.
    public init?(_ policies: PolicySet, resources: [EntityUID], entities: Entities, volatile: Set<Text> = []) {
        self.policies = policies
        self.resources = resources
        self.entities = entities
        var book = QuestionBook(resources: resources, entities: entities)
        let compiled = policies.policies.map { Compiled(id: $0.id, effect: $0.effect, rows: book.rows(of: $0)) }
        self.compiled = compiled
        guard book.questions.count <= Self.questionsMax else { return nil }
        questions = book.questions
        let isVolatile = book.questions.map { $0.isVolatile(volatile) }
        volatileQuestions = isVolatile.indices.filter { isVolatile[$0] }
        volatilePolicies = compiled.indices.filter { index in
            compiled[index].rows.contains { $0.questions.contains { isVolatile[$0] } }
        }
    }

    /// How many questions there are: a measure of what a new kind of call costs.
    public var questionCount: Int { questions.count }

    /// What a call asks: the request without its resource.
    public struct Call: Hashable, Sendable {
        public var principal: EntityUID
        public var action: EntityUID
        public var context: Record
        /// The principal itself, where the entities of the set do not hold it.
        public var guest: Entity?

        public init(principal: EntityUID, action: EntityUID, context: Record, guest: Entity? = nil) {
            self.principal = principal
            self.action = action
            self.context = context
            self.guest = guest
        }
    }

    // MARK: Asking

    /// Answers what has to be asked of a call: of each policy the questions up to the first that does not hold.
    func ask(_ call: Call) -> Outcomes {
        var outcomes = Outcomes(count: questions.count)
        let entities = entities(for: call)
        for policy in compiled { ask(policy, call, entities, &outcomes) }
        return outcomes
    }

    /// The same for a call of a kind whose outcomes are known: only what may have changed is asked anew.
    func askAgain(_ call: Call, known: Outcomes) -> Outcomes {
        var outcomes = known
        for question in volatileQuestions { outcomes[question] = .unasked }
        let entities = entities(for: call)
        for index in volatilePolicies { ask(compiled[index], call, entities, &outcomes) }
        return outcomes
    }

    /// Whether the answers may be others for the next call of the same kind. Where nobody had to ask what changes, nobody will.
    func isVolatile(_ outcomes: Outcomes) -> Bool {
        volatileQuestions.contains { outcomes[$0] != .unasked }
    }

    private func entities(for call: Call) -> Entities { call.guest.map { entities.with(guest: $0) } ?? entities }

    private func ask(_ policy: Compiled, _ call: Call, _ entities: Entities, _ outcomes: inout Outcomes) {
        for row in policy.rows { ask(row, call, entities, &outcomes) }
    }

    private func ask(_ row: Row, _ call: Call, _ entities: Entities, _ outcomes: inout Outcomes) {
        for question in row.questions {
            if outcomes[question] == .unasked { outcomes[question] = answer(question, call, entities) }
            if outcomes[question] != .holds { break }
        }
    }

    private func answer(_ question: Int, _ call: Call, _ entities: Entities) -> Outcomes.Outcome {
        switch questions[question] {
        case .principal(let constraint):
            let scope = Policy(id: "", effect: .permit, principal: constraint)
            return Evaluator(request(call, at: nil), entities).isInScope(scope) ? .holds : .fails
        case .action(let constraint):
            let scope = Policy(id: "", effect: .permit, action: constraint)
            return Evaluator(request(call, at: nil), entities).isInScope(scope) ? .holds : .fails
        case .condition(let condition, let resource):
            return Evaluator(request(call, at: resource), entities).outcome(of: condition)
        }
    }

    private func request(_ call: Call, at resource: Int?) -> Request {
        // Scopes of principal and action do not look at the resource.
        let uid = resource.map { resources[$0] } ?? call.principal
        return Request(principal: call.principal, action: call.action, resource: uid, context: call.context)
    }

    // MARK: Deciding

    /// The endpoints that may serve a call with these outcomes.
    func permitted(_ outcomes: Outcomes) -> EndpointSet {
        var permitted = EndpointSet(count: resources.count)
        var forbidden = EndpointSet(count: resources.count)
        for policy in compiled {
            for row in policy.rows {
                switch (policy.effect, row.outcome(outcomes)) {
                case (.permit, .holds): permitted.formUnion(row.endpoints)
                case (.forbid, .holds), (.forbid, .errs): forbidden.formUnion(row.endpoints)
                case (.permit, .errs), (_, .fails), (_, .unasked): break
                }
            }
        }
        permitted.subtract(forbidden)
        return permitted
    }

    /// Why a call may go to an endpoint or may not: the policies that decided, and those that erred.
    func reasons(_ outcomes: Outcomes, at endpoint: Int) -> Reasons {
        var permits: [Text] = []
        var forbids: [Text] = []
        var errors: [Text] = []
        var unanswered: [Text] = []
        for policy in compiled {
            guard let row = policy.rows.first(where: { $0.endpoints.contains(endpoint) }) else { continue }
            switch row.outcome(outcomes) {
            case .fails, .unasked: break
            case .errs:
                errors.append(policy.id)
                if policy.effect == .forbid { unanswered.append(policy.id) }
            case .holds: if policy.effect == .permit { permits.append(policy.id) } else { forbids.append(policy.id) }
            }
        }
        let isPermitted = forbids.isEmpty && unanswered.isEmpty && !permits.isEmpty
        return Reasons(
            isPermitted: isPermitted, determining: forbids.isEmpty ? permits : forbids, errors: errors,
            isForbidden: !forbids.isEmpty, unanswered: unanswered)
    }

    /// Judges a call at one endpoint from nothing: for explanations and tests. The data path asks `PolicyMemo`.
    public func judge(_ call: Call, at endpoint: Int) -> Reasons {
        var outcomes = Outcomes(count: questions.count)
        let entities = entities(for: call)
        for policy in compiled {
            for row in policy.rows where row.endpoints.contains(endpoint) { ask(row, call, entities, &outcomes) }
        }
        return reasons(outcomes, at: endpoint)
    }
}

/// What decided about a call at one endpoint.
public struct Reasons: Hashable, Sendable {
    public var isPermitted: Bool
    /// The satisfied forbids, or else the satisfied permits, in the order of the set.
    public var determining: [Text]
    /// The policies without an answer. One of them that is a forbid denies.
    public var errors: [Text]
    /// The determining ones forbid.
    public var isForbidden: Bool
    /// Those without an answer that would forbid.
    public var unanswered: [Text]

    public init(isPermitted: Bool, determining: [Text], errors: [Text], isForbidden: Bool = false, unanswered: [Text] = []) {
        self.isPermitted = isPermitted
        self.determining = determining
        self.errors = errors
        self.isForbidden = isForbidden
        self.unanswered = unanswered
    }

    /// What decided: the determining policies, or, where nothing forbids by its answer, those that deny for want of one.
    public var deciding: [Text] { isForbidden || unanswered.isEmpty ? determining : unanswered }
}

extension CompiledPolicies.Row {
    func outcome(_ outcomes: Outcomes) -> Outcomes.Outcome {
        for question in questions {
            let outcome = outcomes[question]
            if outcome != .holds { return outcome }
        }
        return errsAtEnd ? .errs : .holds
    }
}

extension CompiledPolicies.Question {
    func isVolatile(_ fields: Set<Text>) -> Bool {
        guard case .condition(let condition, _) = self else { return false }
        return condition.body.contextFields.map { !$0.isDisjoint(with: fields) } ?? !fields.isEmpty
    }
}

extension Evaluator {
    func outcome(of condition: Condition) -> Outcomes.Outcome {
        do throws(EvaluationError) { return try holds(condition) ? .holds : .fails } catch { return .errs }
    }
}
