import Cedar
import Core

/// Who can call, for what and where to, by the names of one configuration or of two that are compared. Keys come and go, so all keys of
/// a team stand as one, beside those that a policy names.
public struct CallSpace {
    public struct Caller: Sendable, Hashable {
        public var tenant: String
        /// `otherTeam`: one that the configuration does not have any more.
        public var team: String
        /// nil: any key of the team that no policy names.
        public var key: String?
    }

    /// Stands for every team that a tenant does not have: keys outlive the team that they were made for. No team can have this name.
    public static let otherTeam = "(a removed team)"

    var callers: [Caller]
    var operations: [Operation] = Operation.allCases
    var models: [String]
    var endpoints: [String]

    /// - Parameters:
    ///   - keys: those that policies or claims name; any of them may be any team's.
    ///   - tenant: the only one to look at; nil: all.
    init(_ worlds: [PolicyWorld], keys: Set<String>, tenant: String? = nil) {
        var callers: Set<Caller> = []
        for policy in worlds.flatMap(\.tenants) where tenant == nil || policy.tenant == tenant {
            for team in policy.teams.union([Self.otherTeam]) {
                for key in [nil] + keys.map({ Optional($0) }) {
                    callers.insert(Caller(tenant: policy.tenant, team: team, key: key))
                }
            }
        }
        self.callers = callers.sorted { ($0.tenant, $0.team, $0.key ?? "") < ($1.tenant, $1.team, $1.key ?? "") }
        models = Set(worlds.flatMap(\.endpoints).flatMap(\.models.keys)).sorted()
        var endpoints: [String] = []
        for endpoint in worlds.flatMap(\.endpoints) where !endpoints.contains(endpoint.name) { endpoints.append(endpoint.name) }
        self.endpoints = endpoints
    }

    /// Conditions are asked about each caller, operation, model and endpoint before any case is judged; so often at most.
    static let questionsMax = 20_000_000

    func tooLarge(for policies: Int) -> Undecided? {
        let things = callers.count + operations.count + models.count + endpoints.count
        guard things * policies > Self.questionsMax else { return nil }
        return Undecided(
            reason: "\(policies) policies and claims over \(things) callers, models and endpoints are too many to go through",
            hint: "name one tenant")
    }

    /// The name of a key that no policy names.
    static func anyKey(besides keys: Set<String>) -> String {
        var name = "key_any"
        while keys.contains(name) { name += "_" }
        return name
    }

    /// The keys that policies name, in scopes and conditions.
    static func keys(in policies: [Policy]) -> Set<String> {
        Set(policies.flatMap(\.namedEntities).filter { $0.type == Word.key }.map(\.id.string))
    }
}

/// One place in a space of calls, by numbers: everything about an attempt but its labels.
struct Circumstances: Hashable {
    var caller: Int
    var operation: Int
    var model: Int
    var endpoint: Int
}
