import Core
import Testing

private let classes = DataClasses.standard

/// Content of a kind that leaves nothing unknown.
private func content(
    _ dataClass: String? = "internal", _ categories: Set<DataCategory>? = [], _ subjects: Set<Place> = ["SE"],
    _ exportTags: Set<String>? = []
) -> CallLabels {
    CallLabels(dataClass: dataClass, categories: categories, subjects: subjects, exportTags: exportTags)
}

@Suite("A call that builds on stored state is about the contents of both")
struct LabelMixtureTests {
    @Test(
        "The stricter class, all categories and tags, the people of either",
        arguments: [
            (content("public"), content("personal"), content("personal")),
            (content("sensitive"), content("personal"), content("sensitive")),
            (content("public", [.health]), content("public", [.important]), content("public", [.health, .important])),
            (content("public", [], ["SE"]), content("public", [], ["CN"]), content("public", [], ["SE", "CN"])),
            (content("public", [], [anywhere]), content("public", [], ["CN"]), content("public", [], [anywhere])),
            (
                content("public", [], ["SE"], ["3A090"]), content("public", [], ["SE"], ["4E091"]),
                content("public", [], ["SE"], ["3A090", "4E091"])
            ),
        ])
    func both(_ a: CallLabels, _ b: CallLabels, _ both: CallLabels) {
        #expect(a.mixed(with: b, in: classes) == both)
        #expect(b.mixed(with: a, in: classes) == both)
    }

    @Test("What is unknown of one is unknown of both, and a class that nobody knows is unknown")
    func unknown() {
        let known = content("personal", [.health], ["SE"], ["EAR99"])
        #expect(known.mixed(with: .unknown, in: classes) == .unknown)
        #expect(CallLabels.unknown.mixed(with: known, in: classes) == .unknown)
        #expect(known.mixed(with: content("unheard"), in: classes).dataClass == nil)
        #expect(content("unheard").mixed(with: known, in: classes).dataClass == nil)
        #expect(known.mixed(with: content(nil), in: classes).dataClass == nil)
        #expect(known.mixed(with: content("public", nil), in: classes).categories == nil)
        #expect(known.mixed(with: content("public", [], []), in: classes).subjects.isUnknown)
        #expect(known.mixed(with: content("public", [], ["SE"], nil), in: classes).exportTags == nil)
    }

    @Test("Purposes and what a client may say are the call's own")
    func own() {
        var call = content()
        call.purposes = ["hr"]
        call.clientNarrows = true
        var state = content("personal")
        state.purposes = ["support"]
        let both = call.mixed(with: state, in: classes)
        #expect(both.purposes == ["hr"] && both.clientNarrows == true)
    }

    @Test("The order of a chain does not matter, and repeating a content changes nothing")
    func algebra() {
        let some = [nil, "public", "personal", "sensitive"].flatMap { name in
            [nil, [], [.health], [.important]].flatMap { (categories: Set<DataCategory>?) in
                [[], ["SE"], ["CN"], [anywhere]].flatMap { (subjects: Set<Place>) in
                    [nil, [], ["EAR99"]].map { (tags: Set<String>?) in content(name, categories, subjects, tags) }
                }
            }
        }
        for (index, a) in some.enumerated() {
            #expect(a.mixed(with: a, in: classes) == a)
            let b = some[(index * 7 + 3) % some.count]
            let c = some[(index * 13 + 5) % some.count]
            let ab = a.mixed(with: b, in: classes)
            #expect(ab == b.mixed(with: a, in: classes))
            #expect(ab.mixed(with: c, in: classes) == a.mixed(with: b.mixed(with: c, in: classes), in: classes))
            #expect(ab.sameContent(as: a) == (ab == a))
        }
    }
}
