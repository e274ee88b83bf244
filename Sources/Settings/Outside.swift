import Core
import Yams

// What Weir's money and journal have outside of its process: who is told, who witnesses, where copies go.

func decodeAlerts(_ section: Section, _ world: World) -> AlertSettings? {
    let webhook = decodeWebhook(section, world)
    var credential: Secret?
    if let node = section.optional("credential") {
        switch section.secret(node, "credential", world) {
        case .value(let value): credential = Secret(value)
        case .absent(let name): section.report.note("alerts are sent without a credential: \(name) is not set")
        case nil: break
        }
    }
    section.finish()
    return webhook.map { AlertSettings(webhook: $0, credential: credential) }
}

/// An address that is written out, or referred to where it holds a secret itself.
private func decodeWebhook(_ section: Section, _ world: World) -> Secret? {
    guard let node = section.required("webhook") else { return nil }
    var text: Section.Text?
    if case .mapping = node {
        switch section.secret(node, "webhook", world) {
        case .value(let value): text = Section.Text(value: value, spot: Spot(node))
        case .absent(let name): section.report.note("alerts go to no webhook: \(name) is not set")
        case nil: break
        }
    } else {
        text = section.scalar(node, "webhook")
    }
    return section.value(text) { text in
        switch readWeb(text, "webhook") {
        case .value(let web) where !web.origin.tls && !isLoopbackHost(web.origin.host):
            return .wrong("Plaintext would show who spends what to the network. Use https.")
        case .value: return .value(Secret(text))
        case .wrong(let message, let meant): return .wrong(message, meant: meant)
        }
    }
}

func decodeWitness(_ section: Section) -> WitnessSettings? {
    let web = section.value(section.text("url")) { readWeb($0, "url") }
    if let web, web.origin.tls {
        section.report.error(
            section.spot(of: "url"), "Weir speaks plaintext to its witness, since everything it sends is public or signed.")
    }
    let key = section.value(section.text("key")) { text -> Reading<String> in
        let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, parts[1].utf8.count == 8, !parts[2].isEmpty else {
            return .wrong("`key` takes the witness's verifier key, `name+hash+base64`, as `weir witness` prints it.")
        }
        return .value(text)
    }
    section.finish()
    guard let web, let key else { return nil }
    return WitnessSettings(origin: web.origin, path: web.path, key: key)
}

func decodeBackup(_ section: Section, _ world: World, data: String?) -> String? {
    let folder = section.path("folder", world)
    if let folder, let data, folder == data || folder.hasPrefix(data + "/") {
        section.report.error(section.spot(of: "folder"), "A copy inside `data` is lost with it. Name a folder on another disk.")
    }
    section.finish()
    return folder
}
