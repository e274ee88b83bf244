import Core

/// What a report of a region says beside the label of the endpoint that it came from.
public enum RegionVerdict: Sendable, Hashable {
    /// Each region in it lies in a place of the label, or the label promises no place.
    case agrees
    /// A region in it is known, and lies outside of the label's places.
    case contradicts
    /// It names something that the catalogue does not know, and nothing that lies outside.
    case unknown
}

/// The names under which Azure's clouds report their regions, and the zones that labels name: what a report is held against.
public struct RegionJudge: Sendable {
    /// Who sends `x-ms-region`.
    private static let clouds = ["azure", "azure-china", "azure-us-government"]

    private struct Region: Sendable {
        var place: Place
        var country: Place?
    }

    /// By the name as `plain` writes it. Clouds could give one name to two regions.
    private let regions: [String: [Region]]
    private let zones: [String: Set<Place>]

    /// - Parameter zones: those of the configuration, each with all its members.
    public init(_ catalogue: PlaceCatalogue = PlaceCatalogue(), zones: [String: Set<Place>] = [:]) {
        var regions: [String: [Region]] = [:]
        for cloud in Self.clouds {
            for (name, region) in catalogue.clouds[cloud]?.regions ?? [:] {
                let known = Region(place: "\(cloud):\(name)", country: region.country)
                for word in Set([plain(name), plain(region.display ?? name)]) { regions[word, default: []].append(known) }
            }
        }
        self.regions = regions
        self.zones = zones.merging(catalogue.zones.mapValues(\.places)) { stated, _ in stated }
    }

    /// Holds a report against where the endpoint may process. Anywhere promises nothing, and unknown neither, since policy denies it
    /// where it asks. A label that names a region is kept by that region alone, and one that names a country by every region there.
    public func verdict(on report: RegionReport, _ labels: Labels) -> RegionVerdict {
        if labels.processedIn.isAnywhere || labels.processedIn.isUnknown { return .agrees }
        var verdict = report.isClipped ? RegionVerdict.unknown : .agrees
        var words = report.text.utf8.split(separator: UInt8(ascii: ",")).map { plain($0) }
        // Where the text ends at its bound, the last word may be half of a name.
        if report.isClipped, report.text.utf8.count == RegionReport.bytesMax { words.removeLast() }
        for word in words where !word.isEmpty {
            let named = regions[word] ?? []
            if named.contains(where: { lies($0, in: labels.processedIn) }) { continue }
            if !named.isEmpty, named.allSatisfy({ $0.country != nil }) { return .contradicts }
            verdict = .unknown
        }
        return verdict
    }

    private func lies(_ region: Region, in places: Set<Place>) -> Bool {
        func holds(_ places: Set<Place>) -> Bool {
            places.contains(region.place) || region.country.map(places.contains) ?? false
        }
        return holds(places) || places.contains { zones[$0].map(holds) ?? false }
    }
}

/// A region's name without spaces and capitals: Azure writes `East US 2` in headers and `eastus2` in its interfaces.
private func plain(_ name: some Sequence<UInt8>) -> String {
    String(decoding: name.compactMap { $0 == 0x20 ? nil : (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
}

private func plain(_ name: String) -> String { plain(name.utf8) }
