// swift-tools-version: 6.2
import PackageDescription

/// Every room compiles in Swift 6 mode with warnings as errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    // Exclusive access is still proven where the compiler can; the checks at run time cost the data path 5 % and stay in debug,
    // where every test runs.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "weir",
    products: [.executable(name: "weir", targets: ["weir"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
    ],
    targets: [
        room("Core"),
        room("Wire", ["Core", nioCore]),
        room("Journal", ["Core", crypto]),
        room("Cedar"),
        room("Policy", ["Cedar", "Core"]),
        room("Tokens", ["Core"]),
        room("Ledger", ["Core", "Journal", grdb]),
        room("Invoices", ["Core", "Ledger"]),
        room("Drill", ["Core", "Ledger", "Policy"]),
        room("Links", ["Core", "Policy", "Wire", nioCore, nioPosix, nioSSL, nioTLS]),
        room("Providers", ["Core", "Wire", crypto, nioCore]),
        room("Dialects", ["Core", "Wire", nioCore]),
        room("Credentials", ["Core", "Policy", "Wire", asyncHTTPClient, crypto, logging, nioCore, nioHTTP1, nioSSL]),
        room("Fleet", ["Core"]),
        room("Settings", ["Cedar", "Core", "Policy", "Ledger", "Providers", yams]),
        room(
            "Gateway",
            [
                "Core", "Wire", "Dialects", "Journal", "Policy", "Ledger", "Links", "Providers", "Tokens", crypto, logging,
                nioCore,
                nioPosix, nioHTTP1, nioHTTP2, nioSSL, nioTLS,
            ]),
        room("Simulator", [crypto, nioCore, nioPosix, nioHTTP1, yams]),
        room(
            "Console",
            [
                "Core", "Policy", "Ledger", "Journal", "Gateway", "Fleet", hummingbird, hummingbirdCore, httpTypes, logging,
                nioCore, nioHTTP1, asyncHTTPClient,
            ]),
        .executableTarget(
            name: "weir",
            dependencies: [
                "Core", "Cedar", "Credentials", "Wire", "Journal", "Policy", "Ledger", "Links", "Providers", "Fleet", "Settings",
                "Gateway",
                "Simulator", "Invoices", "Drill", "Console", "Tokens", "Witness", arguments, crypto, logging, nioCore, nioPosix,
                nioSSL,
            ],
            swiftSettings: strict),
        room("Witness", ["Journal", hummingbird, httpTypes, logging, nioCore, nioPosix]),
        .executableTarget(name: "weir-verify", dependencies: ["Journal"], swiftSettings: strict),
        .executableTarget(name: "cedar-corpus", dependencies: ["Cedar"], swiftSettings: strict),
        room("TestKit", ["Core", "Journal", nioCore, nioPosix]),
        .executableTarget(name: "journal-bench", dependencies: ["Journal"], path: "Benchmarks/Journal", swiftSettings: strict),
        .executableTarget(
            name: "policy-bench", dependencies: ["Cedar", "Core", "Policy"], path: "Benchmarks/Policy", swiftSettings: strict),
        .executableTarget(
            name: "swap-bench",
            dependencies: ["Cedar", "Core", "Gateway", "Journal", "Ledger", "Policy", logging, nioCore, nioPosix],
            path: "Benchmarks/Swap", swiftSettings: strict),
        .executableTarget(
            name: "dialect-bench", dependencies: ["Core", "Dialects", "Wire", nioCore], path: "Benchmarks/Dialects",
            swiftSettings: strict),
        tests("ArchitectureTests", []),
        tests("CoreTests", ["Core", "TestKit"]),
        tests("CredentialsTests", ["Core", "Credentials", "Policy", "TestKit", "Wire"]),
        tests("CedarTests", ["Cedar", "TestKit", "cedar-corpus"]),
        tests("PolicyTests", ["Cedar", "Core", "Policy", "TestKit"]),
        tests("ProvidersTests", ["Core", "Providers", "TestKit", "Wire", nioCore]),
        tests("DialectsTests", ["Core", "Dialects", "Wire", nioCore]),
        tests("TokensTests", ["Core", "TestKit", "Tokens"]),
        tests("WireTests", ["Core", "Wire", nioCore, nioEmbedded, nioHTTP1]),
        tests("JournalTests", ["Core", "Journal", "TestKit"], exclude: ["Fixtures"]),
        tests("LogTests", ["Core", "Journal", "TestKit", "weir-verify"]),
        tests("WitnessTests", ["Journal", "TestKit", "Witness", logging, nioCore, nioPosix]),
        tests("LedgerTests", ["Core", "Journal", "Ledger", "TestKit", grdb]),
        tests("InvoicesTests", ["Core", "Invoices", "Journal", "Ledger", "Simulator", "TestKit"]),
        tests("DrillTests", ["Core", "Drill", "Ledger", "Policy", "TestKit"]),
        tests(
            "ConsoleTests", ["Console", "Core", "Fleet", "Gateway", "Journal", "Ledger", "Policy", logging, nioCore, nioPosix]),
        tests("SimulatorTests", ["Simulator", nioCore, nioPosix, nioHTTP1]),
        tests("SettingsTests", ["Cedar", "Core", "Ledger", "Policy", "Settings", "TestKit", "Wire", nioCore]),
        tests("FleetTests", ["Core", "Fleet"]),
        tests("EndToEndTests", ["Core", "Journal", "Ledger"], exclude: ["sdk"]),
        tests(
            "GatewayTests",
            [
                "Cedar", "Core", "Credentials", "Gateway", "Journal", "Ledger", "Links", "Policy", "Providers", "Simulator",
                "TestKit", "Tokens", "Wire", crypto, logging,
                nioCore, nioPosix, nioSSL,
            ]),
    ]
)
