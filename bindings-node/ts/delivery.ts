import { toCamelCase } from './json.js'

/** What one attempt can fail of; `spec/errors.json` says what to do about each. */
export type AttemptCode =
  | 'dns_not_found' | 'dns_timeout' | 'dns_failure' | 'connection_refused' | 'connect_timeout' | 'connection_reset'
  | 'network_unreachable' | 'tls_certificate_expired' | 'tls_certificate_untrusted' | 'tls_name_mismatch'
  | 'tls_handshake' | 'write_timeout' | 'response_timeout' | 'http_protocol' | 'response_head_too_large'
  | 'redirect_not_followed' | 'http_status' | 'blocked_address' | 'invalid_config'
  | 'internal'

/** One attempt of a delivery. Times are seconds. */
export interface Attempt {
  /** Counted from 1. */
  readonly number: number
  /** When it was signed, in Unix seconds. */
  readonly startedAt: number
  readonly outcome: 'succeeded' | 'failed'
  readonly error: AttemptCode | undefined
  readonly statusCode: number | undefined
  /** How far it came. */
  readonly phase: 'resolve' | 'connect' | 'exchange' | 'body'
  readonly duration: number
  /** How long the receiver asked to wait. */
  readonly retryAfter: number | undefined
  readonly responseHeaders: readonly (readonly [string, string])[]
  /** The first 16 KiB of the answer. */
  readonly responseBody: string
}

/** Why a delivery was given up. */
export type DeadReason =
  | 'attempts_exhausted' | 'max_age' | 'gone' | 'payload_rejected' | 'rejected' | 'blocked_address' | 'internal'

/** What became of a delivery. One that failed after attempts is no exception: its status says so. */
export interface Delivery {
  /** The same at every attempt, and in the header `X-Webhook-Id`. */
  readonly id: string
  readonly eventType: string
  /** The endpoint's id: the one that it was given, or its URL. */
  readonly endpoint: string
  /** `pending` only until it is finished, or where `close` handed it back. */
  readonly status: 'pending' | 'delivered' | 'dead' | 'cancelled'
  readonly reason: DeadReason | undefined
  readonly attempts: readonly Attempt[]
}

/** Something that happened in a sender. */
export interface SenderEvent {
  readonly type:
    | 'delivery.queued' | 'delivery.attempt' | 'delivery.succeeded' | 'delivery.retrying' | 'delivery.dead'
    | 'endpoint.disabled' | 'circuit.opened' | 'circuit.half_open' | 'circuit.closed'
  /** The endpoint's id. */
  readonly endpoint: string
  /** The delivery's id, where it concerns one. */
  readonly delivery: string | undefined
  readonly eventType: string | undefined
  /** The attempt that was made (`delivery.attempt`). */
  readonly attempt: Attempt | undefined
  /** Seconds until the next attempt (`delivery.retrying`). */
  readonly retryIn: number | undefined
  /** Why it is dead (`delivery.dead`). */
  readonly reason: DeadReason | undefined
}

/** The record in a JSON text, with the names of this language. */
export function recordOf<T>(json: string): T {
  return toCamelCase(JSON.parse(json)) as T
}
