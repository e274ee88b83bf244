import Cedar
import Testing

@Suite("Authorizer")
struct AuthorizerTests {
    private let permitted = "@id(\"yes\") permit (principal, action, resource);\n"
    private let notCovering = "@id(\"other\") permit (principal == User::\"nobody\", action, resource) when { 1 + true == 2 };\n"
    private let unmet = "@id(\"unmet\") permit (principal, action, resource) when { context.no };\n"
    private let erringPermit = "@id(\"err\") permit (principal, action, resource) when { principal.nothing };\n"
    private let erringForbid = "@id(\"errForbid\") forbid (principal, action, resource) unless { principal.nothing };\n"
    private let forbidden = "@id(\"no\") forbid (principal, action, resource) when { context.yes } unless { context.no };\n"
    private let notBoolean = "@id(\"number\") permit (principal, action, resource) when { 1 };\n"

    private func judge(_ text: String) throws -> Authorization {
        let world = try World.load()
        return try PolicySet.parse(Source(name: "p", text: text)).authorize(world.request, world.entities)
    }

    private func expect(
        _ answer: Authorization, _ decision: Authorization.Decision, _ determining: [Text], _ failing: [Text] = [],
        at place: SourceLocation = #_sourceLocation
    ) {
        #expect(answer.decision == decision, sourceLocation: place)
        #expect(answer.determining == determining, sourceLocation: place)
        #expect(answer.failures.map(\.policy) == failing, sourceLocation: place)
    }

    @Test("Nothing is allowed without a satisfied permit")
    func denyByDefault() throws {
        expect(try judge(""), .deny, [])
        expect(try judge(notCovering + unmet), .deny, [])
    }

    @Test("One satisfied permit allows, and only satisfied permits determine it")
    func permit() throws {
        expect(try judge(unmet + permitted + notCovering), .allow, ["yes"])
    }

    @Test("A satisfied forbid denies, and it alone determines that, however many permits are satisfied")
    func forbid() throws {
        expect(try judge(permitted + forbidden), .deny, ["no"])
        expect(try judge(forbidden), .deny, ["no"])
    }

    @Test("A policy that errs is skipped and named, a forbid as well as a permit")
    func errors() throws {
        expect(try judge(permitted + erringPermit + erringForbid), .allow, ["yes"], ["err", "errForbid"])
        expect(try judge(erringPermit), .deny, [], ["err"])
        expect(try judge(permitted + forbidden + erringForbid), .deny, ["no"], ["errForbid"])
        expect(try judge(notBoolean), .deny, [], ["number"])
    }

    @Test("A scope that does not cover the request keeps its conditions from erring")
    func scopeFirst() throws {
        expect(try judge(notCovering + permitted), .allow, ["yes"])
    }

    @Test("A condition that does not hold keeps the later ones from erring")
    func conditionsInOrder() throws {
        let head = "permit (principal, action, resource) "
        expect(try judge(head + "when { context.no } when { principal.nothing };"), .deny, [])
        expect(try judge(head + "when { principal.nothing } when { context.no };"), .deny, [], ["policy0"])
        expect(try judge(head + "unless { context.yes } unless { 1 };"), .deny, [])
    }

    @Test(
        "Every form of a scope covers what it says",
        arguments: [
            ("principal == User::\"alice\", action, resource", true), ("principal == User::\"bob\", action, resource", false),
            ("principal in Group::\"all\", action, resource", true), ("principal in Group::\"none\", action, resource", false),
            ("principal is User, action, resource", true), ("principal is Group, action, resource", false),
            ("principal is User in Group::\"staff\", action, resource", true),
            ("principal is Group in Group::\"staff\", action, resource", false),
            ("principal is User in Group::\"none\", action, resource", false),
            ("principal, action == Action::\"view\", resource", true), ("principal, action == Action::\"read\", resource", false),
            ("principal, action in Action::\"read\", resource", true), ("principal, action in [], resource", false),
            ("principal, action in [Action::\"x\", Action::\"read\"], resource", true),
            ("principal, action, resource == Photo::\"p1\"", true), ("principal, action, resource is Album", false),
            ("principal, action, resource in Photo::\"p1\"", true), ("principal, action, (resource)", nil),
        ] as [(String, Bool?)])
    func scopes(_ scope: String, _ covers: Bool?) throws {
        let text = "permit (\(scope));"
        guard let covers else {
            #expect(throws: Diagnostics.self) { try judge(text) }
            return
        }
        expect(try judge(text), covers ? .allow : .deny, covers ? ["policy0"] : [])
    }

    @Test("A template decides nothing until its slots are filled, and then each link by itself")
    func templates() throws {
        let world = try World.load()
        var set = try PolicySet.parse(
            Source(name: "p", text: "@id(\"t\") permit (principal is User in ?principal, action, resource == ?resource);"))
        expect(set.authorize(world.request, world.entities), .deny, [])
        let group = try #require(EntityType("Group"))
        try set.link(template: "t", as: "none", [.principal: EntityUID(group, "none"), .resource: world.request.resource])
        expect(set.authorize(world.request, world.entities), .deny, [])
        try set.link(template: "t", as: "all", [.principal: EntityUID(group, "all"), .resource: world.request.resource])
        expect(set.authorize(world.request, world.entities), .allow, ["all"])
        #expect(throws: LinkError.idTaken("all")) {
            try set.link(template: "t", as: "all", [.principal: EntityUID(group, "all"), .resource: world.request.resource])
        }
        #expect(throws: LinkError.slotWithoutValue(.resource)) {
            try set.link(template: "t", as: "b", [.principal: EntityUID(group, "all")])
        }
        #expect(throws: LinkError.noSuchTemplate("all")) { try set.link(template: "all", as: "b", [:]) }
        let lone = "@id(\"u\") permit (principal == ?principal, action, resource);"
        var other = try PolicySet.parse(Source(name: "p", text: lone))
        #expect(throws: LinkError.valueWithoutSlot(.resource)) {
            try other.link(template: "u", as: "b", [.principal: world.request.principal, .resource: world.request.resource])
        }
    }

    @Test("Two policies of one id are refused with the place of the second")
    func sameID() {
        let error = #expect(throws: Diagnostics.self) { try judge(permitted + unmet + permitted) }
        #expect(error?.all.map(\.position) == [SourcePosition(line: 3, column: 1)])
    }
}
