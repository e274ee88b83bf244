import Core
import Simulator

/// The clouds of a scenario as a drill plays them: on free ports, faster, and saying as much as was said then.
struct DrillClouds {
    var scenario: Scenario

    init(_ whole: Scenario, speed: Double) {
        scenario = whole
        scenario.adminPort = nil
        scenario.recordFile = nil
        for index in scenario.endpoints.indices {
            scenario.endpoints[index].port = 0
            scenario.endpoints[index].limits?.shorten(by: speed)
            for model in scenario.endpoints[index].models.indices { scenario.endpoints[index].models[model].quicken(by: speed) }
        }
    }
}

extension RateLimits {
    fileprivate mutating func shorten(by speed: Double) {
        windowMilliseconds = max(1, Int(Double(windowMilliseconds) / speed))
    }
}

extension PlayedModel {
    fileprivate mutating func quicken(by speed: Double) {
        saysAsTold = true
        firstToken = Span(Int((Double(firstToken.low) / speed).rounded()), Int((Double(firstToken.high) / speed).rounded()))
        pace *= speed
        keepAliveMilliseconds = Int(Double(keepAliveMilliseconds) / speed)
        limits?.shorten(by: speed)
    }
}

extension Endpoint {
    /// The same, at a port of the drill's simulator.
    func played(at port: Int?, credential: String) -> Endpoint {
        var endpoint = self
        endpoint.credential = .key(Secret(credential))
        // Port 9 discards: nothing is played there, and nothing answers.
        endpoint.origin = Origin(tls: false, host: "127.0.0.1", port: port ?? 9)
        endpoint.trustFile = nil
        endpoint.engine = nil
        return endpoint
    }
}
