/// The parts that the tests' configurations share.
extension Workbench {
    /// A whole configuration. Prices are round: a thousand nano-dollars for an input token, half of it when cached, four
    /// thousand for an output token.
    func configuration(
        listen: String = "", top: String = "", endpoints: String,
        tenants: String = "  acme:\n    places: any\n    operators: any\n    models: any\n    teams: {one: {}}\n"
    ) -> String {
        """
        weir: 1
        node: e2e
        data: data
        listen: {calls: 127.0.0.1:\(callsPort), admin: 127.0.0.1:\(adminPort), loops: 2\(listen)}
        prices:
          round: [{from: 2020-01-01, input: "1", cachedInput: "0.5", output: "4"}]
          free: [{from: 2020-01-01, input: "0", output: "0", attested: "the tests, 2026-11-23"}]
        \(top)
        endpoints:
        \(endpoints)
        tenants:
        \(tenants)
        """
    }

    /// An endpoint of the clouds, as a configuration names it. `models` are public names and what the clouds call them;
    /// `model` says more of each.
    func endpoint(
        _ name: String, provider: String = "compatible", path: String = "/v1", models: [(String, String)], maxOutput: Int = 1024,
        credential: String = "none", model: String = "", more: String = ""
    ) -> String {
        let facts = "price: round, maxOutput: \(maxOutput)" + (model.isEmpty ? "" : ", \(model)")
        let served = models.map { "\($0.0): {as: \($0.1), \(facts)}" }.joined(separator: ", ")
        return """
              \(name):
                provider: \(provider)
                url: http://127.0.0.1:\(clouds?.ports[name] ?? 9)\(path)
                credential: \(credential)
                models: {\(served)}
                processedIn: [SE]
                storedIn: [SE]
                operator: Simulator
            \(more)

            """
    }
}
