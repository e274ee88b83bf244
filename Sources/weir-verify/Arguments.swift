import Journal

let usage = """
    usage: weir-verify log FOLDER --key VKEY [--witness VKEY]… [--earlier CHECKPOINT]… [--unnumbered]
           weir-verify receipt FILE --key VKEY [--witness VKEY]…

    log      checks a whole log: signatures, every tile, every entry, and that none is missing. FOLDER is the log's own folder,
             or the journal's or data folder around it; the open tail behind the last checkpoint is checked too.
    receipt  checks what a tenant was given of one attempt and prints the entries.

    --key VKEY              the log's public key, NAME+IDENTIFIER+BASE64; get it from somewhere else than the log
    --witness VKEY          a witness that must have signed; repeat for more
    --earlier CHECKPOINT    a file with a checkpoint that was kept: the log must have grown out of it; repeat for more
    --unnumbered            entries have no sequence numbers (a log that is not Weir's)

    Exit status: 0 everything is right, 1 something is wrong, 2 the command was not understood.
    """

/// A command line that is none.
struct UsageError: Error {
    var reason: String
}

/// What is asked for, read from a command line.
enum Request {
    case log(folder: String, key: LogVerifier, witnesses: [WitnessVerifier], earlier: [String], isNumbered: Bool)
    case receipt(file: String, key: LogVerifier, witnesses: [WitnessVerifier])
    case help

    init(_ arguments: [String]) throws(UsageError) {
        var places: [String] = []
        var keys: [String] = []
        var witnessKeys: [String] = []
        var earlier: [String] = []
        var isNumbered = true
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h":
                self = .help
                return
            case "--key": keys.append(try Request.value(&rest, argument))
            case "--witness": witnessKeys.append(try Request.value(&rest, argument))
            case "--earlier": earlier.append(try Request.value(&rest, argument))
            case "--unnumbered": isNumbered = false
            default:
                guard !argument.hasPrefix("-") else { throw UsageError(reason: "there is no option \(argument)") }
                places.append(argument)
            }
        }
        guard let command = places.first, ["log", "receipt"].contains(command) else {
            throw UsageError(reason: "say whether to check a log or a receipt")
        }
        guard places.count == 2 else {
            throw UsageError(reason: "name one \(command == "log" ? "folder" : "file") after \(command)")
        }
        guard keys.count == 1 else { throw UsageError(reason: "give one --key") }
        let key: LogVerifier
        var witnesses: [WitnessVerifier] = []
        do throws(LogFormatError) {
            key = try LogVerifier(vkey: keys[0])
            for witness in witnessKeys { witnesses.append(try WitnessVerifier(vkey: witness)) }
        } catch {
            throw UsageError(reason: error.reason)
        }
        if command == "log" {
            self = .log(folder: places[1], key: key, witnesses: witnesses, earlier: earlier, isNumbered: isNumbered)
        } else {
            guard earlier.isEmpty, isNumbered else { throw UsageError(reason: "a receipt has no such option") }
            self = .receipt(file: places[1], key: key, witnesses: witnesses)
        }
    }

    private static func value(_ rest: inout ArraySlice<String>, _ option: String) throws(UsageError) -> String {
        guard let value = rest.popFirst() else { throw UsageError(reason: "\(option) needs a value") }
        return value
    }
}
