import Core
import Invoices
import Ledger

/// Entries of one attempt, as the ledger's room shapes them.
func hold(
    attempt: AttemptID, call: String, model: String, endpoint: String, provider: String, bounds: (input: Int64, output: Int64)
) -> HoldEntry {
    HoldEntry(
        attempt: attempt, call: call, key: "key-1", amount: Money(nanos: 1_000_000_000),
        drawn: false, inputBound: bounds.input, outputBound: bounds.output, generation: 1, operation: .chat, stream: true,
        route: RouteFacts(
            model: "public-\(model)", upstreamModel: model, endpoint: endpoint, link: "public", operator: provider,
            operatorCountry: "US", processedIn: ["EU"], price: model))
}
