import Core
import Policy
import Providers
import Yams

/// Where an endpoint is, as far as the file says it beside a URL.
struct Placement {
    var provider: ProviderKind?
    /// `region`, or that of the labels' deployment.
    var region: String?
    /// A customer's own part of the host: Azure's `resource`, Alibaba's `workspace`.
    var name: String?
    /// Huawei's project, by its id.
    var project: String?
    /// Of the labels' deployment.
    fileprivate var cloud: String?
    fileprivate var deployedIn: String?
    fileprivate var saysRegion = false
    fileprivate var saysName = false

    /// Whether a host follows from it, or from what the labels name where there is no `url`.
    func replacesURL(_ section: Section) -> Bool {
        guard !section.has("url"), let provider, !provider.hosts.isEmpty else { return false }
        return saysRegion || saysName || cloud.map { cloud in provider.hosts.contains { $0.cloud == cloud } } ?? false
    }

    /// The host; nil, with an error, where none is known.
    func host(_ section: Section) -> String? {
        guard let provider else { return nil }
        let spot =
            saysRegion ? section.spot(of: "region") : section.has("deployment") ? section.spot(of: "deployment") : section.spot
        let clouds = provider.hosts.filter { host in cloud.map { $0 == host.cloud } ?? true }
        guard let found = clouds.first(where: { $0.region == nil || $0.region == region }) else {
            let known = clouds.compactMap(\.region).sorted()
            let list = known.map { "`\($0)`" }.joined(separator: ", ")
            section.report.error(
                spot,
                known.isEmpty
                    ? "`provider: \(provider.rawValue)` has no hosts in the cloud `\(cloud ?? "")`. Write `url`."
                    : region == nil
                        ? "`region` is missing. Known of `provider: \(provider.rawValue)` are \(list); write `url` for another."
                        : "`provider: \(provider.rawValue)` is not known in this region. Known are \(list); write `url` for another.",
                meant: region.flatMap { likely($0, among: known) })
            return nil
        }
        guard let host = found.host(name: name) else {
            // What was wrong with it is told already.
            if saysName { return nil }
            let key = provider.hostNameKey ?? "url"
            section.report.error(
                spot, "`\(key)` is missing: \(found.shared == nil ? "the host is named after it" : "it is part of the host").")
            return nil
        }
        if found.isUnverified {
            section.report.note("the host \(host) was seen in third-party code only: check it before anything is sent there")
        }
        return host
    }
}

/// Reads `region`, `resource`, `workspace` and `project`.
func decodePlacement(_ section: Section, _ provider: ProviderKind?) -> Placement {
    var place = Placement(provider: provider)
    (place.cloud, place.deployedIn) = deployment(of: section)
    if let text = section.optionalText("region") {
        place.saysRegion = true
        place.region = section.value(text) { readName($0, "region", .label) }
        if let provider, provider.hosts.isEmpty, ![.compatible].contains(provider) {
            section.report.error(
                text.spot, "`provider: \(provider.rawValue)` is a server of your own: write `url`, and labels say where it is.")
        }
        if let region = place.region, let deployed = place.deployedIn, region != deployed {
            section.report.error(text.spot, "`region` and the deployment of the labels disagree: that is in `\(deployed)`.")
        }
    } else {
        place.region = place.deployedIn
    }
    for key in ["resource", "workspace"] {
        guard let text = section.optionalText(key) else { continue }
        guard provider?.hostNameKey == key else {
            let whose = ProviderKind.allCases.first { $0.hostNameKey == key }?.rawValue ?? ""
            section.report.error(text.spot, "`\(key)` means something for `provider: \(whose)` only.")
            continue
        }
        place.saysName = true
        place.name = section.value(text) { readHostLabel($0, key) }
        if section.has("url") {
            section.report.error(text.spot, "`\(key)` is part of a host that `url` names already. Leave one out.")
        }
    }
    if let text = section.optionalText("project") {
        place.project = section.value(text) { readName($0, "project", .label) }
        if let provider, provider != .pangu, provider != .compatible {
            section.report.error(text.spot, "`project` means something for `provider: pangu` only.")
        }
    }
    return place
}

/// The URL's host against what the labels and `region` say: a known host of one region is not in another.
func checkPlacement(_ place: Placement, _ web: Web, _ section: Section) {
    guard let provider = place.provider, section.has("url") || provider == .pangu else { return }
    if provider == .pangu, !section.has("url"), place.project == nil {
        section.report.error(section.spot, "`project` is missing in \(section.title): its id is part of Pangu's path.")
    }
    let spot = section.spot(of: "url")
    guard let known = provider.hosts.first(where: { $0.matches(web.origin.host) }) else { return }
    if let cloud = place.cloud, provider.hosts.contains(where: { $0.cloud == cloud }), cloud != known.cloud {
        section.report.error(
            spot, "This host is in the cloud `\(known.cloud)`, but the deployment of the labels is in `\(cloud)`.")
    } else if let region = place.region, let its = known.region, region != its {
        let whose = place.saysRegion ? "`region` says" : "the deployment of the labels is in"
        section.report.error(spot, "This host is `\(its)`'s, but \(whose) `\(region)`.")
    }
}

/// What the labels name, without complaining: they are decoded on their own.
private func deployment(of section: Section) -> (cloud: String?, region: String?) {
    guard case .mapping(let mapping)? = section.entries.first(where: { $0.name == "deployment" })?.value else {
        return (nil, nil)
    }
    var found: [String: String] = [:]
    for pair in mapping {
        guard case .scalar(let key) = pair.key, case .scalar(let value) = pair.value else { continue }
        found[key.string] = value.string
    }
    return (found["cloud"], found["region"])
}

/// One part of a host's name.
private func readHostLabel(_ text: String, _ key: String) -> Reading<String> {
    let isLabel =
        (1...63).contains(text.utf8.count) && text.first != "-" && text.last != "-"
        && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
    return isLabel ? .value(text.lowercased()) : .wrong("`\(key)` takes one part of a host's name: letters, digits and `-`.")
}
