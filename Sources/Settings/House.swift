import Core
import Yams

/// The sections that describe Weir itself: listeners, limits, journal, doubt.

private let second: Int64 = 1000
private let hour: Int64 = 3_600_000
private let day: Int64 = 86_400_000

func decodeListen(_ section: Section, _ world: World) -> Listen? {
    let calls = section.required("calls").map { addresses($0, section) }
    let admin = section.value(section.text("admin")) { readAddress($0, "admin") }
    let tls = section.optionalSection("tls")
    let certificate = tls.flatMap { $0.pem("certificate", $0.text("certificate"), world) }
    let key = tls.flatMap { $0.pem("key", $0.text("key"), world) }
    tls?.finish()
    let loops = section.optionalWhole("loops", in: 1...256).map(Int.init)
    section.finish()

    guard let calls, let admin else { return nil }
    if admin.port != 0, calls.contains(admin) {
        section.report.error(section.spot(of: "admin"), "`admin` needs an address of its own: `calls` listens here already.")
    }
    if !admin.isLoopback {
        section.report.note(
            "listen.admin is not a loopback address: the admin token and pages travel in plaintext, so keep the network private.")
    }
    if !section.has("tls"), let open = calls.first(where: { !$0.isLoopback }) {
        section.report.note("listen.calls has \(open) without tls: keys and prompts travel in plaintext there.")
    }
    return Listen(
        calls: calls, admin: admin,
        tls: certificate.flatMap { certificate in key.map { TLSFiles(certificate: certificate, key: $0) } }, loops: loops)
}

/// One address, or a list of them.
private func addresses(_ node: Node, _ section: Section) -> [SocketAddress] {
    let texts: [Section.Text]
    if case .sequence = node {
        texts = section.list(node, "calls") ?? []
        if texts.isEmpty { section.report.error(Spot(node), "`calls` needs at least one address.") }
    } else {
        texts = section.scalar(node, "calls").map { [$0] } ?? []
    }
    return texts.compactMap { text in section.value(text) { readAddress($0, "calls") } }
}

func decodeLimits(_ section: Section) -> ListenerLimits {
    var limits = ListenerLimits()
    limits.bodyBytes = section.bytes("body", limits.bodyBytes, in: 1024...(256 << 20))
    limits.headBytes = section.bytes("head", limits.headBytes, in: 1024...(1 << 20))
    limits.headerCount = section.count("headers", limits.headerCount, in: 8...1000)
    limits.headMilliseconds = section.milliseconds("headTime", limits.headMilliseconds, in: 100...(10 * 60 * second))
    limits.bodyMilliseconds = section.milliseconds("bodyTime", limits.bodyMilliseconds, in: 100...hour)
    limits.idleMilliseconds = section.milliseconds("idle", limits.idleMilliseconds, in: second...hour)
    limits.connectionAgeMilliseconds = section.milliseconds(
        "connectionAge", limits.connectionAgeMilliseconds, in: second...(7 * day))
    limits.connections = section.count("connections", limits.connections, in: 1...1_000_000)
    limits.callsInFlight = section.count("callsInFlight", limits.callsInFlight, in: 1...1_000_000)
    limits.tenantSharePercent =
        section.value(section.optionalText("tenantShare")) { readQuantity($0, "tenantShare", Unit.percent, 1...100) }
        .map(Int.init) ?? limits.tenantSharePercent
    limits.concurrentStreams = section.count("streams", limits.concurrentStreams, in: 1...10_000)
    limits.jsonDepth = section.count("jsonDepth", limits.jsonDepth, in: 8...1024)
    limits.drainMilliseconds = section.milliseconds("drain", limits.drainMilliseconds, in: 0...hour)
    limits.callerGoneMilliseconds = section.milliseconds("callerGone", limits.callerGoneMilliseconds, in: 0...hour)
    limits.drainsPerLoop = section.count("drains", limits.drainsPerLoop, in: 0...100_000)
    limits.attemptsPerCall = section.count("attempts", limits.attemptsPerCall, in: 1...10)
    section.finish()
    if limits.callsInFlight * limits.tenantSharePercent < 100 {
        section.report.error(
            section.spot(of: "tenantShare"),
            "`tenantShare` of `callsInFlight` is less than one call: no tenant could call while others wait.")
    }
    return limits
}

func decodeJournal(_ section: Section) -> JournalSettings {
    var journal = JournalSettings()
    journal.segmentBytes = section.bytes("segment", journal.segmentBytes, in: (1 << 20)...(1 << 30))
    journal.commitMicroseconds = section.microseconds("commitEvery", journal.commitMicroseconds, in: 0...100_000)
    section.finish()
    return journal
}

func decodeDoubt(_ section: Section) -> DoubtPolicy {
    var doubt = DoubtPolicy()
    doubt.holdsAfterMilliseconds = section.milliseconds("holdsAfter", doubt.holdsAfterMilliseconds, in: hour...(90 * day))
    doubt.then = section.optionalChoice("then", DoubtPolicy.End.self) ?? doubt.then
    section.finish()
    return doubt
}
