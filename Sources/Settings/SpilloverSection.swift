import Core
import Policy
import Yams

/// Who has the call answered by the other deployment: the property of the one that is asked, or a header of each request.
private enum SpilloverWay: String, CaseIterable { case property, header }

/// Reads `spillover` of a model: `{deployment: gpt-4o-std, price: azure-gpt-4o, by: header, sku: GlobalStandard}`.
func decodeSpillover(_ section: Section, _ context: EndpointContext) -> Spillover? {
    let deployment = section.name("deployment", .upstream)
    let price = section.text("price")
    checkPrice(price, context, section)
    let way = section.choice("by", SpilloverWay.self)
    let sku = section.optionalText("sku")
    section.finish()
    guard let deployment, let price, let way else { return nil }
    return Spillover(deployment: deployment, price: price.value, isAsked: way == .header, sku: sku?.value)
}

/// The endpoint's labels have to hold for the deployment that answers in its place: Azure lets only those of one level spill into each other, and what a
/// configuration says of them must not contradict that.
func checkSpillover(
    _ models: [String: ServedModel], _ section: Section, _ provider: ProviderKind?, _ labels: inout Labels?, _ world: World
) {
    // As the endpoint says it, for each of its models.
    let stated = labels?.deployment?.sku
    for (name, model) in models.sorted(by: { $0.key < $1.key }) {
        guard let spillover = model.spillover else { continue }
        let spot = section.spot(of: "models")
        if provider != .azure {
            section.report.error(spot, "`spillover` of `\(name)` is Azure's: `provider: azure` has it only.")
        }
        if spillover.deployment == model.upstreamName {
            section.report.error(spot, "`spillover` of `\(name)` names the deployment itself.")
        }
        guard let deployment = labels?.deployment, let own = stated else {
            if spillover.sku != nil {
                section.report.error(
                    spot,
                    "`sku` of the spillover of `\(name)` is compared with that of `deployment`, which this endpoint does not say."
                )
            }
            continue
        }
        guard let skus = world.places.catalogue(at: spot, section.report)?.clouds[deployment.cloud]?.skus else { continue }
        guard let sku = spillover.sku, let other = skus[sku] else {
            section.report.error(
                spot,
                "`sku` of the spillover of `\(name)` has to be said, as the deployment of this endpoint says its own. It is one of \(skus.keys.sorted().joined(separator: ", "))."
            )
            continue
        }
        if other.processes != skus[own]?.processes {
            section.report.error(
                spot,
                "`\(own)` and `\(sku)` do not process on the same level, so that the labels of this endpoint do not hold for the spillover of `\(name)`, and Azure does not allow it."
            )
        }
        // Policies that ask for the kind of deployment would be answered for one of two: they find none, and deny.
        if sku != own { labels?.deployment?.sku = nil }
    }
}
