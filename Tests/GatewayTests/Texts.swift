/// Texts that many tests send and expect.
enum Ask {
    static let chat = #"{"model":"m","messages":[{"role":"user","content":"hello there"}]}"#
    static let stream = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello there"}]}"#
    static let streamWithUsage =
        #"{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello there"}]}"#
    static let message = #"{"model":"m","max_tokens":40,"messages":[{"role":"user","content":"hello there"}]}"#
    static let messageStream =
        #"{"model":"m","max_tokens":40,"stream":true,"messages":[{"role":"user","content":"hello there"}]}"#
    static let generation =
        #"{"model":"m","input":{"messages":[{"role":"user","content":"hello there"}]},"parameters":{"result_format":"message"}}"#
    static let completion = #"{"model":"m","prompt":"hello there"}"#
    static let embedding = #"{"model":"m","input":"hello there"}"#
    static let response = #"{"model":"m","input":"hello there"}"#
    static let responseStream = #"{"model":"m","stream":true,"input":"hello there"}"#
}

/// Answers as a scripted endpoint sends them.
enum Say {
    static let usage = #"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}"#

    static func json(_ body: String, status: String = "200 OK", headers: [String] = []) -> String {
        (["HTTP/1.1 \(status)", "Content-Type: application/json"] + headers + ["Content-Length: \(body.utf8.count)", "", body])
            .joined(separator: "\r\n")
    }

    static let whole = json(
        #"{"id":"c","object":"chat.completion","model":"up-m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}],"usage":\#(usage)}"#
    )

    static func error(_ status: String, code: String = "bad", message: String = "it is bad", headers: [String] = []) -> String {
        json(
            #"{"error":{"message":"\#(message)","type":"\#(code)","param":null,"code":"\#(code)"}}"#, status: status,
            headers: headers)
    }

    static let streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    static func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n" }
    static let lastChunk = "0\r\n\r\n"

    static func delta(_ text: String) -> String {
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":null}]}"#
            + "\n\n"
    }
    static let finish =
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#
        + "\n\n"
    static let usageEvent =
        #"data: {"id":"c","object":"chat.completion.chunk","model":"up-m","choices":[],"usage":\#(usage)}"# + "\n\n"
    static let done = "data: [DONE]\n\n"

    /// A whole stream, each event in a chunk of its own.
    static func stream(_ events: [String]) -> String { streamHead + events.map(chunk).joined() + lastChunk }
}
