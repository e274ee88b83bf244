/// The deepest nesting of a usage object that is kept.
private let deepestNesting = 16

/// True when the bytes are exactly one JSON object, strictly, so that they can stand inside an entry as they are. One pass,
/// no allocation: every end of a call pays for it.
func isOneObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.first == UInt8(ascii: "{") else { return false }
    var check = ObjectCheck(bytes)
    guard check.run(), check.at == bytes.count else { return false }
    return !check.sawMultibyte || String(validating: bytes, as: UTF8.self) != nil
}

private struct ObjectCheck {
    private enum Want { case value, key, separator }

    private let bytes: UnsafeRawBufferPointer
    private(set) var at = 0
    private(set) var sawMultibyte = false
    /// One bit a level, the innermost lowest: an object, else an array.
    private var objects: UInt32 = 0
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The byte that comes next; a NUL, which is nowhere allowed, at the end.
    private var next: UInt8 { at < bytes.count ? bytes[at] : 0 }

    mutating func run() -> Bool {
        var want = Want.value
        while true {
            space()
            switch want {
            case .key:
                guard next == UInt8(ascii: "\""), string() else { return false }
                space()
                guard next == UInt8(ascii: ":") else { return false }
                at += 1
                want = .value
            case .value:
                switch next {
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    guard let following = open() else { return false }
                    want = following
                case UInt8(ascii: "\""):
                    guard string() else { return false }
                    want = .separator
                case UInt8(ascii: "t"):
                    guard word("true") else { return false }
                    want = .separator
                case UInt8(ascii: "f"):
                    guard word("false") else { return false }
                    want = .separator
                case UInt8(ascii: "n"):
                    guard word("null") else { return false }
                    want = .separator
                default:
                    guard number() else { return false }
                    want = .separator
                }
            case .separator:
                if depth == 0 { return true }
                let inObject = objects & 1 == 1
                switch next {
                case UInt8(ascii: ","): want = inObject ? .key : .value
                case UInt8(ascii: "}") where inObject, UInt8(ascii: "]") where !inObject: close()
                default: return false
                }
                at += 1
            }
            if want == .separator, depth == 0 { return true }
        }
    }

    /// Enters an object or array; leaves it at once when it is empty. `nil` when it is too deep.
    private mutating func open() -> Want? {
        guard depth < deepestNesting else { return nil }
        let isObject = next == UInt8(ascii: "{")
        at += 1
        depth += 1
        objects = objects << 1 | (isObject ? 1 : 0)
        space()
        if next == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
            at += 1
            close()
            return .separator
        }
        return isObject ? .key : .value
    }

    private mutating func close() {
        depth -= 1
        objects >>= 1
    }

    private mutating func space() {
        while next == 0x20 || next == 0x0a || next == 0x0d || next == 0x09 { at += 1 }
    }

    private mutating func string() -> Bool {
        at += 1
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return true }
            if byte == UInt8(ascii: "\\") {
                guard escape() else { return false }
            } else if byte < 0x20 {
                return false
            } else if byte >= 0x80 {
                sawMultibyte = true
            }
        }
        return false
    }

    private mutating func escape() -> Bool {
        let kind = next
        at += 1
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            return true
        case UInt8(ascii: "u"):
            for _ in 0..<4 {
                switch next {
                case 0x30...0x39, 0x41...0x46, 0x61...0x66: at += 1
                default: return false
                }
            }
            return true
        default: return false
        }
    }

    private mutating func word(_ word: StaticString) -> Bool {
        for position in 0..<word.utf8CodeUnitCount {
            guard next == word.utf8Start[position] else { return false }
            at += 1
        }
        return true
    }

    private mutating func number() -> Bool {
        if next == UInt8(ascii: "-") { at += 1 }
        if next == 0x30 { at += 1 } else if !digits() { return false }
        if next == UInt8(ascii: ".") {
            at += 1
            guard digits() else { return false }
        }
        if next | 0x20 == UInt8(ascii: "e") {
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits() else { return false }
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = at
        while next >= 0x30, next <= 0x39 { at += 1 }
        return at > start
    }
}
