import Core
import Wire

/// Reads where an answer's head says that it was processed; nil where it says nothing.
///
/// `x-ms-region` carries a region's display name, such as `East US 2`: recorded of Azure OpenAI (traceloop/openllmetry, August 2025
/// and March 2026). It counts from every endpoint, whatever dialect it is configured with, since what answers with Azure's header
/// is Azure or stands before it. No other provider's header is known to tell the place of processing: `cf-ray` names the edge that
/// the answer passed, and `openai-processing-ms` and the like name no place at all.
///
/// A header that came more than once is read as the list that it is equal to (RFC 9110, section 5.3).
public func regionReport(in head: HTTPHead) -> RegionReport? {
    guard let first = head[.region] else { return nil }
    guard head.isRepeated(.region) else { return head.withBytes(of: first) { RegionReport($0) } }
    var all: [UInt8] = []
    for field in head.fields where head.matches(field.name, "x-ms-region") {
        // What goes beyond the bound is clipped anyway.
        guard all.count <= RegionReport.bytesMax else { break }
        if !all.isEmpty { all += [UInt8(ascii: ","), 0x20] }
        head.withBytes(of: field.value) { all += $0.prefix(RegionReport.bytesMax + 1) }
    }
    return RegionReport(all)
}
