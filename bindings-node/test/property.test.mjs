// Whatever is signed verifies, and whatever arrives gets a verdict.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'
import * as addon from 'hookseal'
import { edge, withoutEdge } from './support.mjs'

const full = process.env.HOOKSEAL_FULL === '1'
const NOW = 1_700_000_000
const SECRETS = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD']

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const eventType = fc.stringMatching(/^[a-z][a-z_]{0,20}(\.[a-z_]{1,20}){0,3}$/)
const body = fc.oneof(fc.uint8Array({ maxLength: 2000 }), fc.string({ unit: 'grapheme', maxLength: 500 }))
const scheme = fc.constantFrom('hookseal', 'stripe', 'standard-webhooks', 'github', 'slack', 'shopify', 'zendesk', 'svix')
  .filter((name) => addon.Scheme.names().includes(name))
const rubbish = fc.oneof(
  fc.string(), fc.string({ unit: 'binary' }), fc.anything(), fc.constant(undefined), fc.array(fc.string()),
  fc.tuple(fc.constantFrom('t', 'v1', 'v2', 'sha256'), fc.constantFrom('=', ','), fc.string()).map((parts) => parts.join('')),
)

for (const [build, hookseal, skip, runs] of [['addon', addon, false, full ? 50_000 : 3_000], ['edge', edge, withoutEdge, full ? 10_000 : 1_000]]) {
  test(`what is signed verifies, in any container (${build})`, { skip }, () => {
    const { Signer, Verifier } = hookseal
    fc.assert(fc.property(scheme, body, id, eventType, fc.integer({ min: -300, max: 300 }), fc.nat(4), (scheme, body, id, eventType, age, form) => {
      const signer = new Signer({ secrets: SECRETS, scheme })
      const signed = signer.sign(body, { id, eventType, timestamp: NOW - age })
      const containers = [signed, Object.entries(signed), new Headers(signed), new Map(Object.entries(signed)), Object.entries(signed).flat()]
      const verified = new Verifier({ secrets: SECRETS, scheme }).verify(body, containers[form], { now: NOW })
      assert.ok([NOW - age, undefined].includes(verified.timestamp))
      assert.ok([id, undefined].includes(verified.id))
    }), { numRuns: runs })
  })

  test(`whatever arrives, only a VerificationError leaves verify (${build})`, { skip }, () => {
    const { VerificationError, Verifier } = hookseal
    const anything = fc.oneof(body, fc.anything({ withTypedArray: true, withDate: true, withMap: true, withSet: true, withBigInt: true, withNullPrototype: true }))
    fc.assert(fc.property(scheme, anything, fc.dictionary(fc.constantFrom('stripe-signature', 'X-Webhook-Signature', 'x-webhook-id', 'webhook-id', 'webhook-timestamp', 'webhook-signature', 'X-Hub-Signature-256', 'other'), rubbish), rubbish, fc.boolean(), (scheme, body, headers, other, plain) => {
      const verifier = new Verifier({ secrets: SECRETS, scheme, maxBody: 1000 })
      try {
        verifier.verify(body, plain ? headers : other, { now: NOW })
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error
        return
      }
      assert.fail('rubbish was accepted')
    }), { numRuns: runs })
  })

  test(`one changed byte is refused (${build})`, { skip }, () => {
    const { Signer, VerificationError, Verifier } = hookseal
    const signer = new Signer({ secrets: SECRETS })
    const verifier = new Verifier({ secrets: SECRETS })
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (body, place, change) => {
      const headers = signer.sign(body, { timestamp: NOW })
      const changed = Uint8Array.from(body)
      changed[place % body.length] ^= change
      assert.throws(() => verifier.verify(changed, headers, { now: NOW }), (error) => error instanceof VerificationError && error.code === 'no_matching_signature')
    }), { numRuns: runs })
  })
}
