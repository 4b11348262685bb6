import ConformanceKit
import Foundation
import Hookseal
import Testing

/// The checkout that these tests stand in.
let checkout = URL(filePath: #filePath).appending(path: "../../../..").standardizedFileURL

@Suite struct ConformanceTests {
    @Test func everyVectorHasItsVerdict() throws {
        var count = 0
        for (file, json) in try jsonFiles(in: "spec/vectors") {
            let tests = try #require(json["tests"] as? [Judge.JSON], "\(file)")
            for test in tests {
                let expected = try #require(test["expect"] as? Judge.JSON, "\(file)")
                let (verdict, wanted) = try judge(test, expected, schema: json["schema"] as? String)
                #expect(
                    verdict == wanted, "\(file) \(test["id"] ?? ""): \(test["comment"] ?? "") \(test["flags"] ?? "")")
                count += 1
            }
        }
        print("conformance: \(count) vectors")
        #expect(try vectorsInFiles() == count)
        #expect(count > 0)
    }

    private func judge(_ test: Judge.JSON, _ expected: Judge.JSON, schema: String?) throws -> (String, String) {
        switch schema {
        case "verify-1":
            return (line(Judge.verify(test)), line(expected))
        case "sign-1":
            var expected = expected
            expected["headers"] = (expected["headers"] as? [[String]])?.sorted { $0[0] < $1[0] }
            return (line(Judge.sign(test)), line(expected))
        default:
            Issue.record("no such schema: \(schema ?? "none")")
            return ("", "")
        }
    }

    /// Counted from the text, not from what was parsed and run.
    private func vectorsInFiles() throws -> Int {
        try jsonFiles(in: "spec/vectors").map { file, _ in
            let text = try String(contentsOf: checkout.appending(path: "spec/vectors/\(file)"), encoding: .utf8)
            return text.matches(of: /"expect"\s*:/).count
        }.reduce(0, +)
    }

    private func jsonFiles(in folder: String) throws -> [(String, Judge.JSON)] {
        let folder = checkout.appending(path: folder)
        let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try names.filter { $0.hasSuffix(".json") }.sorted().map { name in
            let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: name)))
            return (name, try #require(json as? Judge.JSON, "\(name)"))
        }
    }
}
