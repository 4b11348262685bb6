import type { Time } from './convert.js'
import { signedRequest, type SignedRequest } from './request.js'
import { Scheme, schemeOf, type SchemeLike } from './scheme.js'
import { Secret } from './secret.js'

/** A request as a scheme's provider sends it, with what a verifier needs. */
export interface Fixture {
  readonly scheme: Scheme
  /** For `new Verifier({ scheme, secrets })`. */
  readonly secrets: string | Secret
  /** For `verify(…, { now })`, or the option `now` of `webhook()`. */
  readonly now: number
  readonly request: SignedRequest
}

// A key pair for tests only.
const ED25519_SEED = 'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE='
const ED25519_PUBLIC = '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c'

const SECRETS = {
  utf8: 'whsec_demo',
  base64: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
  hex: '00112233445566778899aabbccddeeff',
  'ed25519-public-hex': ED25519_PUBLIC,
}

/** A signed request of one scheme, the same at every call. */
export function fixture(scheme: SchemeLike, options: { timestamp?: Time | undefined } = {}): Fixture {
  const it = schemeOf(scheme)
  const { key, content, versions = [] } = it.toJSON()
  const { timestamp = 1_700_000_000 } = options
  const isForm = [content, ...versions.map((version) => version.content)].some((template) => template?.endsWith('{form:sorted}'))
  const request = signedRequest({
    scheme: it,
    secrets: key === 'ed25519-public-hex' ? Secret.ed25519Private(ED25519_SEED) : SECRETS[key],
    url: 'https://shop.example.com/hooks?source=test',
    ...(isForm ? { body: 'From=%2B15550100&Body=Hi', contentType: 'application/x-www-form-urlencoded' } : { body: '{"id":42,"object":"order"}' }),
    ...(it.toJSON().id && { id: 'evt_test_1' }),
    ...(it.toJSON().type && { eventType: 'order.paid' }),
    timestamp,
  })
  const now = timestamp instanceof Date ? Math.floor(timestamp.getTime() / 1000) : timestamp
  return { scheme: it, secrets: SECRETS[key], now, request }
}

/** One for every built-in scheme. */
export function fixtures(options?: { timestamp?: Time | undefined }): Fixture[] {
  return Scheme.names().map((name) => fixture(name, options))
}
