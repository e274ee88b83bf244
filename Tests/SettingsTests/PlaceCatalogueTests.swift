import Core
import Foundation
import Policy
import Settings
import TestKit
import Testing

/// The catalogue that comes with Weir; empty, so that every test of it fails, when it cannot be read.
let shippedPlaces: PlaceCatalogue = {
    let text = (try? read(repository.appendingPathComponent("share/places.json").path)) ?? ""
    return (try? placeCatalogue(text: text, file: "places.json").get()) ?? PlaceCatalogue()
}()

private let union: Set<Place> = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV", "MT", "NL",
    "PL", "PT", "RO", "SE", "SI", "SK",
]

struct Filling: Sendable, CustomTestStringConvertible {
    var deployment: Deployment
    var processedIn: Set<Place>
    var storedIn: Set<Place>
    var testDescription: String { "\(deployment.place) \(deployment.sku ?? "")" }

    init(_ place: Place, _ sku: String?, _ processedIn: Set<Place>, stored storedIn: Set<Place>) {
        let parts = place.split(separator: ":")
        deployment = Deployment(cloud: String(parts[0]), region: String(parts[1]), sku: sku)
        self.processedIn = processedIn
        self.storedIn = storedIn
    }
}

@Suite("The catalogue of places")
struct PlaceCatalogueTests {
    static let fillings = [
        // Global: anywhere, wherever the resource is; stored in its geography.
        Filling("azure:swedencentral", "GlobalStandard", [anywhere], stored: ["SE"]),
        Filling("azure:westeurope", "GlobalProvisionedManaged", [anywhere], stored: ["IE", "NL"]),
        Filling("azure:eastus2", "GlobalBatch", [anywhere], stored: ["US"]),
        Filling("azure:swedencentral", "DeveloperTier", [anywhere], stored: ["SE"]),
        // The EU data zone holds Norway and Switzerland.
        Filling("azure:swedencentral", "DataZoneStandard", union.union(["NO", "CH"]), stored: ["SE"]),
        Filling("azure:switzerlandnorth", "DataZoneProvisionedManaged", union.union(["NO", "CH"]), stored: ["CH"]),
        Filling("azure:norwayeast", "DataZoneBatch", union.union(["NO", "CH"]), stored: ["NO"]),
        Filling("azure:eastus", "DataZoneStandard", ["US"], stored: ["US"]),
        // No data zone is known there.
        Filling("azure:uksouth", "DataZoneStandard", [], stored: ["GB"]),
        Filling("azure:japaneast", "DataZoneStandard", [], stored: ["JP"]),
        // Regional: the region's country.
        Filling("azure:swedencentral", "Standard", ["SE"], stored: ["SE"]),
        Filling("azure:northeurope", "Standard", ["IE"], stored: ["IE", "NL"]),
        Filling("azure:uksouth", "ProvisionedManaged", ["GB"], stored: ["GB"]),
        Filling("azure:westus3", "Standard", ["US"], stored: ["US"]),
        // Hong Kong, and stored there or in Singapore: one geography.
        Filling("azure:eastasia", "Standard", ["HK"], stored: ["HK", "SG"]),
        Filling("azure:southeastasia", "Standard", ["SG"], stored: ["HK", "SG"]),
        // Azure in China is unknown until it is attested.
        Filling("azure-china:chinaeast2", "Standard", [], stored: []),
        Filling("azure-us-government:usgovvirginia", "Standard", ["US"], stored: ["US"]),
        // Alibaba's compute scope is not the endpoint's region.
        Filling("alibaba:ap-southeast-1", "International", [anywhere], stored: ["SG"]),
        Filling("alibaba:eu-central-1", "Global", [anywhere], stored: ["DE"]),
        Filling("alibaba:eu-central-1", "EU", ["DE"], stored: ["DE"]),
        Filling("alibaba:cn-hongkong", "HongKong", ["HK"], stored: ["HK"]),
        Filling("alibaba:cn-beijing", "Mainland", ["CN"], stored: ["CN"]),
        Filling("openai:global", nil, [], stored: []),
        Filling("openai:us", nil, ["US"], stored: ["US"]),
        Filling("openai:eu", nil, union.union(["IS", "LI", "NO", "CH"]), stored: union.union(["IS", "LI", "NO", "CH"])),
        Filling("openai:jp", nil, [], stored: ["JP"]),
        Filling("deepseek:cn", nil, ["CN"], stored: ["CN"]),
        Filling("byteplus:ap-southeast-1", nil, [], stored: []),
    ]

    @Test("fills places by the kind of deployment", arguments: fillings)
    func fill(_ example: Filling) throws {
        let filled = try shippedPlaces.labels(of: example.deployment)
        #expect(filled.labels.processedIn == example.processedIn)
        #expect(filled.labels.storedIn == example.storedIn)
        #expect(filled.labels.deployment == example.deployment)
        #expect(filled.gaps.isEmpty == !(example.processedIn.isEmpty || example.storedIn.isEmpty))
    }

    @Test(
        "holds for every region and SKU: known places carry the catalogue's source, Global is anywhere, regional is one country")
    func everything() throws {
        var count = 0
        for (name, cloud) in shippedPlaces.clouds {
            for region in cloud.regions.keys {
                for sku in cloud.skus.isEmpty ? [nil] : cloud.skus.keys.map(Optional.some) {
                    guard let filled = try? shippedPlaces.labels(of: Deployment(cloud: name, region: region, sku: sku)) else {
                        continue
                    }
                    count += 1
                    let labels = filled.labels
                    for field in Labels.Field.allCases {
                        let expected = labels.isKnown(field) ? Labels.Provenance.catalogue(source: cloud.source) : nil
                        #expect(labels.provenance(of: field) == expected)
                    }
                    for place in labels.processedIn.union(labels.storedIn) { #expect(place == anywhere || isCountry(place)) }
                    if name == "azure", sku?.hasPrefix("Global") == true { #expect(labels.processedIn.isAnywhere) }
                    if name == "azure", sku == "Standard" || sku == "ProvisionedManaged" {
                        #expect(labels.processedIn == [try #require(cloud.regions[region]?.country)])
                        #expect(labels.processedIn.lies(within: labels.storedIn))
                    }
                    #expect(!labels.storedIn.isAnywhere)
                }
            }
        }
        #expect(count > 500)
    }

    @Test("has the regions of Azure in China in mainland China, and Hong Kong nowhere in it")
    func china() {
        let china = shippedPlaces.clouds["azure-china"]
        #expect(china?.regions.count == 6)
        #expect(china?.regions.values.allSatisfy { $0.country == "CN" } == true)
        #expect(china?.operatorCountry == "CN")
        #expect(shippedPlaces.clouds["azure"]?.regions.values.contains { $0.country == "CN" } == false)
        #expect(shippedPlaces.country(of: "azure:eastasia") == "HK")
    }

    @Test("has zones with sources: the EU's 27, the EEA's 30, and Azure's EU zone that is neither")
    func zones() {
        #expect(shippedPlaces.zones["EU"]?.places == union)
        #expect(shippedPlaces.zones["EEA"]?.places == union.union(["IS", "LI", "NO"]))
        #expect(shippedPlaces.zones["azure-eu-zone"]?.places == union.union(["NO", "CH"]))
        #expect(shippedPlaces.zones.values.allSatisfy { !$0.source.isEmpty })
        #expect(shippedPlaces.countries(of: ["EU", "azure:norwayeast"]) == union.union(["NO"]))
        #expect(shippedPlaces.countries(of: ["EU", "site:rack-7"]).isUnknown)
        #expect(shippedPlaces.countries(of: [anywhere]) == [anywhere])
    }

    @Test("knows every Azure region by its display name and by its own, and no country's name of it is another's")
    func reported() throws {
        let judge = RegionJudge(shippedPlaces)
        for cloud in ["azure", "azure-china", "azure-us-government"] {
            for (name, region) in shippedPlaces.clouds[cloud]?.regions ?? [:] {
                let labels = Labels(
                    processedIn: [region.country ?? ""], storedIn: [], operator: "Microsoft", operatorCountry: "US")
                let elsewhere = Labels(processedIn: ["AQ"], storedIn: [], operator: "Microsoft", operatorCountry: "US")
                for text in [name, region.display ?? name] {
                    #expect(judge.verdict(on: try #require(RegionReport(text.utf8)), labels) == .agrees, "\(text)")
                    #expect(judge.verdict(on: try #require(RegionReport(text.utf8)), elsewhere) == .contradicts, "\(text)")
                }
            }
        }
    }

    @Test("says what is wrong with a deployment that it does not know")
    func unknown() {
        func problem(_ cloud: String, _ region: String, _ sku: String?) -> DeploymentProblem? {
            do {
                _ = try shippedPlaces.labels(of: Deployment(cloud: cloud, region: region, sku: sku))
                return nil
            } catch { return error }
        }
        #expect(problem("aws", "x", nil) == .unknownCloud(known: shippedPlaces.clouds.keys.sorted()))
        guard case .unknownRegion("azure", let regions) = problem("azure", "swedencentre", "Standard") else {
            Issue.record("a region that does not exist is known")
            return
        }
        #expect(regions.contains("swedencentral"))
        guard case .unknownSKU = problem("azure", "swedencentral", "standard"),
            case .missingSKU = problem("azure", "swedencentral", nil)
        else {
            Issue.record("a wrong or missing SKU is taken")
            return
        }
        #expect(problem("openai", "us", "Standard") == .needlessSKU(cloud: "openai"))
        #expect(
            problem("alibaba", "us-east-1", "Mainland") == .notSold(sku: "Mainland", cloud: "alibaba", regions: ["cn-beijing"]))
    }

    @Test("is refused when it is not as it should be, with the place of the mistake")
    func strict() {
        let good = #"""
            {"format":1,"about":[{"from":"f","licence":"l"}],"zones":{"z":{"places":["SE"],"source":"s"}},
            "clouds":{"c":{"operator":"o","source":"s","skus":{"a":"region"},"regions":{"r":{"country":"SE"}}}}}
            """#
        #expect((try? placeCatalogue(text: good, file: "p").get()) != nil)
        for (old, new, message) in [
            ("\"format\":1", "\"format\":2", "format: 1"), (",\"licence\":\"l\"", "", "licence"),
            ("[\"SE\"]", "[\"SX1\"]", "no country"), ("[\"SE\"]", "[]", "at least one"),
            ("\"places\":", "\"x\":1,\"places\":", "not a key"),
            ("\"region\"}", "\"planet\"}", "processes"), ("\"region\"}", "\"zone\"}", "no `dataZones`"),
            ("\"country\":\"SE\"", "\"country\":\"se\"", "ISO 3166-1"), ("\"operator\":\"o\",", "", "`operator` is missing"),
            ("\"r\":", "\"R 1\":", "lower-case"), ("{\"r\":{\"country\":\"SE\"}}", "{}", "at least one region"),
            ("\"operator\":\"o\"", "\"operator\":\"o\",\"trains\":\"no\"", "one of never"),
            ("{\"format\"", "{{\"format\"", "double quotes"),
            ("\"operator\":\"o\"", "\"operator\":\"o\",\"retentionDays\":-1", "whole number"),
            ("\"regions\":{", "\"dataZones\":[\"y\"],\"regions\":{", "No zone"),
        ] {
            guard case .failure(let errors) = placeCatalogue(text: good.replacing(old, with: new), file: "p") else {
                Issue.record("taken: \(new)")
                continue
            }
            #expect(errors.description.contains(message), "\(new): \(errors)")
            #expect(errors.errors.allSatisfy { $0.file == "p" && $0.line > 0 })
        }
    }
}

@Suite("Statements about an endpoint")
struct StatementTests {
    @Test(
        "Over all small sets of places, the operator's statement never widens what the catalogue knows, and a refused one changes nothing"
    )
    func neverWider() throws {
        let words: [Place] = [anywhere, "SE", "NO", "US", "azure:swedencentral", "azure:eastus", "site:rack-7"]
        let deployments = [
            Deployment(cloud: "azure", region: "swedencentral", sku: "GlobalStandard"),
            Deployment(cloud: "azure", region: "swedencentral", sku: "DataZoneStandard"),
            Deployment(cloud: "azure", region: "swedencentral", sku: "Standard"),
            Deployment(cloud: "azure", region: "uksouth", sku: "DataZoneStandard"),
            Deployment(cloud: "azure-china", region: "chinaeast2", sku: "Standard"),
            Deployment(cloud: "openai", region: "global"),
        ]
        var taken = 0
        for deployment in deployments {
            let filled = try shippedPlaces.labels(of: deployment)
            for bits in 0..<(1 << words.count) {
                let stated = Set(words.indices.filter { bits >> $0 & 1 == 1 }.map { words[$0] })
                var statement = LabelStatement()
                statement.processedIn = stated
                let (labels, problems) = filled.stating(statement, in: shippedPlaces)
                if problems.isEmpty {
                    taken += 1
                    #expect(labels.processedIn == stated && labels.provenance(of: .processedIn) == .statement)
                    // Unknown stays unknown but for what claims nothing.
                    let known = filled.labels.processedIn
                    #expect(known.isUnknown ? stated.isAnywhere : shippedPlaces.lie(stated, within: known))
                } else {
                    #expect(labels == filled.labels)
                }
            }
        }
        #expect(taken > 100)
    }

    @Test("Random statements never make a label worse than the catalogue has it")
    func random() throws {
        var random = SeededRandom(seed: testSeed("statements"))
        let azure = try #require(shippedPlaces.clouds["azure"])
        for _ in 0..<2_000 {
            let region = azure.regions.keys.sorted().randomElement(using: &random) ?? ""
            let sku = azure.skus.keys.sorted().randomElement(using: &random) ?? ""
            let filled = try shippedPlaces.labels(of: Deployment(cloud: "azure", region: region, sku: sku))
            var statement = LabelStatement()
            let countries = ["SE", "NO", "CH", "US", "HK", "SG", "IE", anywhere]
            statement.processedIn = Set(countries.filter { _ in Bool.random(using: &random) })
            statement.storedIn = Set(countries.filter { _ in Bool.random(using: &random) })
            statement.trains = Labels.Trains.allCases.randomElement(using: &random)
            statement.review = Labels.Review.allCases.randomElement(using: &random)
            statement.retentionDays = Int.random(in: 0...90, using: &random)
            statement.operator = ["Microsoft", "Else"].randomElement(using: &random)
            let (labels, problems) = filled.stating(statement, in: shippedPlaces)
            let before = filled.labels
            if !before.processedIn.isUnknown { #expect(shippedPlaces.lie(labels.processedIn, within: before.processedIn)) }
            #expect(shippedPlaces.lie(labels.storedIn, within: before.storedIn))
            #expect(labels.trains == .never && labels.operator == "Microsoft")
            #expect((labels.retentionDays ?? 0) <= 90)
            #expect(problems.contains { $0.field == .operator } == (statement.operator == "Else"))
            #expect(problems.allSatisfy { $0.message.hasPrefix("`\($0.field.rawValue)` ") && $0.message.hasSuffix(".") })
        }
    }
}
