import Core
import Ledger
import NIOCore
import Policy

extension CallRelay {
    /// `GET /v1/models`: what the key may use, in OpenAI's shape or in Anthropic's.
    func answerModels(_ route: Route, for key: KeyEntry, isAnthropic: Bool) {
        if isAnthropic { shape = .anthropic }
        let names = usableModels(for: key, at: .now())
        var body = ByteBufferAllocator().buffer(capacity: 64 + names.count * 96)
        if case .model(let name) = route {
            guard names.contains(name) else { return fail(.unknownModel) }
            body.writeModel(name, isAnthropic: isAnthropic)
        } else {
            body.writeString(isAnthropic ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[")
            for (index, name) in names.enumerated() {
                if index > 0 { body.writeStaticString(",") }
                body.writeModel(name, isAnthropic: isAnthropic)
            }
            body.writeStaticString("]")
            if isAnthropic {
                body.writeStaticString(",\"has_more\":false,\"first_id\":")
                body.writeName(names.first)
                body.writeStaticString(",\"last_id\":")
                body.writeName(names.last)
            }
            body.writeStaticString("}")
        }
        var headers = ByteBuffer(string: "content-type: application/json\r\n")
        if let requestID = self.names?.requestID { headers.writeString("x-request-id: \(requestID)\r\n") }
        sink?.begin(AnswerHead(status: 200, headers: headers, length: body.readableBytes), body: body)
        finishAnswered()
    }

    /// The models that a key may use for some operation now.
    func usableModels(for key: KeyEntry, at now: Timestamp) -> [String] {
        // The least that a call could be judged by: somebody who is counted already, or the first.
        let exports = key.exportKind.map { kind in
            let count = lane.ledger.exportCount(key.record.tenant, at: now)
            return ExportCount(
                persons: max(1, count.persons), sensitivePersons: max(kind == .sensitive ? 1 : 0, count.sensitivePersons))
        }
        return lane.models(for: key.caller, exports: exports, at: now)
    }
}

extension ByteBuffer {
    fileprivate mutating func writeModel(_ name: String, isAnthropic: Bool) {
        writeStaticString("{\"id\":")
        writeJSON(name)
        guard isAnthropic else {
            writeStaticString(",\"object\":\"model\",\"created\":0,\"owned_by\":\"weir\"}")
            return
        }
        // When a model was made is not known here; its shape wants a moment.
        writeStaticString(",\"type\":\"model\",\"display_name\":")
        writeJSON(name)
        writeStaticString(",\"created_at\":\"1970-01-01T00:00:00Z\"}")
    }

    fileprivate mutating func writeName(_ name: String?) {
        if let name { writeJSON(name) } else { writeStaticString("null") }
    }
}
