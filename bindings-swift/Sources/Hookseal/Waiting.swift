internal import HooksealFFI

/// Waits for the core in a way that a cancelled task can leave.
func waiting<T: Sendable>(_ call: (NativeWait) async throws -> T) async throws -> T {
    let wait = NativeWait()
    return try await withTaskCancellationHandler {
        do {
            return try await call(wait)
        } catch NativeError.Cancelled {
            throw CancellationError()
        } catch {
            throw WebhookError(error)
        }
    } onCancel: {
        wait.cancel()
    }
}
