import Cedar
import Core

/// One configuration in a proof: its policies and claims, taken apart into what circumstances decide and what labels decide.
final class Side {
    let world: PolicyWorld
    /// As they are at the moment in question.
    let entities: Entities
    let space: CallSpace
    /// Policies of all days, and behind them claims.
    let policies: [Policy]
    let numbers: SideNumbers
    let counted: Counted

    private let clauses: [Clause]
    /// By policy, the numbers of its conditions.
    private let clausesOf: [[Int]]
    /// What parts of conditions are evaluated with.
    let labelEvaluator: Evaluator
    let firstNumber: Int

    private var trees: [Tree] = []
    private var treeNumbers: [Expression: Int] = [:]
    private var treesOfClauses: [TreeKey: Int] = [:]
    private(set) var parts: [Part] = []
    private var partNumbers: [Expression: Int] = [:]
    private var valueNumbers: [Value: Int32] = [:]

    private struct Clause {
        var condition: Condition
        var policy: Int
        /// By caller, operation, model and endpoint: which ones the condition cannot tell apart.
        var kinds: [[Int]]
        /// Why it is left alone.
        var undecided: Undecided?
    }

    private struct TreeKey: Hashable {
        var clause: Int
        var caller: Int
        var operation: Int
        var model: Int
        var endpoint: Int
    }

    /// - Parameters:
    ///   - entities: of the world, as they are at the moment in question.
    ///   - keys: those that are callers of their own; nil: those that the policies name.
    ///   - number: tells the sides of one comparison apart.
    init(
        _ world: PolicyWorld, _ entities: Entities, policies: [Policy], in space: CallSpace, keys: Set<String>? = nil,
        number: Int = 0, serves: (Endpoint, Operation) -> Bool
    ) {
        self.world = world
        self.entities = entities
        self.space = space
        self.policies = policies
        // Parts of two sides are told apart by their numbers; no side has as many parts.
        firstNumber = number << 40
        counted = Counted(world, firstNumber: firstNumber)
        let numbers = SideNumbers(world, entities, space, keys: keys ?? CallSpace.keys(in: policies), serves: serves)
        self.numbers = numbers
        labelEvaluator = Evaluator(
            Request(principal: Self.nobody, action: Self.nobody, resource: Self.nobody), entities)
        let largest = LargestSet(world)
        var clauses: [Clause] = []
        var clausesOf: [[Int]] = []
        for (index, policy) in policies.enumerated() {
            clausesOf.append(Array(clauses.count..<(clauses.count + policy.conditions.count)))
            clauses += policy.conditions.map {
                Clause(
                    condition: $0, policy: index, kinds: numbers.kinds(for: $0.body),
                    undecided: largest.undecided($0.body, of: policy))
            }
        }
        self.clauses = clauses
        self.clausesOf = clausesOf
    }

    /// Stands where nobody looks.
    static let nobody = EntityUID.operation(.chat)

    /// By caller, operation, model and endpoint: the first of those that nothing here tells apart.
    var kinds: [[Int]] { numbers.kinds(clauses.map(\.kinds), policies: policies) }

    // MARK: What circumstances decide

    /// Policies as far as labels decide them.
    struct Rule: Hashable {
        var policy: Int
        var isForbid: Bool
        var asks: [Ask]

        struct Ask: Hashable {
            /// Whether the condition is a `when`.
            var wants: Bool
            var tree: Int
        }

        /// Rules of two policies that say the same are the same to a proof.
        static func == (a: Rule, b: Rule) -> Bool { a.isForbid == b.isForbid && a.asks == b.asks }

        func hash(into hasher: inout Hasher) {
            hasher.combine(isForbid)
            hasher.combine(asks)
        }
    }

    /// What is left of a policy in these circumstances; nil when it is out of its scope or can neither be satisfied nor err.
    func rule(_ policy: Int, _ here: Circumstances) -> Rule? {
        guard numbers.isInScope(policies[policy], here) else { return nil }
        var rule = Rule(policy: policy, isForbid: policies[policy].effect == .forbid, asks: [])
        for clause in clausesOf[policy] {
            let wants = clauses[clause].condition.kind == .when
            let tree = tree(clause, here)
            if case .constant(let value) = trees[tree] {
                if value == wants { continue }
                // A permit that errs permits nothing, as one that fails. A forbid that comes to fail may err before it.
                if !rule.isForbid || value != nil && rule.asks.isEmpty { return nil }
                rule.asks.append(Rule.Ask(wants: wants, tree: tree))
                return rule
            }
            rule.asks.append(Rule.Ask(wants: wants, tree: tree))
        }
        return rule
    }

    /// What is left of some policies, forbids first, each once.
    ///
    /// - Parameter each: also those that need not be asked to decide.
    func rules(_ policies: [Int], _ here: Circumstances, each: Bool = false) -> [Rule] {
        var seen: Set<Rule> = []
        let rules = policies.compactMap { rule($0, here) }.filter { seen.insert($0).inserted }
        if each { return rules }
        let forbids = rules.filter(\.isForbid)
        // One that always forbids leaves nothing to ask.
        if let always = forbids.first(where: { $0.asks.isEmpty }) { return [always] }
        let permits = rules.filter { !$0.isForbid }
        return forbids + (permits.first { $0.asks.isEmpty }.map { [$0] } ?? permits)
    }

    /// What rules ask of each dimension; nil for those that nobody asks for.
    func readings(_ rules: [Rule]) -> [Readings?] {
        var all = [Readings?](repeating: nil, count: Dimension.allCases.count)
        for ask in rules.flatMap(\.asks) {
            for number in trees[ask.tree].parts {
                let part = parts[number]
                var known = all[part.dimension.rawValue] ?? Readings()
                known.formUnion(part.readings)
                all[part.dimension.rawValue] = known
            }
        }
        guard all[Dimension.exports.rawValue] != nil else { return all }
        for (dimension, readings) in Counted.readings {
            var known = all[dimension.rawValue] ?? Readings()
            known.formUnion(readings)
            all[dimension.rawValue] = known
        }
        return all
    }

    static func union(_ a: [Readings?], _ b: [Readings?]) -> [Readings?] {
        zip(a, b).map { a, b in
            guard var all = a else { return b }
            if let b { all.formUnion(b) }
            return all
        }
    }

    private func tree(_ clause: Int, _ here: Circumstances) -> Int {
        let kinds = clauses[clause].kinds
        let key = TreeKey(
            clause: clause, caller: kinds[0][here.caller], operation: kinds[1][here.operation], model: kinds[2][here.model],
            endpoint: kinds[3][here.endpoint])
        if let known = treesOfClauses[key] { return known }
        if let undecided = clauses[clause].undecided {
            trees.append(.undecided(undecided))
            treesOfClauses[key] = trees.count - 1
            return trees.count - 1
        }
        let residue = Residue(evaluator: numbers.evaluator(here)).of(clauses[clause].condition.body)
        let number: Int
        if let known = treeNumbers[residue] {
            number = known
        } else {
            number = trees.count
            trees.append(make(residue, clauses[clause]))
            treeNumbers[residue] = number
        }
        treesOfClauses[key] = number
        return number
    }

    // MARK: Taking apart

    private func make(_ residue: Expression, _ clause: Clause) -> Tree {
        let dimensions: Set<Dimension>
        do throws(Complaint) { dimensions = try residue.dimensions() } catch { return .undecided(undecided(error, clause)) }
        guard let dimension = dimensions.first else {
            do throws(EvaluationError) { return .constant(try labelEvaluator.bool(residue)) } catch { return .constant(nil) }
        }
        switch residue.kind {
        case .and(let all): return .and(all.map { make($0, clause) })
        case .or(let all): return .or(all.map { make($0, clause) })
        case .not(let one): return .not(make(one, clause))
        case .conditional(let condition, let then, let otherwise):
            return .choose(make(condition, clause), then: make(then, clause), otherwise: make(otherwise, clause))
        case _ where dimensions.count == 1: return .part(part(residue, in: residue, dimension, clause))
        default: return .mixed(partsBelow(residue, clause), residue)
        }
    }

    /// The largest parts of one dimension below an expression of several.
    private func partsBelow(_ expression: Expression, _ clause: Clause) -> [Int] {
        expression.kind.children.flatMap { child -> [Int] in
            guard let dimensions = try? child.dimensions(), let dimension = dimensions.first else { return [] }
            return dimensions.count == 1 ? [part(child, in: expression, dimension, clause)] : partsBelow(child, clause)
        }
    }

    private func part(_ expression: Expression, in whole: Expression, _ dimension: Dimension, _ clause: Clause) -> Int {
        if let known = partNumbers[expression] { return known }
        var reader = Reader(dimension, labelEvaluator)
        var part = Part(expression: expression, dimension: dimension, readings: Readings(), questions: [], patterns: [])
        do throws(Complaint) {
            try reader.read(expression, in: whole)
            part.readings = reader.readings
            part.questions = reader.readings.order
            part.patterns = reader.readings.patterns.sorted { "\($0)" < "\($1)" }
        } catch {
            part.undecided = undecided(error, clause)
        }
        partNumbers[expression] = parts.count
        parts.append(part)
        return parts.count - 1
    }

    private func undecided(_ complaint: Complaint, _ clause: Clause) -> Undecided {
        let written = clause.condition.body.part(at: complaint.range) ?? clause.condition.body
        return Undecided(
            reason: "`\(written)` in \(quoted(policies[clause.policy].id)) cannot be gone through: \(complaint.reason)",
            hint: complaint.hint)
    }

    // MARK: What labels decide

    /// What became of a rule in one case.
    enum Outcome { case holds, fails, errs }

    func outcome(_ rule: Rule, _ trace: Trace) throws(Undecided) -> Outcome {
        for ask in rule.asks {
            guard let answer = try answer(trees[ask.tree], trace) else { return .errs }
            if answer != ask.wants { return .fails }
        }
        return .holds
    }

    /// Whether a case is permitted: some permit is satisfied, and no forbid is or errs.
    func isPermitted(_ rules: [Rule], _ trace: Trace) throws(Undecided) -> Bool {
        for rule in rules where rule.isForbid {
            if try outcome(rule, trace) != .fails { return false }
        }
        for rule in rules where !rule.isForbid {
            if try outcome(rule, trace) == .holds { return true }
        }
        return false
    }

    /// Asks every condition, also those that need not be asked to decide.
    func askAll(_ rules: [Rule], _ trace: Trace) throws(Undecided) {
        for ask in rules.flatMap(\.asks) { _ = try answer(trees[ask.tree], trace) }
    }

    /// nil: it errs.
    private func answer(_ tree: Tree, _ trace: Trace) throws(Undecided) -> Bool? {
        switch tree {
        case .constant(let value): return value
        case .part(let number): return Self.bool(try ask(number, trace))
        case .and(let all):
            for one in all {
                let value = try answer(one, trace)
                if value != true { return value }
            }
            return true
        case .or(let all):
            for one in all {
                let value = try answer(one, trace)
                if value != false { return value }
            }
            return false
        case .not(let one): return try answer(one, trace).map { !$0 }
        case .choose(let condition, let then, let otherwise):
            guard let holds = try answer(condition, trace) else { return nil }
            return try answer(holds ? then : otherwise, trace)
        case .mixed(let parts, let expression):
            for part in parts { _ = try ask(part, trace) }
            let evaluator = Evaluator(
                Request(principal: Self.nobody, action: Self.nobody, resource: Self.nobody, context: Record(trace.fields)),
                entities)
            do throws(EvaluationError) { return try evaluator.bool(expression) } catch { return nil }
        case .undecided(let reason): throw reason
        }
    }

    private static let errs: Int32 = 2

    private static func bool(_ value: Int32) -> Bool? { value == 0 ? false : value == 1 ? true : nil }

    private func ask(_ number: Int, _ trace: Trace) throws(Undecided) -> Int32 {
        let part = parts[number]
        if let reason = part.undecided { throw reason }
        if part.dimension.isListed {
            return trace.ask(firstNumber + number, part.dimension) { candidates in
                candidates.fields.map { self.value(part.expression, $0) }
            }
        }
        try trace.askAll(part)
        return value(part.expression, trace.fields(part.dimension))
    }

    /// 0 and 1 for false and true, 2 for an error, and a number of its own for each other value.
    private func value(_ expression: Expression, _ fields: [(Text, Value)]) -> Int32 {
        let request = Request(principal: Self.nobody, action: Self.nobody, resource: Self.nobody, context: Record(fields))
        do throws(EvaluationError) {
            let value = try Evaluator(request, entities).value(expression)
            if case .bool(let holds) = value { return holds ? 1 : 0 }
            if let known = valueNumbers[value] { return known }
            let number = Int32(valueNumbers.count) + Self.errs + 1
            valueNumbers[value] = number
            return number
        } catch { return Self.errs }
    }
}

extension Expression {
    /// The part that stands at a place of the text.
    fileprivate func part(at place: SourceRange) -> Expression? {
        if range == place { return self }
        for child in kind.children {
            if let found = child.part(at: place) { return found }
        }
        return nil
    }
}
