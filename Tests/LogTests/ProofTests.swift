import Foundation
import Journal
import TestKit
import Testing

@Suite("Proofs")
struct ProofTests {
    private struct Inclusion: Decodable {
        var leafIdx: UInt64
        var treeSize: UInt64
        var root: String?
        var leafHash: String?
        var proof: [String]?
        var desc: String
        var wantErr: Bool
        var file: String
    }

    private struct Consistency: Decodable {
        var size1: UInt64
        var size2: UInt64
        var root1: String?
        var root2: String?
        var proof: [String]?
        var desc: String
        var wantErr: Bool
        var file: String
    }

    private func cases<Case: Decodable>(_ name: String, _ type: Case.Type) throws -> [Case] {
        try String(contentsOf: casesFolder.appending(path: "audit/\(name)"), encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
    }

    private func hash(_ text: String?) -> LogHash? { LogHash(base64: (text ?? "").utf8) }

    /// Some vectors compare other words than hashes, of which only sameness counts.
    private func root(_ text: String?) -> LogHash? {
        hash(text) ?? Base64.bytes((text ?? "").utf8).map { leafHash(of: $0) }
    }

    private func hashes(_ texts: [String]?) -> [LogHash]? {
        let hashes = (texts ?? []).compactMap { hash($0) }
        return hashes.count == (texts ?? []).count ? hashes : nil
    }

    @Test("The 98 inclusion vectors of transparency-dev/merkle pass: good proofs hold, each mutated one is refused")
    func inclusionVectors() throws {
        let cases = try cases("rfc6962_inclusion.jsonl", Inclusion.self)
        #expect(cases.count == 98)
        for vector in cases {
            let holds =
                if let leaf = hash(vector.leafHash), let root = hash(vector.root), let proof = hashes(vector.proof) {
                    verifyInclusion(leaf: leaf, index: vector.leafIdx, size: vector.treeSize, proof: proof, root: root)
                } else { false }
            #expect(holds != vector.wantErr, "\(vector.file): \(vector.desc)")
        }
    }

    @Test("The 98 consistency vectors of transparency-dev/merkle pass")
    func consistencyVectors() throws {
        let cases = try cases("rfc6962_consistency.jsonl", Consistency.self)
        #expect(cases.count == 98)
        for vector in cases {
            let holds =
                if let root1 = root(vector.root1), let root2 = root(vector.root2), let proof = hashes(vector.proof) {
                    verifyConsistency(from: vector.size1, root1, to: vector.size2, root2, proof: proof)
                } else { false }
            #expect(holds != vector.wantErr, "\(vector.file): \(vector.desc)")
        }
    }

    @Test("The right edge has the root of the definition at each of 700 sizes, and the hashes that tiles hold")
    func frontier() throws {
        let log = try TestLog(count: 700)
        let leaves = log.entries.map { leafHash(of: $0) }
        var frontier = Frontier()
        var tiles: [[LogHash]] = [[], [], []]
        for (index, leaf) in leaves.enumerated() {
            #expect(frontier.root == naiveRoot(leaves[..<index]))
            frontier.append(leaf) { tiles[$0].append($1) }
        }
        #expect(frontier.size == 700)
        #expect(tiles[0] == leaves)
        #expect(tiles[1] == [naiveRoot(leaves[..<256]), naiveRoot(leaves[256..<512])])
        // The same edge from what is on disk, and both go on alike.
        for size in [0, 1, 255, 256, 257, 511, 512, 513, 700] {
            var edge = Frontier()
            for leaf in leaves[..<size] { edge.append(leaf) }
            var loaded = Frontier(size: UInt64(size)) { level, index in tiles[level][Int(index)] }
            #expect(loaded == edge)
            loaded.append(.zero)
            edge.append(.zero)
            #expect(loaded.root == edge.root)
        }
    }

    @Test("Proofs made from tiles hold for random places of a log of 70,000, and for no other place or size")
    func random() throws {
        var random = SeededRandom(seed: testSeed("proofs from tiles"))
        var tiles: [[LogHash]] = [[], [], []]
        var frontier = Frontier()
        var roots = [emptyRoot]
        for number in 0..<70_000 {
            frontier.append(LogHash((0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) }) ?? .zero) {
                tiles[$0].append($1)
            }
            if number < 3_000 || number == 69_999 { roots.append(frontier.root) }
        }
        let tile = { (level: Int, index: UInt64) in tiles[level][Int(index)] }
        let whole = try #require(roots.last)
        for _ in 0..<200 {
            let index = UInt64.random(in: 0..<70_000, using: &random)
            let leaf = tiles[0][Int(index)]
            let proof = inclusionProof(index: index, size: 70_000, hash: tile)
            #expect(verifyInclusion(leaf: leaf, index: index, size: 70_000, proof: proof, root: whole))
            #expect(!verifyInclusion(leaf: leaf, index: index ^ 1, size: 70_000, proof: proof, root: whole))
            #expect(!verifyInclusion(leaf: leaf, index: index, size: 70_000, proof: proof.dropLast(), root: whole))
            let (one, two) = (Int.random(in: 1..<3_000, using: &random), Int.random(in: 1..<3_000, using: &random))
            let (older, newer) = (min(one, two), max(one, two))
            let steps = consistencyProof(from: UInt64(older), to: UInt64(newer), hash: tile)
            #expect(treeRoot(size: UInt64(older), hash: tile) == roots[older])
            #expect(verifyConsistency(from: UInt64(older), roots[older], to: UInt64(newer), roots[newer], proof: steps))
            #expect(!verifyConsistency(from: UInt64(older), roots[older - 1], to: UInt64(newer), roots[newer], proof: steps))
            let far = consistencyProof(from: UInt64(older), to: 70_000, hash: tile)
            #expect(verifyConsistency(from: UInt64(older), roots[older], to: 70_000, whole, proof: far))
        }
    }

    @Test("Tiles lie where C2SP tlog-tiles says")
    func paths() {
        #expect(TilePath.hashes(level: 0, index: 0) == "tile/0/000")
        #expect(TilePath.hashes(level: 3, index: 1_234_067) == "tile/3/x001/x234/067")
        #expect(TilePath.hashes(level: 1, index: 1_000, width: 7) == "tile/1/x001/000.p/7")
        #expect(TilePath.entries(index: 42, width: 255) == "tile/entries/042.p/255")
        #expect(TilePath.partialWidth(level: 0, size: 70_000) == 112)
        #expect(TilePath.partialWidth(level: 1, size: 70_000) == 17)
        #expect(TilePath.width(level: 0, index: 272, size: 70_000) == 256)
        #expect(TilePath.width(level: 0, index: 273, size: 70_000) == 112)
        #expect(TilePath.width(level: 0, index: 274, size: 70_000) == 0)
    }
}
