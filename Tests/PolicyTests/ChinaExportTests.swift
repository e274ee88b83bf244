import Core
import Policy
import Testing

@Suite("What counts as an export of personal data from China")
struct ChinaExportTests {
    private static let countries = Countries(regions: [
        "azure-china:chinaeast2": "CN", "azure:eastasia": "HK", "azure:uksouth": "GB",
    ])

    struct Call: Sendable, CustomTestStringConvertible {
        var dataClass: String?
        var subjects: Set<Place>
        var categories: Set<DataCategory>?
        var kind: ChinaExport.Kind?

        init(_ dataClass: String?, _ subjects: Set<Place>, _ kind: ChinaExport.Kind?, _ categories: Set<DataCategory>? = nil) {
            (self.dataClass, self.subjects, self.kind, self.categories) = (dataClass, subjects, kind, categories)
        }

        var testDescription: String { "\(dataClass ?? "nil") \(subjects.sorted()) \(categories?.map(\.rawValue).sorted() ?? [])" }
    }

    @Test(
        "A call counts by its class, categories and subjects",
        arguments: [
            Call("personal", ["CN"], .personal), Call("sensitive", ["CN"], .sensitive), Call("secret", ["CN"], .sensitive),
            Call("public", ["CN"], nil), Call("internal", ["CN"], nil), Call("internal", [anywhere], nil),
            // Whose they are is open, or nobody says.
            Call("personal", ["CN", "SE"], .personal), Call("personal", [anywhere], .personal), Call("personal", [], .personal),
            Call("sensitive", [], .sensitive), Call("personal", ["SE"], nil), Call("sensitive", ["SE", "US"], nil),
            // Hong Kong and Macau are outside of the mainland.
            Call("personal", ["HK"], nil), Call("personal", ["MO", "TW"], nil), Call("personal", ["azure:eastasia"], nil),
            Call("personal", ["azure-china:chinaeast2"], .personal), Call("personal", ["nowhere:known"], .personal),
            // Categories make personal data sensitive, whatever the class says, and nothing else personal.
            Call("personal", ["CN"], .sensitive, [.health]), Call("personal", ["CN"], .sensitive, [.identifiers, .geolocation]),
            Call("personal", ["CN"], .personal, [.identifiers, .important, .government]), Call("personal", ["CN"], .personal, []),
            Call("internal", ["CN"], nil, [.health]), Call("personal", ["SE"], nil, [.health]),
            // An unknown class counts where the mainland is named.
            Call(nil, ["CN"], .sensitive), Call("unheard-of", ["CN", "SE"], .sensitive), Call(nil, [], nil),
            Call(nil, [anywhere], nil), Call(nil, ["SE"], nil), Call(nil, ["azure-china:chinaeast2"], .sensitive),
        ])
    func calls(_ call: Call) throws {
        let classes = try #require(DataClasses(["public", "internal", "personal", "sensitive", "secret"]))
        let labels = CallLabels(dataClass: call.dataClass, categories: call.categories, subjects: call.subjects)
        #expect(ChinaExport.kind(labels, in: classes, countries: Self.countries) == call.kind)
    }

    struct Site: Sendable, CustomTestStringConvertible {
        var processed: Set<Place>
        var stored: Set<Place>
        var leaves: Bool
        var access: Set<Place> = []
        var days: Int?

        var testDescription: String {
            "\(processed.sorted()) \(stored.sorted()) \(access.sorted()) \(days.map(String.init) ?? "-")"
        }
    }

    @Test(
        "Content leaves the mainland unless processing and storing are known to stay inside",
        arguments: [
            Site(processed: ["CN"], stored: ["CN"], leaves: false),
            Site(processed: ["azure-china:chinaeast2"], stored: ["CN"], leaves: false),
            Site(processed: ["CN"], stored: [], leaves: false, days: 0),
            Site(processed: ["CN"], stored: [], leaves: true, days: 30), Site(processed: ["CN"], stored: [], leaves: true),
            Site(processed: [], stored: ["CN"], leaves: true), Site(processed: [], stored: [], leaves: true, days: 0),
            Site(processed: ["HK"], stored: ["CN"], leaves: true), Site(processed: ["CN"], stored: ["MO"], leaves: true),
            Site(processed: ["CN", "SE"], stored: ["CN"], leaves: true),
            Site(processed: ["CN"], stored: ["CN", "US"], leaves: true),
            Site(processed: [anywhere], stored: ["CN"], leaves: true), Site(processed: ["CN"], stored: [anywhere], leaves: true),
            Site(processed: ["azure:eastasia"], stored: ["CN"], leaves: true),
            Site(processed: ["nowhere:known"], stored: ["CN"], leaves: true),
            Site(processed: ["cn"], stored: ["CN"], leaves: true),
            Site(processed: ["CN"], stored: ["US"], leaves: true, days: 0),
            Site(processed: ["CN"], stored: ["CN"], leaves: false, access: ["CN"]),
            Site(processed: ["CN"], stored: ["CN"], leaves: true, access: ["CN", "US"]),
            Site(processed: ["CN"], stored: ["CN"], leaves: true, access: [anywhere]),
        ])
    func sites(_ site: Site) {
        let labels = Labels(
            processedIn: site.processed, storedIn: site.stored, operator: "o", operatorCountry: "CN", retentionDays: site.days,
            accessFrom: site.access)
        #expect(ChinaExport.leaves(by: labels, countries: Self.countries) == site.leaves)
    }

    @Test("What a client's claim narrows never counts where the key's own labels would not, and drops nothing but named subjects")
    func narrowed() throws {
        let classes = DataClasses.standard
        let key = CallLabels(dataClass: "personal", categories: [], subjects: ["CN", "SE"], clientNarrows: true)
        func kind(_ claim: LabelClaim) throws -> ChinaExport.Kind? {
            ChinaExport.kind(try key.narrowed(by: claim, in: classes), in: classes)
        }
        #expect(try kind(LabelClaim()) == .personal)
        #expect(try kind(LabelClaim(dataClass: "sensitive")) == .sensitive)
        #expect(try kind(LabelClaim(categories: ["biometric"])) == .sensitive)
        #expect(try kind(LabelClaim(subject: "SE")) == nil)
        #expect(try kind(LabelClaim(subject: "CN")) == .personal)
    }
}
