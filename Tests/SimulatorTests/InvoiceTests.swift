import Testing

@testable import Simulator

@Suite("Invoices of the simulator")
struct InvoiceTests {
    @Test("Its decimals are those of a school book")
    func decimals() throws {
        func number(_ text: String) throws -> InvoiceDecimal { try #require(InvoiceDecimal(text)) }
        #expect(try (number("12.5") * number("-0.04")).rounded(2, .halfEven).text == "-0.50")
        #expect(try (number("0.1") + number("-0.3")).text == "-0.2")
        #expect(try (number("999") + number("1")).text == "1000")
        #expect(try number("2.345").rounded(2, .halfUp).text == "2.35")
        #expect(try number("2.345").rounded(2, .halfEven).text == "2.34")
        #expect(try number("2.341").rounded(2, .up).text == "2.35")
        #expect(try number("-2.349").rounded(2, .down).text == "-2.34")
        #expect(try number("9.99").rounded(1, .halfUp).text == "10.0")
        #expect(InvoiceDecimal(1_234).dividedByTen(6).text == "0.001234")
        #expect(InvoiceDecimal("1.") == nil && InvoiceDecimal("a") == nil && InvoiceDecimal("") == nil)
    }

    @Test("What was served is on the invoice that the admin listener writes, added up by day and priced")
    func served() async throws {
        let yaml = """
            admin: 0
            endpoints:
              - name: e
                output: 5
                models: [m]
            """
        try await playing(yaml) { simulator in
            for _ in 0..<3 { _ = await exchange(simulator.port, Ask.chat()) }
            let admin = try #require(simulator.adminPort)
            let record = simulator.record()
            let input = record.reduce(0) { $0 + $1.billedInput }
            let daily = await exchange(
                admin, "GET /invoice?format=daily&decimals=6&prices=input:1,output:2 HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(daily.status == 200)
            #expect(daily.body.contains(",e,m,input,\(input),"))
            #expect(daily.body.contains(",e,m,output,15,0.000030,USD\r\n"))
            let spoilt = await exchange(admin, "GET /invoice?format=requests&defects=missing:1 HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(spoilt.body.split(whereSeparator: \.isNewline).count == 1 + 6 - 1)
            let none = await exchange(admin, "GET /invoice?format=papyrus HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(none.status == 400)
        }
    }
}
