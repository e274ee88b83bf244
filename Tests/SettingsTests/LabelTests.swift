import Core
import Foundation
import Policy
import Settings
import Testing

private let places = (try? read(repository.appendingPathComponent("share/places.json").path)) ?? ""
private let hash = String(repeating: "0a", count: 32)

/// Loads with the catalogue at hand.
private func loadWithPlaces(_ text: String) -> Result<Configuration, ConfigurationErrors> {
    load(text, environment: ["WEIR_SHARE": "share"], files: ["share/places.json": places])
}

/// The smallest file, its labels replaced.
private func endpoint(_ labels: String, places: String = "any") -> String {
    smallest.replacing("    processedIn: [SE]\n    storedIn: [SE]\n    operator: Example\n", with: labels + "\n")
        .replacing("places: any", with: "places: \(places)")
}

private func decoded(_ text: String, places: String = "any") throws -> Labels {
    try #require(try loadWithPlaces(endpoint(text, places: places)).get().endpoints.first).labels
}

@Suite("Labels in a configuration")
struct LabelTests {
    @Test("A deployment fills them, each with the catalogue's source")
    func filled() throws {
        let labels = try decoded("    deployment: {cloud: azure, region: swedencentral, sku: Standard}")
        #expect(labels.processedIn == ["SE"] && labels.storedIn == ["SE"])
        #expect(labels.operator == "Microsoft" && labels.operatorCountry == "US" && labels.ownerCountry == "US")
        #expect(labels.trains == .never && labels.review == .yes && labels.retentionDays == nil)
        #expect(labels.deployment?.place == "azure:swedencentral")
        guard case .catalogue(let source)? = labels.provenance(of: .processedIn) else {
            Issue.record("no source")
            return
        }
        #expect(source.contains("azure-ai-docs"))
        #expect(labels.provenance(of: .retentionDays) == nil)
    }

    @Test("Without a deployment they are the operator's statement, and need no catalogue")
    func stated() throws {
        let stated = try #require(try load(smallest).get().endpoints.first).labels
        #expect(stated == Labels(processedIn: ["SE"], storedIn: ["SE"], operator: "Example", operatorCountry: ""))
        #expect(stated.provenance(of: .processedIn) == .statement && stated.provenance(of: .trains) == nil)
    }

    @Test("What Azure reports of regions is judged by the catalogue and the file's zones; where it is missing, a note says so")
    func regions() throws {
        let azure =
            smallest.replacing("provider: openai", with: "provider: azure")
            .replacing("processedIn: [SE]", with: "processedIn: [nordic]") + "\nzones: {nordic: [SE, NO]}"
        func verdicts(_ configuration: Configuration) throws -> [RegionVerdict] {
            let labels = try #require(configuration.endpoints.first).labels
            return ["Norway East", "East US 2"].compactMap { RegionReport($0.utf8) }.map {
                configuration.regions.verdict(on: $0, labels)
            }
        }
        let judged = try loadWithPlaces(azure).get()
        #expect(try verdicts(judged) == [.agrees, .contradicts] && judged.notes.isEmpty)
        let blind = try load(azure).get()
        #expect(try verdicts(blind) == [.unknown, .unknown])
        #expect(
            blind.notes == ["regions that Azure reports are not judged: the catalogue of places `places.json` cannot be read"])
        #expect(try load(smallest).get().notes.isEmpty)
    }

    @Test("An operator narrows: by zones, countries and a region of the zone, whose country then permits it")
    func narrowed() throws {
        let zone = "    deployment: {cloud: azure, region: swedencentral, sku: DataZoneStandard}\n"
        #expect(try decoded(zone).processedIn.count == 29)
        #expect(try decoded(zone + "    processedIn: [EU]").processedIn.count == 27)
        let text = endpoint(zone + "    processedIn: [\"azure:francecentral\"]", places: "[FR, SE]")
        let configuration = try loadWithPlaces(text).get()
        #expect(configuration.endpoints.first?.labels.processedIn == ["azure:francecentral"])
        #expect(configuration.tenants.first?.places == .only(["FR", "SE", "azure:francecentral"]))
    }

    @Test("A named person attests what the catalogue does not know, and the document stays with the label")
    func attested() throws {
        let text = """
                deployment: {cloud: azure-china, region: chinaeast2, sku: Standard}
                attest:
                  - {processedIn: [CN], storedIn: [CN], by: Ada Lovelace, on: 2026-05-01, document: "sha256:\(hash)"}
                  - {trains: never, by: Grace Hopper, on: 2026-05-02, document: "sha256:\(hash)"}
            """
        let labels = try decoded(text)
        #expect(labels.processedIn == ["CN"] && labels.storedIn == ["CN"] && labels.trains == .never)
        #expect(labels.provenance(of: .processedIn) == .attestation(0) && labels.provenance(of: .trains) == .attestation(1))
        #expect(labels.attestations.map(\.by) == ["Ada Lovelace", "Grace Hopper"])
        #expect(labels.attestations[0].document == hash)
        #expect(labels.attestations[0].on == CivilDate(year: 2026, month: 5, day: 1))
        #expect(labels.attestations[0].says == [.processedIn: "[CN]", .storedIn: "[CN]"])

        // Without a deployment a document can stand for a statement.
        let bare = try decoded(
            "    operator: Own\n    storedIn: []\n    retentionDays: 0\n    attest: {processedIn: [EU], by: A, on: 2026-05-01, document: \"sha256:\(hash)\"}"
        )
        #expect(bare.processedIn == ["EU"] && bare.provenance(of: .processedIn) == .attestation(0))
    }

    @Test("What stays unknown is noted, and denied")
    func unknown() throws {
        let text = endpoint("    deployment: {cloud: azure, region: uksouth, sku: DataZoneStandard}")
        let configuration = try loadWithPlaces(text).get()
        #expect(configuration.endpoints.first?.labels.processedIn.isUnknown == true)
        #expect(configuration.notes.contains { $0.hasPrefix("endpoint e: no data zone is known for azure:uksouth") })
    }

    @Test(
        "An endpoint of azure-china stays off until somebody attests where it processes; nothing else turns it on",
        arguments: [
            ("", nil), ("    attest: {storedIn: [CN], by: Ada, on: 2026-05-01, document: \"sha256:\(hash)\"}\n", nil),
            ("    contract: C-1\n    trains: never\n", nil), ("    processedIn: [anywhere]\n", nil),
            (
                "    attest: {processedIn: [CN], storedIn: [CN], by: Ada, on: 2026-05-01, document: \"sha256:\(hash)\"}\n",
                ["CN"] as Set<Place>
            ),
        ])
    func china(_ said: String, _ places: Set<Place>?) throws {
        for sku in ["Standard", "ProvisionedManaged"] {
            let text = endpoint("    deployment: {cloud: azure-china, region: chinaeast2, sku: \(sku)}\n\(said)")
            let configuration = try loadWithPlaces(text).get()
            #expect(configuration.endpoints.first?.labels.processedIn == places)
            guard places == nil else {
                #expect(configuration.leftOut.isEmpty)
                continue
            }
            let off = try #require(configuration.leftOut.first)
            #expect(off.name == "e" && off.models == ["m"])
            #expect(off.why.hasPrefix("`azure-china` is off until somebody attests where the deployment processes"))
            #expect(configuration.notes.contains("endpoint e left out: \(off.why)"))
            // What was configured for it is still known, so that tenants and keys that name it are no mistakes.
            #expect(configuration.tenants.count == 1)
        }
    }

    @Test("A host of azure-china is off too where the labels name no deployment, and one in another cloud is no way around")
    func chinaHost() throws {
        let own = smallest.replacing("provider: openai", with: "provider: azure")
            .replacing("https://models.example", with: "https://res.openai.azure.cn")
        let off = try #require(try loadWithPlaces(own).get().leftOut.first)
        #expect(off.why.contains("name it with `deployment` and add `attest`"))
        let lie = endpoint("    deployment: {cloud: azure, region: swedencentral, sku: Standard}")
            .replacing("provider: openai", with: "provider: azure")
            .replacing("https://models.example", with: "https://res.openai.azure.cn")
        guard case .failure(let errors) = loadWithPlaces(lie) else {
            Issue.record("it loads")
            return
        }
        #expect(errors.description.contains("This host is in the cloud `azure-china`"))
        let global = own.replacing("azure.cn", with: "azure.com")
        #expect(try loadWithPlaces(global).get().leftOut.isEmpty)
    }

    @Test("Where calls may spill over to another kind of deployment, policies that ask for the kind find none")
    func spilledKind() throws {
        func sku(_ own: String, _ other: String) throws -> String? {
            let text = endpoint("    deployment: {cloud: azure, region: swedencentral, sku: \(own)}")
                .replacing("provider: openai", with: "provider: azure")
                .replacing(
                    "{m: {price: p, maxOutput: 10}}",
                    with:
                        "{m: {as: one, price: p, maxOutput: 10, spillover: {deployment: two, price: p, by: header, sku: \(other)}}, n: {price: p, maxOutput: 1}}"
                )
            return try #require(try loadWithPlaces(text).get().endpoints.first).labels.deployment?.sku
        }
        #expect(try sku("ProvisionedManaged", "Standard") == nil)
        #expect(try sku("DataZoneProvisionedManaged", "DataZoneStandard") == nil)
        #expect(try sku("Standard", "Standard") == "Standard")
    }

    @Test("anywhere is a value of its own, that no list of places permits")
    func everywhere() throws {
        let text = endpoint("    processedIn: [anywhere]\n    storedIn: [SE]\n    operator: Example", places: "[SE, EU]")
        let configuration = try loadWithPlaces(text).get()
        #expect(configuration.endpoints.first?.labels.processedIn == [anywhere])
        #expect(configuration.tenants.first?.places.contains(anywhere) == false)
    }

    @Test("A zone of the catalogue is expanded where the file has none of its name, and permits the zones inside it")
    func catalogueZones() throws {
        let text = endpoint("    processedIn: [EU]\n    storedIn: [SE]\n    operator: Example", places: "[EEA]")
        let configuration = try loadWithPlaces(text).get()
        let tenant = try #require(configuration.tenants.first)
        for place in ["EEA", "EU", "SE", "NO", "IS"] { #expect(tenant.places.contains(place)) }
        #expect(!tenant.places.contains("CH") && !tenant.places.contains("azure-eu-zone"))
        #expect(configuration.zones["EU"]?.count == 27)
        let own = try loadWithPlaces(smallest.replacing("places: any", with: "places: [EU]") + "\nzones: {EU: [SE]}").get()
        #expect(own.tenants.first?.places == .only(["EU", "SE"]))
    }

    @Test("Every other label is read")
    func others() throws {
        let labels = try decoded(
            """
                processedIn: [SE]
                storedIn: [SE]
                accessFrom: [IN, SE]
                operator: Example
                operatorCountry: SE
                owner: Example Group
                ownerCountry: JP
                trains: opt-out
                retentionDays: 7
                review: no
                contract: DPA 7
                hardware: h200
                exportTags: [3A090]
                records: {scc: SCC-2025-17, cac-filing: "Beijing-0001"}
            """)
        #expect(labels.accessFrom == ["IN", "SE"] && labels.owner == "Example Group" && labels.ownerCountry == "JP")
        #expect(labels.trains == .optOut && labels.retentionDays == 7 && labels.review == .no && labels.contract == "DPA 7")
        #expect(labels.hardware == "h200" && labels.exportTags == ["3A090"])
        #expect(labels.records == ["scc": "SCC-2025-17", "cac-filing": "Beijing-0001"])
    }

    @Test("A record may say until when it counts, as a day or a moment")
    func datedRecords() throws {
        let places = "    processedIn: [SE]\n    storedIn: [SE]\n    operator: Example\n"
        let labels = try decoded(
            places + "    records: {bcr: {number: B-7, until: 2027-03-01}, tia: {number: T, until: \"2027-03-01T00:00:00+0800\"}}"
        )
        #expect(labels.records["bcr"] == OnRecord("B-7", until: Timestamp(policyDay: "2027-03-01")))
        #expect(labels.records["tia"] == OnRecord("T", until: Timestamp(policyDay: "2027-02-28T16:00:00Z")))
        for (record, message) in [
            ("{number: B-7, until: soon}", "the first day on which it counts no more"), ("{number: B-7}", "`until` is missing"),
            ("{until: 2027-03-01}", "`number` is missing"), ("{number: B, until: 2027-03-01, to: x}", "`to` is not a key"),
        ] {
            guard case .failure(let report) = load(endpoint(places + "    records: {bcr: \(record)}")) else {
                Issue.record("loaded \(record)")
                continue
            }
            #expect(report.description.contains(message), "\(report)")
        }
    }

    @Test("A catalogue that is missing or wrong is named where it is needed")
    func noCatalogue() {
        let text = endpoint("    deployment: {cloud: azure, region: swedencentral, sku: Standard}")
        guard case .failure(let missing) = load(text, environment: ["WEIR_SHARE": "none"]),
            case .failure(let wrong) = load(
                text, environment: ["WEIR_SHARE": "s"], files: ["s/places.json": "{\"format\":1,\n\"x\":2}"])
        else {
            Issue.record("loaded")
            return
        }
        #expect(missing.errors.count == 1 && missing.description.contains("The catalogue of places `places.json` cannot be read"))
        #expect(wrong.description.contains("s/places.json:2:1: `x` is not a key of the catalogue."))
    }
}

@Suite("Labels of calls in a configuration")
struct CallLabelSettingsTests {
    @Test("Tenants and teams have them, in the order of classes that the file names")
    func read() throws {
        let text =
            smallest.replacing(
                "teams: {a: {}}",
                with: """
                    labels: {class: internal, categories: [], subjects: [EU, US], purposes: [hr, support], exportTags: [], clients: narrow}, teams: {a: {labels: {class: personal, categories: [health], subjects: [SE], purposes: [hr], exportTags: [EAR99], clients: fixed}}, b: {}}
                    """) + "\nclasses: [public, internal, secret, personal, sensitive]\n"
        let configuration = try loadWithPlaces(text).get()
        #expect(configuration.classes.names == ["public", "internal", "secret", "personal", "sensitive"])
        let tenant = try #require(configuration.tenants.first)
        #expect(tenant.labels.dataClass == "internal" && tenant.labels.subjects.count == 28 && tenant.labels.categories == [])
        #expect(tenant.labels.clientNarrows == true && tenant.labels.exportTags == [])
        let team = try #require(tenant.teamLabels["a"])
        #expect(team.dataClass == "personal" && team.categories == [.health] && team.exportTags == ["EAR99"])
        #expect(team.clientNarrows == false && tenant.teamLabels["b"] == nil)
        let key = KeyRecord(id: "k", name: "k", tenant: "t", team: "a", created: Timestamp(nanoseconds: 0), secrets: [])
        let labels = tenant.labels(of: key, in: configuration.classes)
        #expect(labels.purpose == "hr" && labels.subjects == ["SE"] && labels.dataClass == "personal")
    }

    @Test("Without them calls are unknown")
    func none() throws {
        let tenant = try #require(try load(smallest).get().tenants.first)
        #expect(tenant.labels == .unknown && tenant.teamLabels.isEmpty)
        #expect(try load(smallest).get().classes == .standard)
    }
}
