import native = require('../native.js')
import { checkOptions } from './convert.js'
import { recordOf, type DeadReason } from './delivery.js'
import { errorOf, unwrap } from './errors.js'
import { jsonOf, toSnakeCase } from './json.js'

/** How often, how long and after which failures a delivery is attempted again. Times are seconds. */
export interface RetryPolicy {
  /** The delay after the first failure: 1. */
  initial?: number | undefined
  /** By how much each delay exceeds the one before: 2. */
  factor?: number | undefined
  /** The longest delay before jitter: 60. */
  max?: number | undefined
  /** The delays themselves, in place of the three above. */
  schedule?: readonly number[] | undefined
  /** The attempts, the first one included: 5. */
  maxAttempts?: number | undefined
  /** How long after its acceptance a delivery may be attempted: 600. */
  maxAge?: number | undefined
  /** By which share of itself each delay is moved at random: 0.2. */
  jitter?: number | 'full' | 'none' | undefined
  /** `transient`: transport errors, 408, 425, 429 and 5xx; `any_failure`: all but 410 and 413. */
  retryOn?: 'transient' | 'any_failure' | undefined
}

export const RetryPolicy = {
  /** One attempt. */
  none: (): RetryPolicy => ({ maxAttempts: 1 }),
  /** These delays in seconds, each counted from the failure before it. */
  schedule: (delays: readonly number[]): RetryPolicy => ({ schedule: delays }),
  /** At once, then after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, for any failure, within 4 days. */
  standard: (): RetryPolicy => recordOf(unwrap(native.standardRetryPolicy())),
}

export interface PlanOptions {
  /** For how many seconds from the acceptance on the receiver answers 503; then it answers 200. */
  outage: number
  /** What jitter is drawn from, a whole number from 0 on: 0. */
  seed?: number | undefined
}

/** What a policy does through an outage. */
export interface Plan {
  /** The moments of the attempts, in seconds since the acceptance. */
  readonly attempts: readonly number[]
  /** Why the delivery died; nothing where the last attempt delivered it. */
  readonly reason: DeadReason | undefined
}

/** Acts a policy out, without a network and without waiting. */
export function plan(policy: RetryPolicy, options: PlanOptions): Plan {
  if (typeof policy !== 'object' || policy === null) throw errorOf('invalid_config', 'the policy must be an object')
  checkOptions(options, { outage: 'number', seed: 'number' })
  if (options.outage === undefined) throw errorOf('invalid_config', 'plan needs the option outage, in seconds')
  const record = jsonOf(toSnakeCase(policy), 'invalid_config', 'policy')
  return recordOf(unwrap(native.plan(record, options.outage, options.seed ?? 0)))
}

/** How many attempts an endpoint takes per second. */
export type RateLimit = number | { perSecond: number; burst?: number | undefined }

/** When an endpoint that keeps failing is left alone. */
export interface Breaker {
  /** So many failures in a row open its circuit: 5. */
  failures?: number | undefined
  /** For so many seconds nothing is attempted: 60. */
  openFor?: number | undefined
  /** Then so many successes, one attempt at a time, close it: 3. */
  successes?: number | undefined
}
