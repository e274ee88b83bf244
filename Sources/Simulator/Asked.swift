/// A request as the provider understands it.
struct Asked: Sendable {
    var operation: PlayedOperation
    var model: PlayedModel
    /// The name that answers report.
    var reported: String
    var body: JSON
    var inputTokens: Int
    var stream: Bool
    /// `stream_options.include_usage`.
    var includeUsage: Bool
    /// The tightest output limit that was asked for.
    var limit: Int?
    var choices: Int
    var form: Form
    /// How many tokens the prompt itself asks for, where the model listens to that.
    var told: Int?
    /// Equal requests have equal ones.
    var fingerprint: UInt64

    /// What the answer must look like.
    enum Form: Sendable, Equatable {
        case text
        case json(schema: JSON?)
        case tool(name: String, parameters: JSON?)
    }
}

/// Tokens that a provider bills for one request.
struct PlayedUsage: Sendable, Equatable {
    /// Cached ones included.
    var input = 0
    var cached = 0
    /// Reasoning included.
    var output = 0
    var reasoning = 0
}

extension Asked {
    /// Why a body cannot be answered: the message and the parameter.
    struct Mistake: Error {
        var message: String
        var param: String?
    }

    /// - Parameter streamHeader: DashScope's own dialect asks for a stream in a header.
    init(operation: PlayedOperation, model: PlayedModel, body: JSON, bytes: [UInt8], streamHeader: Bool) throws(Mistake) {
        self.operation = operation
        self.model = model
        self.body = body
        reported = model.reports ?? model.name
        let isGeneration = operation == .generation || operation == .multimodalGeneration
        let settings = isGeneration ? body["parameters"] ?? .null : body
        stream = isGeneration ? streamHeader : operation == .embeddings ? false : body["stream"]?.bool ?? false
        includeUsage = body["stream_options"]?["include_usage"]?.bool ?? false
        choices = settings["n"]?.int ?? 1
        guard (1...128).contains(choices) else { throw Mistake(message: "'n' must be from 1 to 128", param: "n") }
        let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"].compactMap { name in
            settings[name].map { (name, $0.int) }
        }
        if operation == .messages, limits.isEmpty { throw Mistake(message: "max_tokens: Field required", param: nil) }
        for (name, value) in limits where (value ?? 0) < 1 {
            throw Mistake(message: "Invalid value for '\(name)': expected a positive integer", param: name)
        }
        limit = limits.compactMap(\.1).min()
        form = Asked.form(settings, operation)
        told = model.saysAsTold ? Asked.told(body) : nil
        fingerprint = Simulator.fingerprint(bytes)
        inputTokens = try Asked.count(body, operation, model)
    }

    /// Why the model does not answer this request.
    var refusal: Trouble? {
        let isGeneration = operation == .generation || operation == .multimodalGeneration
        let settings = isGeneration ? body["parameters"] ?? .null : body
        if let refused = model.refuses.first(where: { settings[$0] != nil }) { return .unsupported(refused) }
        guard !stream, let only = model.streamsOnly else { return nil }
        let thinks = settings["enable_thinking"]?.bool
        switch only {
        case .always:
            return .mistake(
                "This model only support stream mode, please enable the stream parameter to access the model.", param: nil)
        case .thinking where thinks != true, .unlessOff where thinks == false: return nil
        case .thinking, .unlessOff:
            return .mistake("parameter.enable_thinking must be set to false for non-streaming calls", param: nil)
        }
    }

    private static func count(_ body: JSON, _ operation: PlayedOperation, _ model: PlayedModel) throws(Mistake) -> Int {
        if operation == .generation || operation == .multimodalGeneration {
            guard let input = body["input"] else { throw Mistake(message: "Required input is missing", param: nil) }
            return Tokens.perCall + tokens(input, model) + tokens(body["parameters"]?["tools"] ?? .null, model)
        }
        let key: String =
            switch operation {
            case .chat, .messages, .tokenCount, .generation, .multimodalGeneration: "messages"
            case .completions: "prompt"
            case .embeddings, .responses, .models: "input"
            }
        guard let input = body[key] else {
            throw Mistake(message: "Missing required parameter: '\(key)'.", param: key)
        }
        if operation == .embeddings || operation == .completions { return tokens(input, model) }
        if operation == .chat || operation == .messages || operation == .tokenCount, input.array == nil {
            throw Mistake(message: "Invalid type for 'messages': expected an array", param: key)
        }
        let messages = input.array ?? [input]
        var total =
            Tokens.perCall + tokens(body["tools"] ?? .null, model)
            + tokens(body["instructions"] ?? body["system"] ?? .null, model)
        for message in messages { total += Tokens.perMessage + tokens(message, model) }
        return total
    }

    /// Counts every text inside; images at the model's flat rate, data URLs not as text.
    static func tokens(_ value: JSON, _ model: PlayedModel) -> Int {
        switch value {
        case .string(let text): Tokens.count(text)
        case .number: 1
        case .array(let items): items.reduce(0) { $0 + tokens($1, model) }
        case .object(let members):
            switch value["type"]?.string {
            case "image_url", "input_image", "image": model.imageTokens
            default: members.reduce(0) { $0 + ($1.key == "role" || $1.key == "type" ? 0 : tokens($1.value, model)) }
            }
        case .null, .bool: 0
        }
    }

    /// The number behind the first text that begins with `say `, wherever a dialect has it.
    private static func told(_ value: JSON) -> Int? {
        switch value {
        case .string(let text):
            return text.hasPrefix("say ") ? Int(text.dropFirst(4).prefix { $0.isASCII && $0.isNumber }) : nil
        case .array(let items): return items.lazy.compactMap(told).first
        case .object(let members): return members.lazy.compactMap { told($0.value) }.first
        case .null, .bool, .number: return nil
        }
    }

    private static func form(_ body: JSON, _ operation: PlayedOperation) -> Form {
        if let tool = forcedTool(body) { return tool }
        let format = operation == .responses ? body["text"]?["format"] : body["response_format"]
        switch format?["type"]?.string {
        case "json_object": return .json(schema: nil)
        case "json_schema": return .json(schema: format?["json_schema"]?["schema"] ?? format?["schema"] ?? .object([]))
        default: return .text
        }
    }

    /// The tool that `tool_choice` forces: by name, or the first one when it says `required`.
    private static func forcedTool(_ body: JSON) -> Form? {
        guard let tools = body["tools"]?.array, let choice = body["tool_choice"] else { return nil }
        let name = choice["function"]?["name"]?.string ?? choice["name"]?.string
        guard name != nil || choice.string == "required" || choice["type"]?.string == "any" else { return nil }
        for tool in tools {
            let function = tool["function"] ?? tool
            guard let own = function["name"]?.string, name == nil || own == name else { continue }
            return .tool(name: own, parameters: function["parameters"] ?? function["input_schema"])
        }
        return nil
    }
}
