/// The standard Base 64 of RFC 4648, of which one text alone is accepted for the same bytes.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    public static func text(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var word: UInt32 = 0
        var held = 0
        for byte in bytes {
            word = word << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            for shift in [18, 12, 6, 0] as [UInt32] { text.append(alphabet[Int(word >> shift & 63)]) }
            (word, held) = (0, 0)
        }
        if held > 0 {
            word <<= UInt32(8 * (3 - held))
            for place in 0..<4 {
                text.append(place <= held ? alphabet[Int(word >> UInt32(18 - 6 * place) & 63)] : padding)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// `nil` unless the text is exactly what `text` makes of these bytes: other characters, missing padding and bits behind
    /// the last byte would let two texts mean the same.
    public static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var word: UInt32 = 0
        var place = 0
        var padded = 0
        for character in text {
            if character == padding {
                padded += 1
                guard padded <= 2, place >= 2 else { return nil }
                word <<= 6
            } else {
                guard padded == 0, let value = value(character) else { return nil }
                word = word << 6 | value
            }
            place += 1
            guard place == 4 else { continue }
            let kept = 3 - padded
            guard padded == 0 || word & (1 << UInt32(8 * padded) - 1) == 0 else { return nil }
            for index in 0..<kept { bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(16 - 8 * index))) }
            (word, place) = (0, 0)
        }
        return bytes
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

/// A decimal number as these formats write it: digits only, and no zero in front.
func strictDecimal(_ text: some Collection<UInt8>) -> UInt64? {
    guard let first = text.first, first != UInt8(ascii: "0") || text.count == 1 else { return nil }
    var value: UInt64 = 0
    for digit in text {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
        let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
        let (sum, carried) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
        guard !overflowed, !carried else { return nil }
        value = sum
    }
    return value
}
