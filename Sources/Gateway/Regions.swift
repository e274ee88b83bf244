import Core
import Ledger
import Logging
import NIOCore
import Policy
import Providers
import Wire

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What one endpoint has reported of regions on one event loop, and what that says beside its label. Nearly every answer reports what
/// the one before it did, and is recognised by its bytes, in some 30 ns and without an allocation.
struct HeardRegions {
    /// A deployment in a data zone may answer from any of some regions.
    private static let most = 8

    struct Heard {
        var text: String
        var verdict: RegionVerdict
        /// Of its header.
        fileprivate var count = 0

        init(text: String, verdict: RegionVerdict) { (self.text, self.verdict) = (text, verdict) }
    }

    private var heard: [Heard] = []
    /// Their headers, each in a place of its own.
    private var bytes: [UInt8] = []
    private var next = 0

    func find(_ header: UnsafeRawBufferPointer) -> Heard? {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, let start = header.baseAddress else { return nil }
            for at in heard.indices
            where heard[at].count == header.count && memcmp(base + at * RegionReport.bytesMax, start, header.count) == 0 {
                return heard[at]
            }
            return nil
        }
    }

    /// Takes the place of the oldest when there are as many as are kept. A header that is too long is not kept.
    mutating func add(_ header: UnsafeRawBufferPointer, _ new: Heard) {
        guard header.count <= RegionReport.bytesMax else { return }
        if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: Self.most * RegionReport.bytesMax) }
        var new = new
        new.count = header.count
        let place = heard.count < Self.most ? heard.count : next
        if place == heard.count { heard.append(new) } else { heard[place] = new }
        next = (place + 1) % Self.most
        for (offset, byte) in header.enumerated() { bytes[place * RegionReport.bytesMax + offset] = byte }
    }
}

/// Reports of one endpoint by what they said beside its label.
public struct RegionCounts: Sendable, Hashable {
    public var agreed: UInt64 = 0
    public var unknown: UInt64 = 0
    public var contradicted: UInt64 = 0

    public init() {}

    mutating func add(_ other: RegionCounts) {
        agreed += other.agreed
        unknown += other.unknown
        contradicted += other.contradicted
    }
}

extension CallRelay {
    /// Takes note of where the endpoint says that it processes the attempt. What contradicts its label suspends it at once, before
    /// anything of the answer goes on; this answer itself was processed there already and is delivered, as soon as the suspension is
    /// on disk.
    func hearRegion(_ head: HTTPHead) {
        guard let span = head[.region], let way, let heard = listen(head, span, way) else { return }
        answer.region = heard.text
        switch heard.verdict {
        case .agrees: count { $0.regions.agreed += 1 }
        case .unknown:
            count { $0.regions.unknown += 1 }
            guard lane.board.isFirstUnknownRegion(at: way.slot) else { return }
            // Its words are in the journal alone: what nobody knows could be anything.
            lane.log.warning(
                "an endpoint reports a region that the catalogue of places does not know",
                metadata: ["endpoint": "\(way.target.name)"])
        case .contradicts:
            count { $0.regions.contradicted += 1 }
            suspend(way, region: heard.text)
        }
    }

    private func listen(_ head: HTTPHead, _ span: HTTPSpan, _ way: Way) -> HeardRegions.Heard? {
        // What was heard belongs to the labels of the configuration in force. Its index means nothing in another.
        let isCurrent = snapshot.generation == lane.snapshot.generation
        let isKept = isCurrent && !head.isRepeated(.region) && span.count <= RegionReport.bytesMax
        if isKept, let known = head.withBytes(of: span, { lane.heardRegions[way.endpoint].find($0) }) { return known }
        guard let report = regionReport(in: head) else { return nil }
        let heard = HeardRegions.Heard(
            text: report.text, verdict: snapshot.regions.verdict(on: report, way.target.labels))
        if isKept { head.withBytes(of: span) { lane.heardRegions[way.endpoint].add($0, heard) } }
        return heard
    }

    /// First in memory, so that whatever becomes of the entry no other attempt goes there while this process runs.
    private func suspend(_ way: Way, region: String) {
        guard lane.board.suspend(way.target.name) else { return }
        let report = Suspension.Report(
            region: region, processedIn: way.target.labels.processedIn.sorted(), attempt: attemptID)
        let suspension = Suspension(endpoint: way.target.name, contradictedBy: report)
        guard let sequence = lane.ledger.suspend(suspension, at: .now()) else { return }
        holdSequence = max(holdSequence, sequence)
    }

    /// The endpoint was suspended after the hold. Nothing was sent, and another may answer.
    func endSuspended(_ hold: Hold) {
        if state != nil, let way { refusal = refusal ?? .stateSuspended(home: way.target.name) }
        end(hold, .voided("endpoint_suspended"))
        attempt()
    }
}
