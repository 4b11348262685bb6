import Foundation
import Hookseal
import Testing

@Suite struct ErrorCodeTests {
    struct List: Decodable {
        struct Entry: Decodable {
            let code: String
            let kind: String
            let onlyUntyped: Bool?
        }
        let codes: [Entry]
    }

    /// What `spec/errors.json` declares, this package has, and nothing else.
    @Test func declaredCodesAreHandled() throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let list = try decoder.decode(List.self, from: Data(contentsOf: checkout.appending(path: "spec/errors.json")))
        let declared = list.codes.filter { $0.onlyUntyped != true }

        #expect(Set(declared.map(\.code)) == Set(ErrorCode.all.map(\.rawValue)))
        #expect(ErrorCode.all.count == declared.count)
        for entry in declared where entry.kind != "attempt" {
            #expect(WebhookError.Kind(rawValue: entry.kind) != nil, "\(entry.code)")
        }
    }

    @Test func aCodeComparesWithItsText() {
        #expect(ErrorCode.noMatchingSignature == "no_matching_signature")
        #expect("\(ErrorCode.invalidURL)" == "invalid_url")
    }
}
