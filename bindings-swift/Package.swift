// swift-tools-version: 6.0
import PackageDescription

// The Rust half is linked from the workspace's target folder: `cargo build --release -p hookseal-swift` makes it.
let target = Context.environment["CARGO_TARGET_DIR"] ?? "\(Context.packageDirectory)/../target"

let package = Package(
    name: "Hookseal",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [
        .library(name: "Hookseal", targets: ["Hookseal"]),
        .executable(name: "hookseal-swift-tool", targets: ["hookseal-swift-tool"]),
    ],
    targets: [
        .systemLibrary(name: "CHookseal"),
        .target(
            name: "HooksealFFI",
            dependencies: ["CHookseal"],
            linkerSettings: [
                .unsafeFlags(["-L\(target)/release"]),
                .linkedLibrary("hookseal_swift"),
            ]
        ),
        .target(name: "Hookseal", dependencies: ["HooksealFFI"]),
        .target(name: "ConformanceKit", dependencies: ["Hookseal"]),
        .executableTarget(name: "hookseal-swift-tool", dependencies: ["ConformanceKit", "Hookseal"]),
        .executableTarget(name: "hookseal-example-server", dependencies: ["Hookseal"]),
        .testTarget(
            name: "HooksealTests",
            dependencies: ["ConformanceKit", "Hookseal", "hookseal-example-server", "hookseal-swift-tool"]),
    ],
    swiftLanguageModes: [.v6]
)
