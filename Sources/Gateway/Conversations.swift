import Core
import NIOCore
import Policy
import Wire

/// Making a conversation, `POST /v1/conversations`: its request names no model, so the client says for which in `weir-model`, or leaves it
/// where there is one model only. It is judged and placed as every call, at an endpoint that keeps conversations for the model, and costs
/// nothing until calls build on it.
extension CallRelay {
    /// Takes the model that the client names in a header; the failure if that cannot be.
    func takeModel(_ head: HTTPHead) -> Failure? {
        guard let span = head.value(of: "weir-model") else { return nil }
        guard operation == .conversations else { return .misplacedModel }
        model = head.withBytes(of: span) { String(decoding: $0, as: UTF8.self) }
        return nil
    }

    /// The model that a conversation is for; the failure if nobody says.
    func findConversationModel(at now: Timestamp) -> Failure? {
        guard model.isEmpty, let key else { return nil }
        let models = usableModels(for: key, at: now).filter { name in
            snapshot.catalogue.model(named: name).map { snapshot.keepsState(.conversation, model: $0) } ?? false
        }
        switch models.count {
        case 1: model = models[0]
        case 0: return .state(.notKept, .conversation, model: "")
        default: return .conversationModelMissing
        }
        return nil
    }
}

extension Snapshot {
    /// Whether a conversation for a model can stay at an endpoint.
    func keepsConversations(endpoint: Int, model: Int?) -> Bool {
        model.flatMap { way(endpoint: endpoint, model: $0) }?.served.keepsConversations == true
    }
}

extension Failure {
    static let conversationModelMissing = caller(
        "weir_model_missing", 400, "The request does not say for which model the conversation is, and there are several.",
        "Set the header `weir-model`; GET /v1/models lists what this key may use.", parameter: "weir-model")
    static let misplacedModel = caller(
        "weir_header_bad", 400, "The header `weir-model` is for making a conversation only.",
        "Name the model in `model`, in the body, and leave the header out.", parameter: "weir-model")
}
