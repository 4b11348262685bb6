import Foundation

/// The system's SQLite, as another program's driver: not the one that the package brings, which no process may use
/// beside it on the same file.
struct SystemSQLite {
    private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<OpaquePointer?>) -> CInt
    private typealias Prepare = @convention(c) (
        OpaquePointer?, UnsafePointer<CChar>, CInt, UnsafeMutablePointer<OpaquePointer?>, OpaquePointer?
    ) -> CInt
    private typealias BindText = @convention(c) (OpaquePointer?, CInt, UnsafePointer<CChar>, CInt, Int) -> CInt
    private typealias BindBlob = @convention(c) (OpaquePointer?, CInt, UnsafeRawPointer?, CInt, Int) -> CInt
    private typealias BindInteger = @convention(c) (OpaquePointer?, CInt, Int64) -> CInt
    private typealias Step = @convention(c) (OpaquePointer?) -> CInt

    private let library: UnsafeMutableRawPointer
    private var connection: OpaquePointer?

    /// What copies the bytes that it is given.
    private static let transient = -1

    init(path: String) throws {
        guard let library = dlopen("libsqlite3.so.0", RTLD_NOW) ?? dlopen("libsqlite3.dylib", RTLD_NOW) else {
            throw Failure(call: "dlopen", status: 0)
        }
        self.library = library
        try done("sqlite3_open", function("sqlite3_open", as: Open.self)(path, &connection))
    }

    /// Runs one statement to its end.
    func run(_ sql: String, _ params: [Param] = []) throws {
        var statement: OpaquePointer?
        try done(
            "sqlite3_prepare_v2", function("sqlite3_prepare_v2", as: Prepare.self)(connection, sql, -1, &statement, nil)
        )
        for (index, param) in params.enumerated() {
            try done("sqlite3_bind", bind(statement, CInt(index + 1), param))
        }
        try done("sqlite3_step", function("sqlite3_step", as: Step.self)(statement))
        try done("sqlite3_finalize", function("sqlite3_finalize", as: Step.self)(statement))
    }

    private func bind(_ statement: OpaquePointer?, _ index: CInt, _ param: Param) throws -> CInt {
        switch param {
        case .null: return 0  // as it is
        case .integer(let value):
            return try function("sqlite3_bind_int64", as: BindInteger.self)(statement, index, value)
        case .text(let value):
            return try function("sqlite3_bind_text", as: BindText.self)(statement, index, value, -1, Self.transient)
        case .blob(let value):
            let bind = try function("sqlite3_bind_blob", as: BindBlob.self)
            return value.withUnsafeBytes {
                bind(statement, index, $0.baseAddress, CInt($0.count), Self.transient)
            }
        }
    }

    private func function<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let symbol = dlsym(library, name) else { throw Failure(call: name, status: 0) }
        return unsafeBitCast(symbol, to: type)
    }

    private func done(_ call: String, _ status: CInt) throws {
        let (ok, end): (CInt, CInt) = (0, 101)  // SQLITE_OK, SQLITE_DONE
        guard [ok, end].contains(status) else { throw Failure(call: call, status: status) }
    }

    enum Param: Codable {
        case null
        case integer(Int64)
        case text(String)
        case blob(Data)
    }

    struct Failure: Error {
        let call: String
        let status: CInt
    }
}

/// A statement to run inside a transaction, which then ends as `end` says.
struct Transaction: Codable {
    let path: String
    let sql: String
    let params: [SystemSQLite.Param]
    let end: String

    func run() throws {
        let connection = try SystemSQLite(path: path)
        try connection.run("BEGIN")
        try connection.run(sql, params)
        try connection.run(end)
    }
}
