// The standard library's own tables for Unicode's normal forms, which it marks as its neighbours' only; swift-foundation uses them
// the same way. Instead: our own tables, some 12 KB of data.
@_spi(_Unicode) import Swift

/// The text in Unicode's normal form C (letters with their accents as one character), or nil if it surely has that form already,
/// or is not UTF-8, for which there is no such form.
func composedIfNeeded(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard !isSurelyComposed(text), let string = String(validating: text, as: UTF8.self) else { return nil }
    var composed: [UInt8] = []
    composed.reserveCapacity(text.count)
    for scalar in string._nfc { composed.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
    return composed
}

/// No character outside of large blocks without combining or decomposing characters: most text of any language but those that
/// write vowels as marks.
private func isSurelyComposed(_ text: UnsafeRawBufferPointer) -> Bool {
    var at = 0
    while at < text.count {
        // Below U+0300, where the first combining mark is.
        if text[at] < 0xCC {
            at += 1
            continue
        }
        guard let (value, length) = decodedScalar(text, at: at) else { return false }
        switch value {
        // Cyrillic, general punctuation, CJK punctuation and kana, Han, Hangul syllables, full-width forms, emoji.
        case 0x0400...0x0482, 0x2010...0x2027, 0x2030...0x205E, 0x3001...0x3029, 0x3030...0x3098, 0x309D...0x30FF,
            0x4E00...0x9FFF,
            0xAC00...0xD7A3, 0xFF01...0xFFEF, 0x1F300...0x1FAFF:
            at += length
        default:
            return false
        }
    }
    return true
}
