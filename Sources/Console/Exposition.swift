/// Writes metrics in Prometheus's text format, version 0.0.4: every family once, with its help and type before its samples.
struct Exposition {
    typealias Labels = [(name: String, value: String)]

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    enum Kind: String { case counter, gauge, histogram }

    private(set) var text = ""

    /// A family with its samples; a family without samples is left out.
    mutating func family(_ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: Labels, value: String)]) {
        guard !samples.isEmpty else { return }
        head(name, kind, help)
        for sample in samples { line(name, sample.labels, sample.value) }
    }

    mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: String) {
        family(name, kind, help, [([], value)])
    }

    /// One distribution: bounds with how many were not above each, then all.
    struct Distribution {
        var labels: Labels
        var cumulative: [(bound: String, count: UInt64)]
        var total: UInt64
        var sum: String
    }

    mutating func histogram(_ name: String, _ help: String, _ distributions: [Distribution]) {
        guard !distributions.isEmpty else { return }
        head(name, .histogram, help)
        for one in distributions {
            for (bound, count) in one.cumulative { line(name + "_bucket", one.labels + [("le", bound)], String(count)) }
            line(name + "_bucket", one.labels + [("le", "+Inf")], String(one.total))
            line(name + "_sum", one.labels, one.sum)
            line(name + "_count", one.labels, String(one.total))
        }
    }

    private mutating func head(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
        text += name
        // An empty value means the same as no label.
        let labels = labels.filter { !$0.value.isEmpty }
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }
}

/// In label values also quotes are escaped.
private func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\"" where quotes: result += "\\\""
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
