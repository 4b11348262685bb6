// Answers verify and sign vectors, one JSON object a line, as a published Node package does.
//
//     node answer.mjs stripe | standardwebhooks | svix
//
// The package is asked as it is documented; its clock stands at the vector's `now`.

import { createInterface } from 'node:readline'
import * as standardwebhooks from 'standardwebhooks'
import StripeClient from 'stripe'
import * as svix from 'svix'

/** The package has no way to be asked this. */
class Skip extends Error {}

class Stripe {
  static scheme = 'stripe'
  static own = [StripeClient.errors.StripeSignatureVerificationError]
  static ignoresTimestamp = true

  constructor(secret) {
    if (typeof secret !== 'string') throw new Skip('takes a secret as text')
    this.secret = secret
    this.webhooks = StripeClient.webhooks
  }

  verify(body, headers, tolerance) {
    const name = Object.keys(headers).find((it) => it.toLowerCase() === 'stripe-signature')
    this.webhooks.signature.verifyHeader(body, name && headers[name], this.secret, tolerance)
  }

  sign(payload, { timestamp }) {
    const header = this.webhooks.generateTestHeaderString({ payload: payload.toString(), secret: this.secret, timestamp })
    return [['Stripe-Signature', header]]
  }
}

class StandardWebhooks {
  static scheme = 'standard-webhooks'
  static own = [standardwebhooks.WebhookVerificationError]
  static ignoresTimestamp = false
  prefix = 'webhook'

  constructor(secret, { Webhook } = standardwebhooks) {
    this.peer = typeof secret === 'string' ? new Webhook(secret) : new Webhook(secret, { format: 'raw' })
  }

  verify(body, headers, tolerance) {
    if (tolerance !== 300) throw new Skip('has no tolerance to set')
    this.peer.verify(body, headers, { jsonParse: false })
  }

  sign(body, { id, timestamp }) {
    return [
      [`${this.prefix}-id`, id],
      [`${this.prefix}-timestamp`, String(timestamp)],
      [`${this.prefix}-signature`, this.peer.sign(id, new Date(timestamp * 1000), body.toString())],
    ]
  }
}

class Svix extends StandardWebhooks {
  static scheme = 'svix'
  static own = [svix.WebhookVerificationError]
  prefix = 'svix'

  constructor(secret) {
    super(secret, svix)
  }
}

const Peer = { stripe: Stripe, standardwebhooks: StandardWebhooks, svix: Svix }[process.argv[2]]
if (!Peer) {
  console.error('usage: node answer.mjs stripe | standardwebhooks | svix')
  process.exit(2)
}

function answer(vector) {
  if (vector.scheme !== Peer.scheme) return { skip: 'another scheme' }
  let at = 'construction'
  try {
    const peer = new Peer(secretOf(vector))
    at = 'use'
    const body = Buffer.from(vector.body_base64, 'base64')
    if (vector.message) return { headers: peer.sign(body, vector.message) }
    Date.now = () => vector.now * 1000
    peer.verify(body, headersOf(vector), toleranceOf(vector))
    return { ok: {} }
  } catch (error) {
    if (error instanceof Skip) return { skip: error.message }
    if (Peer.own.some((kind) => error instanceof kind)) return { error: 'rejected', at }
    return { error: error.constructor.name, at }
  }
}

function secretOf({ secrets }) {
  if (secrets.length !== 1) throw new Skip('takes one secret')
  const [secret] = secrets
  if (/^wh[sp]k_/.test(secret)) throw new Skip('has no Ed25519 keys')
  if (typeof secret === 'string') return secret
  if ('not_before' in secret || 'not_after' in secret) throw new Skip('has no keys with a lifetime')
  switch (secret.type) {
    case undefined:
      return secretOf({ secrets: [secret.value] })
    case 'base64':
      return secret.value
    case 'utf8':
      return new Uint8Array(Buffer.from(secret.value))
    case 'hex':
      return new Uint8Array(Buffer.from(secret.value, 'hex'))
    case 'bytes':
      return new Uint8Array(Buffer.from(secret.value, 'base64'))
    default:
      throw new Skip('has no Ed25519 keys')
  }
}

function headersOf({ headers }) {
  const names = new Set(headers.map(([name]) => name.toLowerCase()))
  if (names.size !== headers.length) throw new Skip('is given one value for each header')
  return Object.fromEntries(headers)
}

function toleranceOf(vector) {
  for (const option of ['future_tolerance', 'max_body', 'require', 'repeat']) {
    if (option in vector) throw new Skip(`has nothing like ${option}`)
  }
  if (vector.dangerously_ignore_timestamp) {
    if (Peer.ignoresTimestamp) return 0
    throw new Skip('can not ignore the timestamp')
  }
  return vector.tolerance ?? 300
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`)
}
