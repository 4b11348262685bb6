import native = require('../native.js')
import { bytesOf, checkOptions, optionalTextOf, secondsOf, textOf, type Body, type Time } from './convert.js'
import { unwrap } from './errors.js'
import { handleOf } from './handle.js'
import { allOf, type HeadersLike } from './headers.js'
import { schemeOf, type SchemeLike } from './scheme.js'
import { Secret } from './secret.js'

export interface DiagnoseOptions {
  /** Plain secrets, which are read in several ways. */
  secrets: string | Secret | readonly (string | Secret)[]
  scheme?: SchemeLike | undefined
  url?: string | undefined
  now?: Time | undefined
}

/** A likely cause, in plain words. */
export interface Finding {
  /** The kind of accident: a stable name such as `body_reserialized`. */
  readonly cause: string
  /** What happened and what to do. */
  readonly message: string
}

/**
 * Names likely causes of a refused verification, the likeliest first; none when it passes or nothing explains it.
 * A tool for development: a finding is never an acceptance.
 */
export function diagnose(body: Body, headers: HeadersLike, options: DiagnoseOptions): Finding[] {
  checkOptions(options, { secrets: 'any', scheme: 'any', url: 'string', now: 'any' })
  const scheme = schemeOf(options.scheme)
  const pairs = allOf(headers, scheme.toJSON().signature.header)
  const secrets = [options.secrets].flat() as (string | Secret)[]
  return unwrap(native.diagnose(
    bytesOf(body),
    pairs.map(([name]) => name),
    pairs.map(([, value]) => value),
    secrets.map((secret) => (secret instanceof Secret ? secret.expose() : textOf('a secret', secret))),
    handleOf(scheme),
    secondsOf('now', options.now),
    optionalTextOf('url', options.url),
  ))
}
