import Core
import Yams

/// The longest secret that a header carries.
private let secretBytesMax = 4096

/// What a configuration is loaded for.
public enum SecretReading: Sendable {
    /// Secrets are read. What depends on a variable that is not set is left out, with a note.
    case read
    /// No secret is read, and every variable counts as set: each endpoint that the file names is there, and none can be called.
    /// For questions about policies, whose answers must not depend on where they are asked.
    case standIns
    /// No secret is read, and what depends on a variable that is not set is left out, as when Weir runs. For questions about traffic.
    case unread
}

/// Takes the place of a secret that is not read.
private let standIn = "stand-in"

/// Where a value comes from when it is not in the file.
enum Reference {
    case environment(String)
    case file(String)
}

/// A reference that was followed.
enum Followed {
    case value(String)
    /// The environment variable of this name is not set, or is empty.
    case absent(String)
}

extension Section {
    /// Reads `{env: NAME}` or, if `files` allows, `{file: PATH}`. A plain value is refused with `inline`.
    func reference(_ node: Node, _ key: String, files: Bool, inline: String) -> Reference? {
        guard case .mapping = node else {
            report.error(Spot(node), inline)
            return nil
        }
        guard let section = Section(node, "`\(key)`", report) else { return nil }
        let variable = section.optionalText("env")
        let path = files ? section.optionalText("file") : nil
        section.finish()
        switch (variable, path) {
        case (let variable?, nil):
            guard isVariable(variable.value) else {
                report.error(
                    variable.spot,
                    "`env` takes the name of an environment variable: capitals, digits and `_`, at most 64. The value does not belong here."
                )
                return nil
            }
            return .environment(variable.value)
        case (nil, let path?):
            return value(path) { readPath($0, "file") }.map { .file($0) }
        case (.some, .some):
            report.error(section.spot, "`\(key)` takes either `env` or `file`, not both.")
        case (nil, nil):
            if section.entries.isEmpty { report.error(section.spot, inline) }
        }
        return nil
    }

    /// The variable of `when: {env: NAME}`, and whether it is set.
    func condition(_ world: World) -> String? {
        guard let node = optional("when"),
            case .environment(let name)? = reference(node, "when", files: false, inline: "`when` takes `{env: NAME}`.")
        else { return nil }
        return world.secrets == .standIns || world.isSet(name) ? nil : name
    }

    /// A secret by reference. What is wrong with it is told without showing it.
    func secret(_ node: Node, _ key: String, _ world: World) -> Followed? {
        let inline = "`\(key)` must not be written in this file. Refer to it: `{env: NAME}` or `{file: PATH}`."
        guard let reference = reference(node, key, files: true, inline: inline) else { return nil }
        switch reference {
        case .environment(let name):
            guard world.secrets == .read else { return .value(standIn) }
            guard world.isSet(name), let value = world.environment[name] else { return .absent(name) }
            guard isHeaderText(value) else {
                report.error(
                    Spot(node), "The value of \(name) cannot be a credential: 1 to \(secretBytesMax) visible ASCII characters.")
                return nil
            }
            return .value(value)
        case .file(let path):
            guard world.secrets == .read else { return .value(standIn) }
            guard let text = readable(path, Spot(node), world) else { return nil }
            let value = String(text.trimmingSpaces)
            guard isHeaderText(value) else {
                report.error(Spot(node), "The file of `\(key)` has to hold 1 to \(secretBytesMax) visible ASCII characters.")
                return nil
            }
            return .value(value)
        }
    }

    /// A file's text; an error at `spot` when it cannot be read.
    func readable(_ path: String, _ spot: Spot, _ world: World) -> String? {
        do {
            return try world.readFile(world.path(path))
        } catch {
            let reason = (error as? FileProblem).map { " (\($0.reason))" } ?? ""
            report.error(spot, "This file cannot be read\(reason). Paths start at the folder of the configuration file.")
            return nil
        }
    }

    /// The path of a PEM file that can be read.
    func pem(_ key: String, _ text: Text?, _ world: World) -> String? {
        guard let text, let path = value(text, { readPath($0, key) }),
            let content = readable(path, text.spot, world)
        else { return nil }
        guard content.contains("-----BEGIN ") else {
            report.error(text.spot, "The file of `\(key)` is not PEM.")
            return nil
        }
        return world.path(path)
    }
}

extension World {
    /// An empty variable counts as absent: that is how shells and compose files unset one.
    func isSet(_ name: String) -> Bool { environment[name].map { !$0.isEmpty } ?? false }
}

private func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 64, !isDigit(first) else { return false }
    return name.utf8.allSatisfy { isDigit($0) || (isLetter($0) && $0 < 0x60) || $0 == UInt8(ascii: "_") }
}

private func isHeaderText(_ value: String) -> Bool {
    (1...secretBytesMax).contains(value.utf8.count) && value.utf8.allSatisfy { (0x21...0x7E).contains($0) }
}
