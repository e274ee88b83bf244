import Cedar

extension Rule {
    /// The pack: the rules that come with Weir, each a file `share/rules/NAME.cedar`.
    public static let names = [
        "cn.algorithm", "cn.cert", "cn.csl", "cn.export.count", "cn.genai.filing", "cn.label",
        "eu.aiact.art50", "eu.aiact.highrisk", "eu.aiact.prohibited",
        "eu.gdpr.art28", "eu.gdpr.art9", "eu.gdpr.art9.zone", "eu.gdpr.transfer",
        "provider.anthropic.ownership", "provider.azure.resale", "provider.openai.places",
        "us.bis.2026-01-15", "us.bis.affiliates50", "us.bis.diffusion", "us.bis.gp10-ascend", "us.bis.iaas-training",
        "us.dsp.bulk",
        "us.ear.744.23",
    ]
}

extension PolicyBook {
    /// What the policies ask of a tenant's company and nobody has said, in order. Where a policy gets to ask it, it denies.
    public func unknownFacts(of tenant: String, in world: PolicyWorld) -> [String] {
        let known = world.entities[.tenant(tenant)]?.attributes
        var asked: Set<Text> = []
        for entry in dated {
            for condition in entry.policy.conditions { condition.body.collectTenantFacts(into: &asked) }
        }
        return asked.filter { known?[$0] == nil }.map(\.string).sorted()
    }
}

extension Expression {
    /// The attributes that it reads of `principal.tenant`.
    fileprivate func collectTenantFacts(into asked: inout Set<Text>) {
        if case .attribute(let owner, let name) = kind, case .attribute(let key, "tenant") = owner.kind,
            key.kind == .variable(.principal)
        {
            asked.insert(name)
        }
        for child in kind.children { child.collectTenantFacts(into: &asked) }
    }
}
