import Core
import Policy
import Yams

/// The most documents that one endpoint, tenant or model has on record.
private let recordsMax = 32

/// `records` of an endpoint, a tenant's company or a model: documents by name, each a number or a mapping with its last moment.
func decodeRecords(_ section: Section) -> [String: OnRecord] {
    var records: [String: OnRecord] = [:]
    for member in section.members("a record", .label) {
        guard case .mapping = member.value else {
            let text = section.scalar(member.value, member.name)
            records[member.name] = section.value(text) { readProse($0, "records", max: 200) }.map { OnRecord($0) }
            continue
        }
        guard let inner = Section(member.value, "record \(member.name)", section.report) else { continue }
        let number = inner.value(inner.text("number")) { readProse($0, "number", max: 200) }
        let until = inner.value(inner.text("until")) { text -> Reading<Timestamp> in
            Timestamp(policyDay: text).map { .value($0) }
                ?? .wrong("`until` takes the first day on which it counts no more (`2027-03-01`), or a moment.")
        }
        inner.finish()
        if let number, let until { records[member.name] = OnRecord(number, until: until) }
    }
    if records.count > recordsMax { section.report.error(section.spot, "There are at most \(recordsMax) records here.") }
    return records
}
