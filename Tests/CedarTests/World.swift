import Cedar
import Foundation
import Testing

/// The folder of this room's cases.
let cases = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Cases/cedar")

/// The request and the entities of `world.json`, which the cases of expressions are evaluated in.
struct World {
    let request: Request
    let entities: Entities

    static func load() throws -> World {
        let source = Source(
            name: "world.json", text: try String(contentsOf: cases.appending(path: "world.json"), encoding: .utf8))
        let json = try JSON.parse(source)
        func part(_ name: Text) throws -> JSON { try #require(json[name]) }
        let written = try part("entities").range
        let text = String(decoding: Array(source.text.utf8)[written.start..<written.end], as: UTF8.self)
        return World(
            request: Request(
                principal: try EntityUID.parseJSON(part("principal"), in: source),
                action: try EntityUID.parseJSON(part("action"), in: source),
                resource: try EntityUID.parseJSON(part("resource"), in: source),
                context: try Record.parseJSON(part("context"), in: source)),
            entities: try Entities.parseJSON(Source(name: "world.json", text: text)))
    }

    var evaluator: Evaluator { Evaluator(request, entities) }
}
