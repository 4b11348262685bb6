// Signing and verifying with every kind of input that a program may have.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import v8 from 'node:v8'
import vm from 'node:vm'
import { test } from 'node:test'

import { ConfigError, diagnose, Key, KeyRing, ReplayGuard, Scheme, Secret, Signer, StoreError, VerificationError, Verifier, WebhookError } from 'hookseal'
import { handleOf } from '../dist/handle.js'

const NOW = 1_700_000_000
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const BODY = '{"id":42,"name":"é"}'
const signer = new Signer({ secrets: SECRET })
const verifier = new Verifier({ secrets: [SECRET] })
const headers = signer.sign(BODY, { id: 'evt_1', eventType: 'order.paid', timestamp: NOW })
const is = (Class, code) => (error) => {
  assert.ok(error instanceof Class, `${error}`)
  assert.equal(error.code, code, error.message)
  return true
}

test('a signature is what any HMAC makes', () => {
  const mac = createHmac('sha256', SECRET).update(`v2:${NOW}:evt_1:order.paid:${BODY}`).digest('hex')
  assert.equal(headers['X-Webhook-Signature'].split(',')[1], `v2=${mac}`)
  assert.deepEqual(Object.keys(headers).sort(), ['X-Webhook-Event', 'X-Webhook-Id', 'X-Webhook-Signature', 'X-Webhook-Timestamp'])
})

test('what is verified says what the signature covers', () => {
  const verified = verifier.verify(BODY, headers, { now: NOW })
  assert.deepEqual({ ...verified }, {
    timestamp: NOW, id: 'evt_1', eventType: 'order.paid', version: 'v2', keyIndex: 0, keyId: undefined,
  })
  const bare = signer.sign(BODY, { timestamp: NOW })
  assert.deepEqual(Object.keys(bare), ['X-Webhook-Signature', 'X-Webhook-Timestamp'])
  const { id, eventType, version } = verifier.verify(BODY, { ...bare, 'x-webhook-id': 'evt_2' }, { now: NOW })
  assert.deepEqual({ id, eventType, version }, { id: undefined, eventType: undefined, version: 'v1' })
})

test('signing without a timestamp and verifying without now use the clock', () => {
  const before = Math.floor(Date.now() / 1000)
  const verified = verifier.verify(BODY, signer.sign(BODY))
  assert.ok(verified.timestamp >= before && verified.timestamp <= Math.ceil(Date.now() / 1000))
})

test('bodies are bytes in any form', () => {
  const bytes = Buffer.from(BODY)
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)
  const elsewhere = vm.runInNewContext('new Uint8Array(bytes)', { bytes: [...bytes] })
  for (const body of [BODY, bytes, new Uint8Array(bytes), Uint8Array.from(bytes).buffer, shared, elsewhere, Buffer.concat([Buffer.from('..'), bytes]).subarray(2)]) {
    assert.equal(verifier.verify(body, headers, { now: NOW }).id, 'evt_1')
  }
  const empty = signer.sign('', { timestamp: NOW })
  for (const body of ['', new Uint8Array(), new ArrayBuffer(0)]) {
    assert.equal(verifier.verify(body, empty, { now: NOW }).version, 'v1')
  }
})

test('bytes that are no UTF-8 and a byte order mark are bytes like others', () => {
  for (const body of [Buffer.from([0xff, 0x00, 0xc3]), Buffer.from('\ufeff{}')]) {
    const signed = signer.sign(body, { timestamp: NOW })
    assert.equal(verifier.verify(body, signed, { now: NOW }).timestamp, NOW)
    const other = Buffer.from(body.toString('utf8').replace('\ufeff', ''))
    assert.throws(() => verifier.verify(other, signed, { now: NOW }), is(VerificationError, 'no_matching_signature'))
  }
})

test('what is no body says how to get the raw one', () => {
  for (const body of [{ id: 42 }, [1], null, undefined, 42, 1n, true, new Date(), () => {}, new Map(), { [Symbol.toStringTag]: 'Uint8Array' }]) {
    assert.throws(() => verifier.verify(body, headers, { now: NOW }), (error) => {
      is(VerificationError, 'body_not_bytes')(error)
      for (const framework of ['Express', 'Fastify', 'Next']) assert.match(error.message, new RegExp(framework))
      return true
    })
    assert.throws(() => signer.sign(body), is(VerificationError, 'body_not_bytes'))
  }
  for (const body of [new Uint16Array(2), new DataView(new ArrayBuffer(2))]) {
    assert.throws(() => verifier.verify(body, headers, { now: NOW }), (error) => is(VerificationError, 'body_not_bytes')(error) && /byteOffset/.test(error.message))
  }
  assert.throws(() => verifier.verify('\ud800', headers, { now: NOW }), is(VerificationError, 'body_not_bytes'))
})

test('headers come in any of their usual forms', () => {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const shouted = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
  const noise = { host: 'example.com', accept: undefined, 'set-cookie': ['a', 'b'] }
  const forms = [
    headers, lower, shouted, { ...noise, ...lower }, new Headers(headers), new Map(Object.entries(shouted)),
    Object.entries(headers), Object.entries(shouted).flat(), Object.entries(lower).map(([name, value]) => [name, Buffer.from(value)]),
    Object.fromEntries(Object.entries(lower).map(([name, value]) => [name, [value]])), new Headers(headers).entries(),
  ]
  for (const form of forms.slice(0, -1)) assert.equal(verifier.verify(BODY, form, { now: NOW }).version, 'v2')
  const v1 = signer.sign(BODY, { timestamp: NOW })['X-Webhook-Signature']
  assert.equal(verifier.verify(BODY, v1, { now: NOW }).version, 'v1')
})

test('a header that is there twice is refused, one that is not there is missing', () => {
  const name = 'X-Webhook-Signature'
  const value = headers[name]
  const twice = [
    { ...headers, [name]: [value, value] }, { ...headers, 'x-webhook-signature': value },
    [...Object.entries(headers), ['x-webhook-SIGNATURE', value]], [...Object.entries(headers).flat(), name, value],
    { 'X-WEBHOOK-SIGNATURE': value, 'x-Webhook-Signature': value }, 'x', { ...headers, [name]: 7 }, { ...headers, [name]: `${value}\u0131` },
  ]
  for (const form of twice) {
    assert.throws(() => verifier.verify(BODY, form, { now: NOW }), is(VerificationError, 'malformed_header'))
  }
  for (const form of [{}, [], new Map(), new Headers(), null, undefined, 7, { [name]: undefined }, { [name]: [] }]) {
    assert.throws(() => verifier.verify(BODY, form, { now: NOW }), is(VerificationError, 'missing_header'))
  }
})

test('a header name of Object.prototype is no header', () => {
  const scheme = Scheme.fromObject({
    name: 'odd', signature: { header: 'constructor', grammar: 'bare' }, content: '{body}',
    versions: [{ label: '', algorithm: 'hmac-sha256', encoding: 'hex' }], key: 'utf8',
  })
  const odd = new Verifier({ secrets: SECRET, scheme })
  assert.throws(() => odd.verify(BODY, {}), is(VerificationError, 'missing_header'))
  assert.equal(odd.verify(BODY, new Signer({ secrets: SECRET, scheme }).sign(BODY)).timestamp, undefined)
})

test('now is seconds or a Date', () => {
  for (const now of [NOW, NOW + 300.9, NOW - 300, new Date(NOW * 1000), new Date((NOW + 300) * 1000)]) {
    assert.equal(verifier.verify(BODY, headers, { now }).timestamp, NOW)
  }
  assert.throws(() => verifier.verify(BODY, headers, { now: NOW + 301 }), is(VerificationError, 'timestamp_too_old'))
  assert.throws(() => verifier.verify(BODY, headers, { now: NOW - 300.5 }), is(VerificationError, 'timestamp_in_future'))
  for (const now of [NaN, Infinity, -Infinity, 1e300, new Date(NaN), '1700000000', 1n, null, {}]) {
    assert.throws(() => verifier.verify(BODY, headers, { now }), is(ConfigError, 'invalid_config'))
    assert.throws(() => signer.sign(BODY, { timestamp: now }), is(ConfigError, 'invalid_config'))
  }
  assert.throws(() => signer.sign(BODY, { timestamp: -1 }), is(ConfigError, 'invalid_config'))
})

test('options that can not be are refused by name', () => {
  const bad = [
    { tolerance: NaN }, { tolerance: -1 }, { tolerance: 0.5 }, { tolerance: 2 ** 32 }, { tolerance: '300' }, { futureTolerance: Infinity },
    { maxBody: -1 }, { maxBody: 0.5 }, { maxBody: NaN }, { require: 'v9' }, { require: 1 }, { replay: {} }, { dangerouslyIgnoreTimestamp: 1 },
  ]
  for (const option of bad) {
    const [name] = Object.keys(option)
    assert.throws(() => new Verifier({ secrets: SECRET, ...option }), (error) => {
      is(ConfigError, 'invalid_config')(error)
      assert.match(error.message, new RegExp(name.replace(/[A-Z]/, (letter) => `(${letter}|_${letter.toLowerCase()})`)))
      return true
    }, name)
  }
  assert.throws(() => new Verifier({ secrets: SECRET, tolerence: 1 }), /there is no option "tolerence"/)
  assert.throws(() => new Verifier({ secrets: SECRET, constructor: 1 }), is(ConfigError, 'invalid_config'))
  for (const options of [undefined, null, 1, SECRET]) assert.throws(() => new Verifier(options), is(ConfigError, 'invalid_config'))
  assert.throws(() => new Verifier({}), is(ConfigError, 'empty_secret'))
  assert.throws(() => new Verifier({ secrets: [] }), is(ConfigError, 'invalid_config'))
  assert.throws(() => new Verifier({ secrets: [''] }), is(ConfigError, 'empty_secret'))
  assert.throws(() => new Signer({ secrets: [42] }), is(ConfigError, 'malformed_secret'))
  assert.throws(() => new Signer({ secrets: SECRET, scheme: 'no-such' }), is(ConfigError, 'unknown_scheme'))
  assert.throws(() => new Signer({ secrets: SECRET, scheme: 42 }), is(ConfigError, 'invalid_scheme'))
  assert.throws(() => new Signer({ secrets: SECRET, also: [{}] }), is(ConfigError, 'invalid_config'))
  for (const option of [{ id: 'a.b' }, { id: '' }, { eventType: 'a:b' }]) {
    assert.throws(() => signer.sign(BODY, option), (error) => error.code === 'invalid_event')
  }
  assert.throws(() => signer.sign(BODY, { id: 42 }), is(ConfigError, 'invalid_config'))
})

test('schemes are data', () => {
  const names = Scheme.names()
  assert.ok(names.includes('stripe') && names.length >= 20)
  assert.deepEqual(names, [...names].sort())
  for (const name of names) assert.equal(Scheme.fromObject(new Scheme(name).toJSON()).name, name)
  const document = { ...new Scheme('stripe').toJSON(), name: 'mine' }
  const signed = new Signer({ secrets: SECRET, scheme: document }).sign(BODY, { timestamp: NOW })
  assert.equal(new Verifier({ secrets: SECRET, scheme: 'stripe' }).verify(BODY, signed, { now: NOW }).version, 'v1')
  assert.throws(() => Scheme.fromObject({ ...document, colour: 'red' }), /colour/)
  assert.throws(() => Scheme.fromObject({ ...document, versions: NaN }), is(ConfigError, 'invalid_scheme'))
  for (const odd of [undefined, null, 1n, [], 'stripe']) assert.throws(() => Scheme.fromObject(odd), is(ConfigError, 'invalid_scheme'))
})

test('several schemes are signed side by side', () => {
  const stripe = new Signer({ secrets: SECRET, scheme: 'stripe' })
  const both = new Signer({ secrets: SECRET, also: stripe }).sign(BODY, { timestamp: NOW })
  assert.ok(both['Stripe-Signature'] && both['X-Webhook-Signature'])
  assert.throws(() => new Signer({ secrets: SECRET, also: [signer] }), is(ConfigError, 'invalid_config'))
  const ended = new Signer({ secrets: SECRET, until: new Date((NOW - 1) * 1000) })
  assert.throws(() => ended.sign(BODY, { timestamp: NOW }), is(ConfigError, 'invalid_config'))
})

test('a ring is rotated and revoked while signers and verifiers use it', () => {
  const ring = new KeyRing([new Key('whsec_old', { id: 'old' })])
  const signs = new Signer({ secrets: ring })
  const verifies = new Verifier({ secrets: ring })
  const before = signs.sign(BODY, { timestamp: NOW })
  ring.rotate(new Key('whsec_new', { id: 'new' }), { overlap: 3600, now: NOW })
  const verified = verifies.verify(BODY, before, { now: NOW })
  assert.deepEqual([verified.keyIndex, verified.keyId, verified.timestamp], [1, 'old', NOW])
  assert.equal(verifies.verify(BODY, signs.sign(BODY, { timestamp: NOW }), { now: NOW }).keyId, 'new')
  assert.deepEqual(ring.stats(), [
    { id: 'new', notBefore: undefined, notAfter: undefined, matches: 1, lastMatch: NOW },
    { id: 'old', notBefore: undefined, notAfter: NOW + 3600, matches: 1, lastMatch: NOW },
  ])
  ring.revoke('old')
  assert.throws(() => verifies.verify(BODY, before, { now: NOW }), is(VerificationError, 'no_matching_signature'))
  assert.throws(() => ring.revoke('old'), is(StoreError, 'not_found'))
  assert.throws(() => ring.revoke('new'), is(ConfigError, 'invalid_config'))
  for (const options of [undefined, {}, { overlap: -1 }, { overlap: NaN }, { overlap: '1' }, { overlap: 1, now: NaN }]) {
    assert.throws(() => ring.rotate('whsec_x', options), is(ConfigError, 'invalid_config'))
  }
  assert.throws(() => new Signer({ secrets: ring, scheme: 'stripe' }), is(ConfigError, 'invalid_config'))
})

test('typed keys override the scheme', () => {
  const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
  const same = [Secret.base64(SECRET), Secret.hex(key.toString('hex')), Secret.bytes(key), new Key(Secret.bytes(new Uint8Array(key)))]
  const standard = new Signer({ secrets: SECRET, scheme: 'standard-webhooks' }).sign(BODY, { id: 'msg_1', timestamp: NOW })
  for (const secrets of same) {
    assert.equal(new Verifier({ secrets, scheme: 'standard-webhooks' }).verify(BODY, standard, { now: NOW }).id, 'msg_1')
  }
  assert.match(Secret.generate().expose(), /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.equal(Secret.utf8(' odd ').expose(), ' odd ')
  for (const text of ['"quoted"', ' blank', 'v1,whsec_x']) assert.throws(() => new Secret(text), is(ConfigError, 'malformed_secret'))
  for (const text of [undefined, null, '', '  ']) assert.throws(() => new Secret(text), is(ConfigError, 'empty_secret'))
  assert.throws(() => Secret.utf8('\ud800'), is(ConfigError, 'malformed_secret'))
  assert.throws(() => Secret.bytes('text'), is(ConfigError, 'malformed_secret'))
  assert.throws(() => Secret.bytes(new Uint8Array()), is(ConfigError, 'empty_secret'))
})

test('a replay guard refuses the copy, and lets it in again when it is released', () => {
  const replay = new ReplayGuard({ capacity: 2 })
  const guarded = new Verifier({ secrets: SECRET, replay })
  const verified = guarded.verify(BODY, headers, { now: NOW })
  assert.equal(verified.id, 'evt_1')
  assert.throws(() => guarded.verify(BODY, headers, { now: NOW }), is(VerificationError, 'replayed'))
  replay.release(verified)
  replay.release(verifier.verify(BODY, headers, { now: NOW })) // without a claim: nothing to do
  assert.equal(guarded.verify(BODY, headers, { now: NOW }).id, 'evt_1')
  const other = signer.sign('{}', { id: 'evt_2', eventType: 'a', timestamp: NOW })
  assert.throws(() => guarded.verify('{}', other, { now: NOW }), (error) => is(StoreError, 'storage_full')(error) && error.retryable)
  for (const capacity of [0, -1, NaN, '1']) assert.throws(() => new ReplayGuard({ capacity }), is(ConfigError, 'invalid_config'))
})

test('secrets are never shown', () => {
  const canary = 'whsec_canaryCanaryCanaryCanary0='
  const secret = new Secret(canary)
  const key = new Key(canary, { id: 'k' })
  const ring = new KeyRing(key)
  const things = [secret, Secret.utf8(canary), key, ring, new Signer({ secrets: ring }), new Verifier({ secrets: canary })]
  const shown = things.flatMap((thing) => [
    inspect(thing, { depth: 9, showHidden: true }), `${thing}`, JSON.stringify(thing), JSON.stringify(Object.getOwnPropertyDescriptors(thing)),
  ])
  for (const make of [() => new Secret(` ${canary}`), () => Secret.hex(canary), () => Secret.ed25519Public(canary), () => new Verifier({ secrets: canary, scheme: 'discord' }), () => new Signer({ secrets: `sk_${canary}`, scheme: 'stripe' })]) {
    assert.throws(make, (error) => shown.push(inspect(error), error.stack, JSON.stringify(error)) > 0)
  }
  assert.throws(() => new Verifier({ secrets: canary }).verify(BODY, headers, { now: NOW }), (error) => shown.push(inspect(error)) > 0)
  for (const text of shown) assert.doesNotMatch(text ?? '', /canary/i)
  assert.equal(inspect(key), "Key {\n  secret: Secret([REDACTED]),\n  id: 'k',\n  notBefore: undefined,\n  notAfter: undefined\n}")
  assert.equal(secret.expose(), canary)
})

test('errors are real classes', () => {
  try {
    verifier.verify(BODY, {}, { now: NOW })
    assert.fail()
  } catch (error) {
    assert.ok(error instanceof VerificationError && error instanceof WebhookError && error instanceof Error)
    assert.ok(!(error instanceof ConfigError))
    assert.equal(`${error}`, 'VerificationError: the header X-Webhook-Signature is missing')
    assert.equal(error.retryable, false)
    assert.match(error.stack, /seal\.test\.mjs/)
  }
})

test('native objects are freed with their owners', async () => {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('gc')
  const ROUNDS = 200
  let highest = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let count = 0; count < 100; count += 1) highest = Math.max(highest, handleOf(new Secret('whsec_demo')))
    collect()
    await new Promise(setImmediate)
  }
  assert.ok(highest < ROUNDS * 50, `${ROUNDS * 100} secrets were made, and one has the handle ${highest}`)
})

test('diagnose names the accident behind a refusal', () => {
  const pretty = '{"id": 42}'
  const signed = signer.sign(pretty, { timestamp: NOW })
  const options = { secrets: SECRET, now: NOW }
  assert.deepEqual(diagnose(pretty, signed, options), [])
  const forms = [signed, new Headers(signed), Object.entries(signed), Object.entries(signed).flat(), signed['X-Webhook-Signature']]
  for (const form of forms) {
    const [{ cause, message }] = diagnose('{"id":42}', form, options)
    assert.equal(cause, 'body_reserialized')
    assert.doesNotMatch(message, /MfKQ9r8/)
  }
  assert.equal(diagnose(pretty, signed, { secrets: [new Secret(SECRET)], now: NOW + 3600 })[0].cause, 'clock')
  assert.throws(() => diagnose({}, signed, options), is(VerificationError, 'body_not_bytes'))
  assert.throws(() => diagnose(pretty, signed, { ...options, colour: 'red' }), is(ConfigError, 'invalid_config'))
  for (const nothing of [null, undefined, 7]) assert.ok(diagnose(pretty, nothing, options).length >= 0)
})
