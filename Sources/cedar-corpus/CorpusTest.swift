import Cedar
import Foundation

/// One file of the language's public tests: policies, a schema and entities in files beside it, and requests with what a right
/// engine answers. The format is that of the repository cedar-policy/cedar-integration-tests.
struct CorpusTest {
    /// One request, and what a right engine answers.
    struct Question {
        let description: String
        let principal: JSON
        let action: JSON
        let resource: JSON
        let context: JSON
        let decision: Authorization.Decision
        /// Ids of policies, without order.
        let reason: Set<Text>
        let errors: Set<Text>
    }

    /// The file itself, for the places of the values in it.
    let source: Source
    let policies: String
    let schema: String
    let entities: String
    let shouldValidate: Bool
    let questions: [Question]

    /// Reads a test; nil when the JSON is none, as a folder holds entities and other JSON too.
    static func read(_ source: Source) throws -> CorpusTest? {
        let json = try JSON.parse(source)
        guard let policies = json["policies"]?.text, let schema = json["schema"]?.text, let entities = json["entities"]?.text,
            let shouldValidate = json["shouldValidate"]?.bool,
            let requests = (json["requests"] ?? json["queries"])?.elements
        else { return nil }
        return CorpusTest(
            source: source, policies: policies.string, schema: schema.string, entities: entities.string,
            shouldValidate: shouldValidate, questions: try requests.map { try question($0, source) })
    }

    private static func question(_ json: JSON, _ source: Source) throws -> Question {
        func member(_ name: Text) throws(Diagnostic) -> JSON {
            guard let value = json[name] else {
                throw source.diagnostic(json.range, "a request has no \(name)", hint: "is this a test of another format?")
            }
            return value
        }
        let written = try member("decision")
        guard let decision = written.text.flatMap({ Authorization.Decision(rawValue: $0.string.lowercased()) }) else {
            throw source.diagnostic(written.range, "a decision is allow or deny", hint: "is this a test of another format?")
        }
        return Question(
            description: json["description"]?.text?.string ?? "", principal: try member("principal"),
            action: try member("action"),
            resource: try member("resource"), context: try member("context"), decision: decision,
            reason: Set((json["reason"] ?? json["reasons"])?.elements?.compactMap(\.text) ?? []),
            errors: Set(json["errors"]?.elements?.compactMap(\.text) ?? []))
    }
}
