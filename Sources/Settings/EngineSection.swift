import Core
import Yams

/// The engines of a file: those that run here, and those that this environment leaves out.
struct Engines {
    var present: [EngineSpec] = []
    /// Name to the variable that is not set.
    var absent: [String: String] = [:]
    /// Every engine's port, also of those left out.
    var ports: [String: Int] = [:]
}

func decodeEngines(_ section: Section, _ world: World) -> Engines {
    var engines = Engines()
    for member in section.members("an engine", .label) {
        // The name is known from here on, so that an endpoint which uses it is not blamed for errors below.
        engines.ports[member.name] = 0
        guard let engine = Section(member.value, "engine \(quoted(member.name, or: "here"))", section.report) else { continue }
        let absent = engine.condition(world)
        let spec = decodeEngine(member.name, engine, world)
        if let port = spec?.port {
            if engines.ports.values.contains(port) {
                section.report.error(engine.spot(of: "port"), "Another engine has this port already.")
            }
            engines.ports[member.name] = port
        }
        if let absent {
            engines.absent[member.name] = absent
            section.report.note("engine \(member.name) left out: \(absent) is not set")
        } else if let spec {
            engines.present.append(spec)
        }
    }
    return engines
}

private func decodeEngine(_ name: String, _ section: Section, _ world: World) -> EngineSpec? {
    let command = section.required("command").flatMap { words($0, section) }
    let environment = section.optionalSection("environment").map { variables($0, world) } ?? [:]
    let port = section.whole("port", in: 1...65_535)
    let ready = section.value(section.optionalText("ready"), readTarget)
    let within = section.milliseconds("readyWithin", 60_000, in: 100...3_600_000)
    section.finish()
    guard let command, let port else { return nil }
    return EngineSpec(
        name: name, command: command, environment: environment, port: Int(port), readyPath: ready ?? "/health",
        readyMilliseconds: within)
}

/// A command line: unlike a list of names it may hold a word twice.
private func words(_ node: Node, _ section: Section) -> [String]? {
    guard case .sequence(let sequence) = node, !sequence.isEmpty, sequence.count <= 256 else {
        section.report.error(
            Spot(node), "`command` takes a list of words, the program first: `[python3, serve.py]`. No shell reads it.")
        return nil
    }
    return sequence.compactMap { item in
        section.value(section.scalar(item, "command")) { text in
            text.utf8.count <= 4096 && !text.utf8.contains(0)
                ? .value(text) : .wrong("A word of `command` is longer than 4096 bytes or holds a NUL.")
        }
    }
}

/// Parts of variable names whose values are not written into a file.
private let secretWords = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"]

private func variables(_ section: Section, _ world: World) -> [String: String] {
    var variables: [String: String] = [:]
    for entry in section.entries {
        let name = entry.name
        guard let first = name.utf8.first, !isDigit(first), name.utf8.count <= 64,
            name.utf8.allSatisfy({ isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") })
        else {
            section.report.error(entry.spot, "This is not the name of an environment variable.")
            continue
        }
        if case .mapping = entry.value {
            if case .value(let value)? = section.secret(entry.value, name, world) { variables[name] = value }
            continue
        }
        guard let text = section.scalar(entry.value, "environment") else { continue }
        if hasSecretPrefix(text.value) || secretWords.contains(where: name.uppercased().contains) {
            section.report.error(
                text.spot,
                "This looks like a secret, which must not be written in this file. Refer to it: `{env: NAME}` or `{file: PATH}`.")
        } else if text.value.utf8.contains(0) || text.value.utf8.count > 4096 {
            section.report.error(text.spot, "The value of a variable takes at most 4096 bytes and no NUL.")
        } else {
            variables[name] = text.value
        }
    }
    return variables
}

private func readTarget(_ text: String) -> Reading<String> {
    guard text.utf8.first == UInt8(ascii: "/"), text.utf8.count <= 256, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return .wrong("`ready` takes a path: `/health`.") }
    return .value(text)
}
