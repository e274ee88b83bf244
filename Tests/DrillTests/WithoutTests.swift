import Core
import Drill
import Policy
import Testing

@Suite("What a drill takes away")
struct WithoutTests {
    private let endpoints = [
        endpoint("azure", operator: "OpenAI"),
        endpoint(
            "gpt-se", place: "azure:swedencentral", operator: "Microsoft", provider: .azure,
            deployment: Deployment(cloud: "azure", region: "swedencentral", sku: "Standard")),
        endpoint(
            "gpt-zone", place: "EU", operator: "Microsoft", provider: .azure,
            deployment: Deployment(cloud: "azure", region: "swedencentral", sku: "DataZoneStandard")),
        endpoint("qwen", place: "CN", operator: "Alibaba", provider: .dashscope, owner: "Alibaba Group"),
        endpoint("own", place: "site:rack-7", operator: "self", provider: .vllm),
    ]
    private let countries = Countries(regions: ["azure:swedencentral": "SE"])

    private func without(_ words: String...) throws -> [String] {
        try Without(words, of: endpoints, zones: ["EU": ["SE", "DE"]], countries: countries).gone.map(\.endpoint)
    }

    @Test("A word takes every endpoint that it fits, whichever kind of word it is, and a kind before it narrows that")
    func words() throws {
        #expect(try without("azure") == ["azure", "gpt-se", "gpt-zone"])
        #expect(try without("endpoint:azure") == ["azure"])
        #expect(try without("provider:azure") == ["gpt-se", "gpt-zone"])
        #expect(try without("cloud:azure") == ["gpt-se", "gpt-zone"])
        #expect(try without("Microsoft") == ["gpt-se", "gpt-zone"])
        #expect(try without("Alibaba Group") == ["qwen"])
        #expect(try without("CN", "own") == ["qwen", "own"])
        #expect(try without("site:rack-7") == ["own"])
    }

    @Test("A place takes what can process nowhere else, and what has its resource there")
    func places() throws {
        #expect(try without("azure:swedencentral") == ["gpt-se", "gpt-zone"])
        #expect(try without("EU") == ["azure", "gpt-se", "gpt-zone"])
        #expect(try without("SE") == ["azure", "gpt-se", "gpt-zone"])
    }

    @Test("Each says by which word and kind it went, and a word that fits nothing says what there is")
    func reasons() throws {
        let gone = try Without(["azure", "CN"], of: endpoints, zones: [:], countries: countries).gone
        #expect(gone.map(\.because) == [.endpoint, .provider, .provider, .place])
        #expect(gone.map(\.word) == ["azure", "azure", "azure", "CN"])
        do {
            _ = try without("Microsft")
            Issue.record("a misspelt operator is an error")
        } catch let unknown as Without.Unknown {
            #expect(
                unknown.description.contains("`Microsft`")
                    && unknown.description.contains("operators Alibaba, Alibaba Group, Microsoft"))
        }
        #expect(throws: Without.Unknown.self) { _ = try without("operator:azure") }
    }
}
