import Core
import Policy
import Testing

@Suite("A report of a region beside a label")
struct RegionJudgeTests {
    private static let catalogue = PlaceCatalogue(
        zones: ["EU": .init(places: ["SE", "FR", "DE"], source: "test")],
        clouds: [
            "azure": .init(
                operator: "Microsoft", source: "test",
                regions: [
                    "swedencentral": .init(country: "SE", display: "Sweden Central"),
                    "swedensouth": .init(country: "SE", display: "Sweden South"),
                    "francecentral": .init(country: "FR", display: "France Central"),
                    "eastasia": .init(country: "HK", display: "East Asia"),
                    "eastus2": .init(country: "US", display: "East US 2"),
                    "nowhere": .init(display: "Nowhere"),
                ]),
            "azure-china": .init(
                operator: "21Vianet", source: "test", regions: ["chinaeast2": .init(country: "CN", display: "China East 2")]),
            // Its header is not known, so its names are no evidence.
            "other": .init(operator: "Other", source: "test", regions: ["mars": .init(country: "US", display: "Mars")]),
        ])

    struct Example: Sendable, CustomTestStringConvertible {
        var said: String
        var processedIn: Set<Place>
        var verdict: RegionVerdict
        var testDescription: String { "\(said) beside \(processedIn.sorted())" }

        init(_ said: String, _ processedIn: Set<Place>, _ verdict: RegionVerdict) {
            (self.said, self.processedIn, self.verdict) = (said, processedIn, verdict)
        }
    }

    /// Its 64th byte is in the middle of a name, and what stands before that is another name.
    static let cut = String(repeating: " ", count: 55) + "East US 2, Sweden"

    static let examples: [Example] = [
        Example("Sweden Central", ["SE"], .agrees),
        Example("swedencentral", ["SE"], .agrees),
        Example("SWEDEN  CENTRAL", ["SE"], .agrees),
        Example("East US 2", ["SE"], .contradicts),
        Example("eastus2", ["SE", "DE"], .contradicts),
        Example("East US 2", ["SE", "US"], .agrees),
        // Hong Kong is not the mainland, and China's cloud is another one.
        Example("East Asia", ["CN"], .contradicts),
        Example("East Asia", ["HK"], .agrees),
        Example("China East 2", ["CN"], .agrees),
        Example("East US 2", ["CN"], .contradicts),
        // Zones, of the catalogue and of the file; the file's own hides the catalogue's.
        Example("France Central", ["EU"], .agrees),
        Example("East US 2", ["EU"], .contradicts),
        Example("East US 2", ["mine"], .agrees),
        Example("Sweden Central", ["mine"], .contradicts),
        // A label that names a region is narrower than its country.
        Example("Sweden Central", ["azure:swedencentral"], .agrees),
        Example("Sweden South", ["azure:swedencentral"], .contradicts),
        Example("Sweden South", ["azure:swedencentral", "SE"], .agrees),
        // A site or a region of somebody else's holds no region of Azure.
        Example("Sweden Central", ["site:rack-7"], .contradicts),
        Example("Sweden Central", ["other:mars"], .contradicts),
        // What promises nothing cannot be contradicted.
        Example("East US 2", [anywhere], .agrees),
        Example("East US 2", [], .agrees),
        Example("Atlantis", [anywhere], .agrees),
        // What nobody knows is no contradiction, and no agreement either.
        Example("Atlantis", ["SE"], .unknown),
        Example("Mars", ["SE"], .unknown),
        Example("Sweden", ["SE"], .unknown),
        Example("Sweden Central 2", ["SE"], .unknown),
        Example("Nowhere", ["SE"], .unknown),
        Example("Nowhere", ["azure:nowhere"], .agrees),
        // Of a list the worst counts, wherever it stands.
        Example("Sweden Central, Sweden South", ["SE"], .agrees),
        Example("Sweden Central, East US 2", ["SE"], .contradicts),
        Example("East US 2,Sweden Central", ["SE"], .contradicts),
        Example("Atlantis, East US 2", ["SE"], .contradicts),
        Example("Sweden Central, Atlantis", ["SE"], .unknown),
        Example("Sweden Central,, ", ["SE"], .agrees),
        // What was clipped is not known whole; what stands in it counts all the same.
        Example("Sweden Central\u{1}", ["SE"], .unknown),
        Example("Sweden Central, \u{1}", ["SE"], .unknown),
        Example("East US 2, \u{1}", ["SE"], .contradicts),
        Example("\u{1}, East US 2", ["SE"], .contradicts),
        Example(cut, ["SE"], .unknown),
        Example("East US 2," + cut, ["SE"], .contradicts),
    ]

    @Test("agrees, contradicts, or says nothing that is known", arguments: examples)
    func verdicts(_ example: Example) throws {
        let judge = RegionJudge(Self.catalogue, zones: ["mine": ["US"]])
        let report = try #require(RegionReport(example.said.utf8))
        #expect(judge.verdict(on: report, labels(processedIn: example.processedIn)) == example.verdict)
    }

    @Test("Without a catalogue nothing is contradicted, and nothing agrees that promises a place")
    func bare() throws {
        let report = try #require(RegionReport("East US 2".utf8))
        #expect(RegionJudge().verdict(on: report, labels(processedIn: ["SE"])) == .unknown)
        #expect(RegionJudge().verdict(on: report, labels(processedIn: [anywhere])) == .agrees)
    }
}
