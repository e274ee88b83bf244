import Core
import Foundation
import Gateway
import Ledger
import NIOSSL
import Simulator
import Testing

/// A certificate for this machine, made with OpenSSL's own tool.
struct Certificate {
    static let openssl = "/usr/bin/openssl"
    static let curl = "/usr/bin/curl"
    static var canBeMade: Bool {
        FileManager.default.isExecutableFile(atPath: openssl) && FileManager.default.isExecutableFile(atPath: curl)
    }

    let folder: String
    var certificate: String { folder + "/cert.pem" }
    var key: String { folder + "/key.pem" }

    init(names: String = "DNS:localhost,IP:127.0.0.1") throws {
        folder = NSTemporaryDirectory() + "weir-tls-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = try Self.run(
            Self.openssl,
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                "/CN=weir test",
                "-addext", "subjectAltName=\(names)", "-keyout", key, "-out", certificate,
            ])
    }

    func remove() { try? FileManager.default.removeItem(atPath: folder) }

    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text
    }

    func serverContext(protocols: [String]) throws -> NIOSSLContext {
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        settings.applicationProtocols = protocols
        return try NIOSSLContext(configuration: settings)
    }
}

@Suite("TLS on either side", .enabled(if: Certificate.canBeMade))
struct TLSTests {
    @Test(
        "Callers are served over TLS by HTTP/2 and HTTP/1.1, plain, streamed and refused alike",
        arguments: ["--http2", "--http1.1"])
    func callers(_ version: String) async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        try await Harness.with(tls: certificate.serverContext(protocols: ["h2", "http/1.1"])) { weir async throws in
            func ask(_ body: String, _ path: String = "/v1/chat/completions", key: String = Harness.key) throws -> String {
                try Certificate.run(
                    Certificate.curl,
                    [
                        "-s", "-N", "--max-time", "5", version, "--cacert", certificate.certificate, "-H",
                        "Authorization: Bearer \(key)", "-H",
                        "Content-Type: application/json", "-w", "\n%{http_version} %{http_code}", "-d", body,
                        "https://localhost:\(weir.port)\(path)",
                    ])
            }
            let number = version == "--http2" ? "2" : "1.1"
            let plain = try ask(Ask.chat)
            #expect(plain.hasSuffix("\n\(number) 200") && plain.contains("chat.completion"), "\(plain)")
            let stream = try ask(Ask.stream)
            #expect(stream.hasSuffix("data: [DONE]\n\n\n\(number) 200"), "\(stream)")
            #expect(try ask(Ask.responseStream, "/v1/responses").contains("response.completed"))
            #expect(try ask(Ask.chat, key: "wrong").hasSuffix("\n\(number) 401"))
            #expect(try ask("{").hasSuffix("\n\(number) 400"))
            #expect(try ask(Ask.chat, "/v1/files").hasSuffix("\n\(number) 404"))
            #expect(weir.settles() && weir.held == .zero && weir.simulator.record().count == 3)
        }
    }

    @Test("A stream that is cut is reset towards an HTTP/2 client, which cannot take it for an end")
    func cutHTTP2() async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        try await Harness.with(tls: certificate.serverContext(protocols: ["h2"])) { weir async throws in
            try await weir.simulator.setFault(.cutStream(event: 6), endpoint: "one")
            let text = try Certificate.run(
                Certificate.curl,
                [
                    "-s", "-N", "--max-time", "5", "--http2", "--cacert", certificate.certificate, "-H",
                    "Authorization: Bearer \(Harness.key)", "-H", "Content-Type: application/json", "-w", "\nexit %{exitcode}",
                    "-d",
                    Ask.stream, "https://localhost:\(weir.port)/v1/chat/completions",
                ])
            #expect(text.contains("weir_stream_cut") && !text.contains("[DONE]"), "\(text)")
            #expect(!text.hasSuffix("exit 0") && text.contains("exit "), "\(text)")
            #expect(weir.settles())
            #expect(try weir.ends().count == 1)
        }
    }

    @Test("Plain HTTP on a TLS listener, and a handshake that never comes, end without a call")
    func plainOnTLS() async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        var limits = ListenerLimits()
        limits.headMilliseconds = 300
        try await Harness.with(limits: limits, tls: certificate.serverContext(protocols: ["http/1.1"])) { weir async throws in
            let plain = try RawClient(port: weir.port, timeout: 2)
            try plain.send(Harness.request(Ask.chat))
            #expect(try !plain.rest().contains("HTTP/1.1 200"))
            let silent = try RawClient(port: weir.port, timeout: 2)
            #expect(silent.isClosedByPeer(), "a handshake must not be waited for without end")
            #expect(weir.simulator.record().isEmpty && weir.openHolds == 0)
        }
    }

    @Test("An HTTP/2 connection without streams is closed after its time, and at once by a drain", arguments: [true, false])
    func idleHTTP2(_ drains: Bool) async throws {
        let certificate = try Certificate()
        defer { certificate.remove() }
        var limits = ListenerLimits()
        limits.idleMilliseconds = drains ? 60_000 : 1_500
        try await Harness.with(limits: limits, tls: certificate.serverContext(protocols: ["h2"])) { weir async throws in
            let client = Process()
            client.executableURL = URL(fileURLWithPath: Certificate.openssl)
            client.arguments = ["s_client", "-quiet", "-alpn", "h2", "-connect", "127.0.0.1:\(weir.port)"]
            let input = Pipe()
            client.standardInput = input
            client.standardOutput = FileHandle.nullDevice
            client.standardError = FileHandle.nullDevice
            try client.run()
            defer { client.terminate() }
            let gateway = weir.gateway
            func connections() async throws -> Int { try await gateway.metrics().connections }
            for _ in 0..<300 {
                if try await connections() > 0 { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            let open = try await connections()
            #expect(open == 1)
            if drains {
                try await Task.sleep(for: .milliseconds(100))
                let nothingCut = try await gateway.drain()
                #expect(nothingCut)
            }
            for _ in 0..<300 where client.isRunning { try await Task.sleep(for: .milliseconds(10)) }
            #expect(!client.isRunning)
            let left = try await connections()
            #expect(left == 0)
        }
    }

    @Test(
        "An endpoint whose certificate is not trusted, or is for another name, gets not a byte of the call",
        arguments: ["untrusted", "other name", "trusted"])
    func endpoints(_ which: String) async throws {
        let certificate = try Certificate(names: which == "other name" ? "DNS:elsewhere.example" : "DNS:localhost,IP:127.0.0.1")
        defer { certificate.remove() }
        // A second Weir with TLS is a fair endpoint: it counts the calls that reach it.
        try await Harness.with(tls: certificate.serverContext(protocols: ["http/1.1"])) { inner async throws in
            let port = inner.port
            let trust = which == "untrusted" ? nil : certificate.certificate
            try await Harness.with(
                endpoints: { _ in
                    var made = Endpoint.test(
                        "inner", port: port, credential: Harness.key, tls: true, host: "localhost", trustFile: trust)
                    made.models["m"]?.upstreamName = "m"
                    return [made]
                }
            ) { weir async throws in
                let answer = try weir.chat(Ask.chat)
                if which == "trusted" {
                    #expect(answer.status == 200, "\(answer)")
                    #expect(try await inner.gateway.metrics().calls == 1)
                } else {
                    #expect(answer.status == 502 && answer.code == "weir_endpoint_tls_failed", "\(answer)")
                    #expect(try await inner.gateway.metrics().calls == 0)
                    #expect(weir.ledger.doubtfulHolds.isEmpty, "nothing was sent, so nothing is in doubt")
                }
                #expect(weir.settles() && weir.held == .zero)
            }
        }
    }
}
