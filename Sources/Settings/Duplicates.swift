/// Finds a key's second writing in a mapping. The YAML parser tells only where the first stands.
///
/// It reads the text lightly, by indentation and brackets; where that finds nothing, the first place has to do.
func secondKey(_ name: String, after first: Spot, in text: String) -> (spot: Spot, key: Range<Int>)? {
    let scalars = Array(text.unicodeScalars)
    guard let start = offset(of: first, in: scalars) else { return nil }
    let word = Array(name.unicodeScalars)
    return inFlow(word, start, first, scalars) ?? inBlock(word, start, first, scalars)
}

/// The text with a key replaced by as many characters of private use, so that no column moves.
func renamed(_ text: String, _ key: Range<Int>, turn: Int) -> String {
    var scalars = Array(text.unicodeScalars)
    guard let filler = Unicode.Scalar(UInt32(0xE000 + turn)) else { return text }
    for index in key { scalars[index] = filler }
    var result = String.UnicodeScalarView()
    result.append(contentsOf: scalars)
    return String(result)
}

private typealias Found = (spot: Spot, key: Range<Int>)

/// The rest of `{a: 1, b: 2}` behind the first key.
private func inFlow(_ word: [Unicode.Scalar], _ start: Int, _ first: Spot, _ scalars: [Unicode.Scalar]) -> Found? {
    var spot = first
    var depth = 0
    var index = start
    var quote: Unicode.Scalar?
    // The first key itself stands where a key may stand, and does not count.
    var atKey = false
    while index < scalars.count {
        let scalar = scalars[index]
        if let open = quote {
            if scalar == open { quote = nil }
        } else {
            if atKey, depth == 0, scalar != " ", scalar != "\n", let key = keyRange(word, index, scalars) {
                return (spot, key)
            }
            switch scalar {
            case "{", "[": depth += 1
            case "}", "]":
                depth -= 1
                if depth < 0 { return nil }
            case "\"", "'": if index == 0 || " {[,:\n".unicodeScalars.contains(scalars[index - 1]) { quote = scalar }
            default: break
            }
            if scalar == "," { atKey = true } else if scalar != " ", scalar != "\n" { atKey = false }
        }
        if scalar == "\n" { spot = Spot(line: spot.line + 1, column: 1) } else { spot.column += 1 }
        index += 1
    }
    return nil
}

/// A later line with the key in the same column, before any line that stands further left.
private func inBlock(_ word: [Unicode.Scalar], _ start: Int, _ first: Spot, _ scalars: [Unicode.Scalar]) -> Found? {
    var line = first.line
    var index = start
    while index < scalars.count {
        while index < scalars.count, scalars[index] != "\n" { index += 1 }
        index += 1
        line += 1
        let lineStart = index
        while index < scalars.count, scalars[index] == " " { index += 1 }
        guard index < scalars.count, scalars[index] != "\n", scalars[index] != "\r", scalars[index] != "#" else { continue }
        let column = index - lineStart + 1
        if column < first.column { return nil }
        if column == first.column, let key = keyRange(word, index, scalars) {
            return (Spot(line: line, column: column), key)
        }
    }
    return nil
}

/// The characters of `word` at `index`, plain or in quotes, if a colon follows; without the quotes.
private func keyRange(_ word: [Unicode.Scalar], _ index: Int, _ scalars: [Unicode.Scalar]) -> Range<Int>? {
    let quoted = scalars[index] == "\"" || scalars[index] == "'"
    let start = quoted ? index + 1 : index
    let end = start + word.count
    guard !word.isEmpty, end < scalars.count, scalars[start..<end].elementsEqual(word) else { return nil }
    var after = end
    if quoted {
        guard scalars[after] == scalars[index] else { return nil }
        after += 1
    }
    while after < scalars.count, scalars[after] == " " { after += 1 }
    return after < scalars.count && scalars[after] == ":" ? start..<end : nil
}

private func offset(of spot: Spot, in scalars: [Unicode.Scalar]) -> Int? {
    var line = 1
    var index = 0
    while line < spot.line {
        guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
        (index, line) = (end + 1, line + 1)
    }
    index += spot.column - 1
    return index <= scalars.count ? index : nil
}
