// Whatever arrives, verify gives a verdict or throws a VerificationError.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Signer, VerificationError, Verified, Verifier } from 'hookseal'

const ROUNDS = process.env.HOOKSEAL_FULL === '1' ? 400_000 : 20_000
const SEED = Number(process.env.HOOKSEAL_SEED ?? 20_261_122)
const NOW = 1_700_000_000
const SECRETS = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']

/** A small generator with a seed (splitmix32). */
function generator(seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
  return { below: (limit) => next() % limit, pick: (list) => list[next() % list.length] }
}

const PIECES = ['t=', 'v1=', 'v2=', 'v0=', ',', ';', '=', ' ', '\t', '1700000000', '-1', '1e9', '', '\0', 'é', '\u{1f512}', '\ud800', 'v1,', 'sha256=', 'ab'.repeat(32), 'z'.repeat(9000)]

test('only a VerificationError leaves verify', () => {
  const random = generator(SEED)
  const pairs = ['hookseal', 'stripe', 'standard-webhooks', 'github', 'slack', 'zendesk', 'workos'].map((scheme) => [
    new Signer({ secrets: SECRETS, scheme }),
    new Verifier({ secrets: SECRETS, scheme, maxBody: 512 }),
  ])
  const counts = { accepted: 0, codes: {} }
  for (let round = 0; round < ROUNDS; round += 1) {
    const [signer, verifier] = random.pick(pairs)
    const body = Buffer.from(Array.from({ length: random.below(24) }, () => random.below(256)))
    const near = round % 2 === 0
    const headers = signer.sign(body, { id: 'evt_1', eventType: 'order.paid', timestamp: NOW })
    if (near) mutate(random, headers)
    else for (const name of Object.keys(headers)) headers[name] = rubbish(random)
    try {
      const verified = verifier.verify(random.pick([body, body.toString('latin1'), new Uint8Array(body)]), shape(random, headers), { now: NOW })
      assert.ok(verified instanceof Verified)
      counts.accepted += 1
    } catch (error) {
      if (!(error instanceof VerificationError)) throw new Error(`seed ${SEED}, round ${round}: ${error}`, { cause: error })
      counts.codes[error.code] = (counts.codes[error.code] ?? 0) + 1
    }
  }
  console.log(`fuzz: ${ROUNDS} rounds, ${counts.accepted} accepted, ${Object.keys(counts.codes).length} codes`)
  assert.ok(counts.accepted > ROUNDS / 100, 'nothing near a good header was tried')
  assert.ok(Object.keys(counts.codes).length >= 8, JSON.stringify(counts.codes))
})

function mutate(random, headers) {
  const name = random.pick(Object.keys(headers))
  const text = headers[name]
  const at = random.below(text.length + 1)
  headers[name] = random.pick([
    () => text,
    () => text.slice(0, at) + text.slice(at + 1),
    () => text.slice(0, at) + random.pick(PIECES) + text.slice(at),
    () => text + ',' + text,
    () => text.toUpperCase(),
    () => [text],
    () => [text, text],
    () => undefined,
    () => null,
    () => Number(at),
    () => Symbol('header'),
    () => ({ toString: () => { throw new Error('hostile') } }),
  ])()
}

function rubbish(random) {
  return Array.from({ length: random.below(6) }, () => random.pick(PIECES)).join('')
}

function shape(random, headers) {
  return random.pick([
    () => headers,
    () => Object.entries(headers),
    () => Object.entries(headers).flat(),
    () => new Map(Object.entries(headers)),
    () => ({ get: (name) => headers[Object.keys(headers).find((key) => key.toLowerCase() === name)] }),
    () => Object.values(headers)[0],
    () => new Proxy(headers, { get: (target, name) => { if (random.below(2)) throw new Error('hostile'); return target[name] } }),
    () => random.pick([null, undefined, 7, [], {}, '', [null], [[]], [['a']], Symbol('headers'), () => {}]),
  ])()
}
