import Cedar
import Core
import Policy
import Yams

/// Files of policies that one configuration may name.
private let policyFilesMax = 100

/// Where the policies of a configuration stand: `policy: {files: [residency.cedar], rules: [cn.export.count]}`.
struct PolicySources {
    var sources: [Source] = []
    /// Of the pack, behind the files.
    var rules: [Rule] = []
    /// Of the files, to look for changes.
    var paths: [String] = []
    var spot = Spot.start
}

/// Reads the files that the section names. A file that cannot be read is an error: nothing is decided by half of the policies.
func decodePolicySources(_ section: Section, _ world: World) -> PolicySources {
    let report = section.report
    var found = PolicySources(spot: section.spot)
    let files = section.optional("files").flatMap { section.list($0, "files") } ?? []
    if section.has("files"), files.isEmpty || files.count > policyFilesMax {
        report.error(section.spot(of: "files"), "`files` takes 1 to \(policyFilesMax) paths of Cedar files.")
    }
    for file in files {
        guard let path = section.value(file, { readPath($0, "files") }).map(world.path) else { continue }
        do {
            let text = try world.readFile(path)
            guard text.utf8.contains(where: { $0 > 0x20 }) else {
                report.error(file.spot, "This file of policies is empty. Leave it out, or write what it is to permit or forbid.")
                continue
            }
            found.sources.append(Source(name: path, text: text))
            found.paths.append(path)
        } catch {
            report.error(file.spot, "The policies cannot be read: \((error as? FileProblem)?.reason ?? "\(error)").")
        }
    }
    let rules = decodeRules(section, world)
    found.rules = rules.map(\.rule)
    found.paths += rules.map(\.path)
    // Rules only forbid. Without files the lists of the tenants are what they forbid some of.
    if !section.has("files"), !rules.isEmpty { found.sources = [listsAlone] }
    found.sources += rules.map(\.rule.source)
    section.finish()
    return found
}

/// Permits what the tenants' lists permit.
private let listsAlone = Source(name: "lists", text: #"@id("lists") permit (principal, action, resource);"#)

/// Types the policies against the rest of the configuration and compiles them; nil, with every error at its place, when they cannot be.
func compilePolicies(_ found: PolicySources, in world: PolicyWorld, at now: Timestamp, _ report: Report) -> PolicyTimeline? {
    guard report.errors.isEmpty else { return nil }
    let book: PolicyBook
    do {
        book = try PolicyBook(found.sources, in: world)
    } catch {
        report.adopt(error)
        return nil
    }
    for note in book.notes { report.note(note) }
    guard let timeline = PolicyTimeline(book, in: world, at: now) else {
        report.error(
            found.spot,
            "These policies ask more than \(CompiledPolicies.questionsMax) different questions of these endpoints. Ask less of the call in policies that look at the endpoint."
        )
        return nil
    }
    return timeline
}

extension Report {
    /// Takes over what the policy language found wrong.
    func adopt(_ diagnostics: Diagnostics) {
        for problem in diagnostics.all {
            adopt(
                ConfigurationError(
                    file: problem.file, line: problem.position.line, column: problem.position.column,
                    message: "\(problem.message); \(problem.hint)\(problem.hint.hasSuffix("?") ? "" : ".")"))
        }
    }
}

extension PlaceCatalogue {
    /// The countries of all its regions, and of those that the file itself placed.
    func countries(also own: [Place: Place]) -> Countries {
        var regions = own
        for (cloud, facts) in clouds {
            for (region, place) in facts.regions { if let country = place.country { regions["\(cloud):\(region)"] = country } }
        }
        return Countries(regions: regions)
    }
}
