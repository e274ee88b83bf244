import Core
import NIOCore
import Wire

/// The service tier that a request asks for.
public enum AskedTier: Sendable, Hashable {
    /// None, or `auto`: the endpoint's own.
    case unnamed
    case named(ServiceTier)
    /// A word that no price book has a price for, such as `scale`.
    case unknown

    /// The tier that the attempt is held at where the endpoint's own is `own`.
    public func held(at own: ServiceTier) -> ServiceTier {
        if case .named(let tier) = self { tier } else { own }
    }
}

/// Reads `service_tier` as OpenAI's dialect writes it (ServiceTier of its specification).
public func askedTier(_ scan: RequestScan, body: ByteBuffer) -> AskedTier {
    guard let range = scan.serviceTier else { return .unnamed }
    return body.withUnsafeReadableBytes { bytes in
        func says(_ word: StaticString) -> Bool {
            range.count == word.utf8CodeUnitCount
                && UnsafeRawBufferPointer(rebasing: bytes[range]).elementsEqual(
                    UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        }
        if says("auto") { return .unnamed }
        if says("default") || says("standard") { return .named(.standard) }
        if says("priority") { return .named(.priority) }
        if says("flex") { return .named(.flex) }
        return .unknown
    }
}
