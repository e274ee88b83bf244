import Foundation
import Testing

extension EndToEnd {
    @Suite("TLS and HTTP/2 towards callers")
    struct TLSTests {
        @Test("The listener with a certificate speaks HTTP/2 and HTTP/1.1, plain and streamed, and nothing in plaintext")
        func tls() async throws {
            try await Workbench.with { bench in
                let certificate = bench.folder.appending(path: "certificate.pem").path
                let made = try bench.run([
                    "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", bench.folder.appending(path: "key.pem").path, "-out", certificate, "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                ])
                guard made.status == 0 else { throw Obstacle("no certificate: \(made.errors)") }
                try bench.play(CommandTests.clouds(["one"]))
                try bench.configure(
                    bench.configuration(
                        listen: ", tls: {certificate: certificate.pem, key: key.pem}",
                        endpoints: bench.endpoint("one", models: [("m", "m")])))
                try bench.start()
                let key = try bench.key("tls")

                func curl(_ version: String, _ body: String, key: Workbench.Key = key) throws -> (status: String, body: String) {
                    let said = try bench.run(
                        [
                            "/usr/bin/curl", "--silent", "--show-error", version, "--cacert", certificate, "--max-time", "30",
                            "--header", key.header, "--header", "Content-Type: application/json", "--data", body, "--write-out",
                            "\n%{http_version} %{http_code}", "https://localhost:\(bench.callsPort)/v1/chat/completions",
                        ])
                    guard said.status == 0 else { throw Obstacle("curl: \(said.errors)") }
                    return (said.lastLine, said.output)
                }
                for (version, name) in [("--http2", "2"), ("--http1.1", "1.1")] {
                    let plain = try curl(version, CommandTests.hello)
                    #expect(plain.status == "\(name) 200", "\(plain)")
                    #expect(plain.body.contains("\"chat.completion\""))
                    let stream = try curl(version, #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#)
                    #expect(stream.status == "\(name) 200")
                    #expect(stream.body.contains("data: [DONE]"))
                    let refused = try curl(version, CommandTests.hello, key: Workbench.Key(id: "", secret: "weir_wrong"))
                    #expect(refused.status == "\(name) 401")
                    #expect(refused.body.contains("weir_key_refused"))
                }
                // Many streams of one HTTP/2 connection at once.
                let many = try bench.run(
                    [
                        "/usr/bin/curl", "--silent", "--http2", "--parallel", "--parallel-max", "20", "--cacert", certificate,
                        "--max-time", "30", "--header", key.header, "--header", "Content-Type: application/json", "--data",
                        CommandTests.hello, "--write-out", "%{http_version} %{http_code}\n", "--output", "/dev/null",
                        "https://localhost:\(bench.callsPort)/v1/chat/completions?call=[1-20]",
                    ])
                #expect(many.output.split(separator: "\n") == Array(repeating: "2 200", count: 20), "\(many)")

                let plaintext = try? Client.once(port: bench.callsPort, "GET", "/v1/models", headers: [key.header])
                #expect(plaintext == nil, "the listener answered in plaintext")
                bench.weir?.stop()
                #expect(bench.weir?.ending == 0)
            }
        }
    }
}
