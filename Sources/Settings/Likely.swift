/// The known word that was probably meant, or nil when none is near.
func likely(_ word: String, among known: some Sequence<String>) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    let plain = plainForm(word)
    if let same = known.first(where: { $0 != word && plainForm($0) == plain }) { return same }
    if let synonym = synonyms[String(decoding: plain, as: UTF8.self)], let match = known.first(where: synonym.contains) {
        return match
    }
    var best: (distance: Int, word: String)?
    for candidate in known where candidate != word {
        let other = plainForm(candidate)
        let allowed = max(1, min(plain.count, other.count) / 3)
        let distance = editDistance(plain, other)
        guard distance <= allowed, distance < other.count else { continue }
        if best.map({ (distance, candidate) < ($0.distance, $0.word) }) ?? true { best = (distance, candidate) }
    }
    return best?.word
}

/// What other systems call Weir's keys, in plain form.
private let synonyms: [String: [String]] = [
    "apikey": ["credential"], "key": ["credential", "key"], "token": ["credential"], "auth": ["credential"],
    "secret": ["credential"], "password": ["credential"], "baseurl": ["url"], "base": ["url"], "host": ["url"],
    "address": ["url"], "apibase": ["url"], "endpoint": ["url", "endpoints"], "deployment": ["as"], "upstream": ["as"],
    "region": ["processedIn"], "location": ["processedIn"], "country": ["operatorCountry"], "vendor": ["operator", "provider"],
    "kind": ["provider"], "type": ["provider"], "dialect": ["provider"], "budget": ["monthlyLimit"], "limit": ["monthlyLimit"],
    "maxtokens": ["maxOutput"], "retention": ["retentionDays"], "training": ["trains"], "cached": ["cachedInput"],
    "cacheread": ["cachedInput"], "prompt": ["input"], "completion": ["output"], "cert": ["certificate"],
    "privatekey": ["key"], "threads": ["loops"], "workers": ["loops"], "args": ["command"], "env": ["environment"],
    "allowedmodels": ["models"], "regions": ["places"], "providers": ["endpoints", "operators"], "backends": ["endpoints"],
    "pricing": ["prices"], "ca": ["trust"], "enabled": ["when"], "if": ["when"], "date": ["from"], "since": ["from"],
]

/// Lower case, without `-` and `_`, so that `max_output` is `maxOutput`.
private func plainForm(_ word: String) -> [UInt8] {
    word.utf8.compactMap { byte in
        switch byte {
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: " "): nil
        case 0x41...0x5A: byte | 0x20
        default: byte
        }
    }
}

/// How many insertions, removals, changes and swaps of neighbours turn one word into the other.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1] + [Int](repeating: 0, count: b.count)
        for j in 0..<b.count {
            row[j + 1] = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], before[j - 1] + 1) }
        }
        (before, previous) = (previous, row)
    }
    return previous[b.count]
}
