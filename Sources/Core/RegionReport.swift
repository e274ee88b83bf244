/// What an answer says about where it was processed, in the provider's words. It is evidence beside a label, never a label.
public struct RegionReport: Sendable, Hashable {
    /// No known region's name is half as long.
    public static let bytesMax = 64

    /// Visible ASCII and spaces, 1 to 64 bytes. Several regions stand in a list: `Sweden Central, East US 2`.
    public let text: String
    /// More was said than could be kept.
    public let isClipped: Bool

    /// Keeps what fits; a byte that is not visible ASCII becomes `?`. nil when nothing is said.
    public init?(_ bytes: some Sequence<UInt8>) {
        var kept: [UInt8] = []
        kept.reserveCapacity(Self.bytesMax)
        var isClipped = false
        for byte in bytes {
            guard kept.count < Self.bytesMax else {
                isClipped = true
                break
            }
            let isKept = byte >= 0x20 && byte < 0x7F
            if !isKept { isClipped = true }
            kept.append(isKept ? byte : UInt8(ascii: "?"))
        }
        guard kept.contains(where: { $0 != 0x20 && $0 != UInt8(ascii: ",") }) else { return nil }
        text = String(decoding: kept, as: UTF8.self)
        self.isClipped = isClipped
    }
}
