import Core
import Policy
import Providers

/// Why an endpoint stays off although nothing else is missing; nil: it does not.
///
/// Of some clouds no page is known that offers such a model: `azure-china` is the one today (share/places.json says why). What is
/// configured there may be right all the same, and whoever has the contract knows: an attestation of where that deployment processes turns
/// it on. Hosts of such a cloud are off too where the labels name no deployment, so that leaving it out is no way around.
func offUntilAttested(_ labels: Labels, _ provider: ProviderKind, _ web: Web, _ world: World) -> String? {
    let host = provider.hosts.first { $0.matches(web.origin.host) }
    guard let name = labels.deployment?.cloud ?? host?.cloud else { return nil }
    guard let catalogue = world.places.atHand else {
        // Who names a deployment is told already that the catalogue is not there; a host that nobody has verified is not trusted without it.
        return host?.isUnverified == true
            ? "the catalogue of places cannot be read, which says whether `\(name)` is to be attested" : nil
    }
    guard let reason = catalogue.clouds[name]?.attest else { return nil }
    let how = "`\(name)` is off until somebody attests where the deployment processes"
    guard labels.deployment != nil else { return "\(how): name it with `deployment` and add `attest` (\(reason))" }
    if case .attestation = labels.provenance(of: .processedIn) { return nil }
    return "\(how): add `attest` with `processedIn` (\(reason))"
}
