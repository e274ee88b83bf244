import Core
import TestKit
import Testing

private let classes = DataClasses.standard

/// Every combination of a few values of each label.
private func someLabels(narrows: [Bool?]) -> [CallLabels] {
    var all: [CallLabels] = []
    for name in [nil, "public", "internal", "personal", "sensitive", "unheard"] {
        for categories in [nil, [], [.health], [.health, .important]] as [Set<DataCategory>?] {
            for subjects in [[], ["SE"], ["SE", "CN"], [anywhere]] as [Set<Place>] {
                for purposes in [[], ["hr"], ["hr", "support"]] as [Set<String>] {
                    for tags in [nil, [], ["EAR99"]] as [Set<String>?] {
                        for narrow in narrows {
                            all.append(
                                CallLabels(
                                    dataClass: name, categories: categories, subjects: subjects, purposes: purposes,
                                    exportTags: tags, clientNarrows: narrow))
                        }
                    }
                }
            }
        }
    }
    return all
}

private func someClaims() -> [LabelClaim] {
    var all: [LabelClaim] = []
    for name in [nil, "public", "personal", "sensitive", "unheard", ""] {
        for categories in [[], ["important"], ["health", "omic"], ["nothing"]] as [Set<String>] {
            for subject in [nil, "SE", "CN", "US", "anywhere", "se", "XX"] {
                for purpose in [nil, "hr", "sales"] {
                    for tags in [[], ["3A090"], ["bad tag"]] as [Set<String>] {
                        all.append(
                            LabelClaim(
                                dataClass: name, categories: categories, subject: subject, purpose: purpose, exportTags: tags))
                    }
                }
            }
        }
    }
    return all
}

@Suite("Labels of calls")
struct CallLabelTests {
    @Test(
        "A client's claim never widens: over all small sets, what is taken lies within the key's labels and says what was claimed"
    )
    func neverWider() {
        var taken = 0
        for labels in someLabels(narrows: [true]) {
            for claim in someClaims() {
                guard let narrowed = try? labels.narrowed(by: claim, in: classes) else { continue }
                taken += 1
                // One expectation for each of half a million cases would be slow; only a failure is recorded.
                if !narrowed.lies(within: labels, in: classes) { Issue.record("\(labels) \(claim) \(narrowed)") }
                let said =
                    (claim.dataClass == nil || narrowed.dataClass == claim.dataClass)
                    && (claim.subject == nil || narrowed.subjects == [claim.subject ?? ""])
                    && (claim.purpose == nil || narrowed.purpose == claim.purpose)
                    && claim.categories.isSubset(of: Set((narrowed.categories ?? []).map(\.rawValue)))
                    && claim.exportTags.isSubset(of: narrowed.exportTags ?? [])
                if !said { Issue.record("\(labels) \(claim) \(narrowed)") }
                // Nothing unknown has become known.
                let filled =
                    labels.dataClass == nil && narrowed.dataClass != nil || labels.categories == nil && narrowed.categories != nil
                    || labels.subjects.isEmpty && !narrowed.subjects.isEmpty
                    || labels.purposes.isEmpty && !narrowed.purposes.isEmpty
                    || labels.exportTags == nil && narrowed.exportTags != nil
                if filled { Issue.record("\(labels) \(claim) \(narrowed)") }
            }
        }
        #expect(taken > 1_000)
    }

    @Test("A key whose clients are not allowed to label their calls takes no claim, and needs none")
    func fixed() throws {
        for labels in someLabels(narrows: [nil, false]) {
            #expect(throws: ClaimRefusal.notAllowed) {
                try labels.narrowed(by: LabelClaim(dataClass: "sensitive"), in: classes)
            }
            if try labels.narrowed(by: LabelClaim(), in: classes) != labels { Issue.record("\(labels)") }
        }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var labels: CallLabels
        var claim: LabelClaim
        var refusal: ClaimRefusal

        init(_ title: String, _ labels: CallLabels, _ claim: LabelClaim, _ refusal: ClaimRefusal) {
            testDescription = title
            self.labels = labels
            self.labels.clientNarrows = true
            self.claim = claim
            self.refusal = refusal
        }
    }

    static let refused = [
        Refused(
            "a lower class", CallLabels(dataClass: "personal"), LabelClaim(dataClass: "public"), .lowerClass(least: "personal")),
        Refused(
            "a class that does not exist", CallLabels(dataClass: "public"), LabelClaim(dataClass: "top"),
            .unknownClass(classes.names)),
        Refused("a class where the key has none", CallLabels(), LabelClaim(dataClass: "public"), .classUnknownOfKey),
        Refused(
            "a class where the key's left the configuration", CallLabels(dataClass: "old"), LabelClaim(dataClass: "sensitive"),
            .classUnknownOfKey),
        Refused("a subject elsewhere", CallLabels(subjects: ["SE"]), LabelClaim(subject: "CN"), .subjectOutside),
        Refused("a subject nowhere", CallLabels(subjects: [anywhere]), LabelClaim(subject: "cn"), .notAPlace),
        Refused("a subject anywhere", CallLabels(subjects: [anywhere]), LabelClaim(subject: anywhere), .notAPlace),
        Refused("a subject of an unknown key", CallLabels(), LabelClaim(subject: "SE"), .subjectUnknownOfKey),
        Refused("another purpose", CallLabels(purposes: ["hr"]), LabelClaim(purpose: "sales"), .purposeOutside(["hr"])),
        Refused("a purpose of a key without", CallLabels(), LabelClaim(purpose: "hr"), .purposeUnknownOfKey),
        Refused("an unknown category", CallLabels(categories: []), LabelClaim(categories: ["secret"]), .unknownCategory),
        Refused("a category of an unknown key", CallLabels(), LabelClaim(categories: ["health"]), .categoriesUnknownOfKey),
        Refused("an export tag with a space", CallLabels(exportTags: []), LabelClaim(exportTags: ["a b"]), .badExportTag),
        Refused("an export tag of an unknown key", CallLabels(), LabelClaim(exportTags: ["EAR99"]), .exportTagsUnknownOfKey),
        Refused(
            "too many export tags", CallLabels(exportTags: []), LabelClaim(exportTags: Set((0...32).map { "t\($0)" })),
            .tooManyExportTags),
    ]

    @Test("A claim is refused with the reason", arguments: refused)
    func refusals(_ example: Refused) {
        #expect(throws: example.refusal) { try example.labels.narrowed(by: example.claim, in: classes) }
    }

    @Test("A refusal never repeats what the client wrote")
    func quiet() {
        for labels in someLabels(narrows: [true]) {
            for claim in [
                LabelClaim(dataClass: "canary"), LabelClaim(categories: ["canary"]), LabelClaim(subject: "canary"),
                LabelClaim(purpose: "canary"), LabelClaim(exportTags: ["canary canary"]),
            ] {
                do {
                    _ = try labels.narrowed(by: claim, in: classes)
                    Issue.record("taken: \(claim)")
                } catch {
                    if error.description.contains("canary") { Issue.record("\(error)") }
                }
            }
        }
    }

    @Test("Tenant, team and key hold together in any order, and none of them is widened by the others")
    func together() {
        let seed = testSeed("levels of labels")
        var random = SeededRandom(seed: seed)
        let all = someLabels(narrows: [nil, true, false])
        for _ in 0..<20_000 {
            let levels = (0..<3).map { _ in all[Int.random(in: 0..<all.count, using: &random)] }
            let result = CallLabels.together(levels, in: classes)
            if result != CallLabels.together(levels.shuffled(using: &random), in: classes) { Issue.record("\(levels)") }
            for level in levels {
                let classHolds = level.dataClass.flatMap(classes.rank).map { least in
                    result.dataClass.flatMap(classes.rank).map { $0 >= least } ?? true
                }
                let holds =
                    classHolds ?? true
                    && (level.subjects.isEmpty || result.subjects.isEmpty || result.subjects.lies(within: level.subjects))
                    && (level.purposes.isEmpty || result.purposes.isSubset(of: level.purposes))
                    && (level.categories ?? []).isSubset(of: result.categories ?? [])
                    && (level.exportTags ?? []).isSubset(of: result.exportTags ?? [])
                    && !(level.clientNarrows == false && result.clientNarrows == true)
                if !holds { Issue.record("\(level) \(result)") }
            }
        }
        let contrary = [CallLabels(subjects: ["SE"]), CallLabels(subjects: ["CN"]), CallLabels(subjects: ["CN", "SE"])]
        #expect(CallLabels.together(contrary, in: classes).subjects.isUnknown)
        #expect(
            CallLabels.together([CallLabels(dataClass: "unheard"), CallLabels(dataClass: "public")], in: classes).dataClass == nil
        )
    }

    @Test("A key's labels are its tenant's, its team's and its own together")
    func ofAKey() {
        let policy = TenantPolicy(
            tenant: "acme", teams: ["hr", "ops"], places: .any, operators: .any, models: .any,
            labels: CallLabels(dataClass: "internal", subjects: ["SE", "DE"], purposes: ["support", "hr"], clientNarrows: true),
            teamLabels: ["hr": CallLabels(dataClass: "personal", purposes: ["hr"])])
        func key(_ team: String, _ labels: CallLabels = .unknown) -> KeyRecord {
            KeyRecord(
                id: "k", name: "k", tenant: "acme", team: team, labels: labels, created: Timestamp(nanoseconds: 0), secrets: [])
        }
        let hr = policy.labels(of: key("hr"), in: classes)
        #expect(hr.dataClass == "personal" && hr.purpose == "hr" && hr.subjects == ["SE", "DE"] && hr.clientNarrows == true)
        let own = policy.labels(
            of: key("ops", CallLabels(dataClass: "public", subjects: [anywhere], clientNarrows: false)), in: classes)
        #expect(own.dataClass == "internal" && own.purpose == nil && own.subjects == ["SE", "DE"] && own.clientNarrows == false)
    }

    @Test("Classes hold personal and, behind it, sensitive, each name once")
    func lists() throws {
        #expect(DataClasses(["personal", "sensitive"]) != nil)
        for bad in [
            [], ["personal"], ["sensitive", "personal"], ["personal", "sensitive", "personal"], ["", "personal", "sensitive"],
            ["personal", "sensitive"] + (0..<40).map { "c\($0)" },
        ] {
            #expect(DataClasses(bad) == nil)
        }
        let own = try #require(DataClasses(["open", "personal", "secret", "sensitive", "top"]))
        #expect(own.names.map(own.isPersonal) == [false, true, true, true, true])
        #expect(own.names.map(own.isSensitive) == [false, false, false, true, true])
        #expect(own.stricter("open", "secret") == "secret" && own.stricter(nil, "open") == "open")
    }
}

@Suite("Places")
struct PlaceTests {
    @Test("anywhere holds every place and lies in none; unknown lies nowhere, not even anywhere")
    func anywhereAndUnknown() {
        let some: Set<Place> = ["SE", "azure:swedencentral"]
        #expect(some.lies(within: [anywhere]) && !Set([anywhere]).lies(within: some))
        #expect(Set([anywhere]).lies(within: [anywhere]) && !Set<Place>().lies(within: [anywhere]))
        #expect(!some.lies(within: []) && some.lies(within: some))
        #expect(some.meeting([anywhere]) == some && Set([anywhere]).meeting(some) == some && some.meeting(["DE"]).isUnknown)
    }
}
