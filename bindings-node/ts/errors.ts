import native = require('../native.js')

/** The stable codes of everything that can be thrown; `spec/errors.json` says what to do about each. */
export type ErrorCode = VerificationCode | ConfigCode | SendCode | StoreCode | 'forked' | 'internal'

export type VerificationCode =
  | 'missing_header' | 'malformed_header' | 'header_too_large' | 'too_many_signatures'
  | 'missing_timestamp' | 'duplicate_timestamp' | 'malformed_timestamp' | 'unsupported_version'
  | 'malformed_signature' | 'no_matching_signature' | 'timestamp_too_old' | 'timestamp_in_future'
  | 'replayed' | 'body_too_large' | 'body_not_bytes' | 'missing_url'

export type ConfigCode = 'empty_secret' | 'malformed_secret' | 'unknown_scheme' | 'invalid_scheme' | 'invalid_config'

export type SendCode =
  | 'invalid_url' | 'invalid_header' | 'invalid_event' | 'blocked_address' | 'payload_too_large' | 'queue_full' | 'closed'

export type StoreCode =
  | 'storage_unavailable' | 'storage_busy' | 'storage_full' | 'conflict' | 'not_found' | 'unsupported_schema'

/** The base of every error of this package. */
export class WebhookError extends Error {
  /** The stable name of what went wrong. */
  readonly code: ErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, retryable = false) {
    super(message)
    this.name = new.target.name
    this.code = code
    this.retryable = retryable
  }
}

/** A received webhook was refused. */
export class VerificationError extends WebhookError {
  declare readonly code: VerificationCode
}

/** A constructor was given something that can not work. */
export class ConfigError extends WebhookError {
  declare readonly code: ConfigCode
}

/** An event was refused before any attempt to send it. */
export class SendError extends WebhookError {
  declare readonly code: SendCode
}

/** A store, or the memory of a replay guard, could not do what was asked. */
export class StoreError extends WebhookError {
  declare readonly code: StoreCode
}

const CLASSES: Record<string, typeof WebhookError> = {
  verification: VerificationError,
  configuration: ConfigError,
  sending: SendError,
  store: StoreError,
}

/** The error that a failure of the native half stands for. */
export function errorFrom(failure: native.Failure): WebhookError {
  const Class = CLASSES[failure.kind] ?? WebhookError
  return new Class(failure.code as ErrorCode, failure.message, failure.retryable)
}

/** An error of that code, for what is found wrong on this side. */
export function errorOf(code: ErrorCode, message: string): WebhookError {
  return errorFrom(native.failureOf(code, message))
}

/** The value of a tagged result, or its failure as an exception. */
export function unwrap<T extends string | number | boolean | unknown[]>(result: T | native.Failure): T {
  if (typeof result === 'object' && !Array.isArray(result)) throw errorFrom(result)
  return result
}
