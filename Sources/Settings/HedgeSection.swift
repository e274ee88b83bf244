import Core

/// The longest and the shortest time that a first attempt gets before a second one may start, in milliseconds.
private let hedgeAfter: ClosedRange<Int64> = 50...600_000
/// Of a hundred calls: more would double the bill of a bad day.
private let hedgePercent: ClosedRange<Int64> = 1...50

/// Reads `hedge` of a tenant: `{after: 2s, percent: 5, models: [gpt-4o]}`.
func decodeHedge(_ section: Section, _ endpoints: Endpoints?) -> Hedge? {
    let after = section.has("after") ? section.milliseconds("after", 0, in: hedgeAfter) : nil
    if after == nil { _ = section.required("after") }
    let percent = section.whole("percent", in: hedgePercent)
    let models = section.optional("models").flatMap { section.list($0, "models") }
    section.finish()
    for word in models ?? [] where endpoints.map({ !$0.models.contains(word.value) }) ?? false {
        section.report.error(
            word.spot, "No endpoint serves the model \(quoted(word.value, or: "that is named here")).",
            meant: likely(word.value, among: endpoints?.models.sorted() ?? []))
    }
    guard let after, let percent else { return nil }
    return Hedge(afterMilliseconds: after, percent: Int(percent), models: models.map { Set($0.map(\.value)) })
}
