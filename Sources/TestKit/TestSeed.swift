#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The seed of a random test, printed; `WEIR_SEED` plays a run again.
public func testSeed(_ test: String) -> UInt64 {
    let given = getenv("WEIR_SEED").flatMap { UInt64(String(cString: $0)) }
    let seed = given ?? UInt64.random(in: 1...UInt64.max)
    print("\(test): WEIR_SEED=\(seed)")
    return seed
}
