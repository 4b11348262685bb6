// The sender, over loopback.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { inspect } from 'node:util'

import { ConfigError, Endpoint, Key, KeyRing, RetryPolicy, Secret, Sender, SendError, Signer, Verifier, WebhookError } from 'hookseal'
import { playDeliveries } from './scenarios.mjs'
import { startReceiver } from './support.mjs'

const SECRETS = ['whsec_demo']
const is = (Class, code) => (error) => {
  assert.ok(error instanceof Class && error instanceof WebhookError, `${error}`)
  assert.equal(error.code, code, error.message)
  return true
}
let receiver
before(async () => { receiver = await startReceiver() })
after(() => receiver.stop())

/** An address of the scripted receiver that plays a scenario. */
function play(scenario) {
  const run = randomUUID()
  return { url: `${receiver.url}/s/${scenario}/${run}/hook`, requests: () => receiver.records(run) }
}

async function withSender(options, use) {
  const sender = new Sender({ allowPrivate: true, ...options })
  try {
    return await use(sender)
  } finally {
    await sender.close({ grace: 0 })
  }
}

test('every delivery scenario ends as it must', () => playDeliveries('deliveries', receiver))

test('what is sent verifies at the other end', async () => {
  const { url, requests } = play('third')
  const events = []
  const delivery = await withSender({ onEvent: (event) => events.push(event), retry: RetryPolicy.schedule([0.01, 0.01]), userAgent: 'demo/1' }, (sender) =>
    sender.send({ url, secrets: SECRETS, headers: { 'X-Custom': 'yes' }, bearer: 'token' }, 'order.paid', { id: 42 }, { id: 'evt_1' }))
  assert.deepEqual([delivery.id, delivery.eventType, delivery.endpoint, delivery.status, delivery.reason], ['evt_1', 'order.paid', url, 'delivered', undefined])
  assert.deepEqual(delivery.attempts.map(({ number, outcome, error, statusCode }) => [number, outcome, error, statusCode]), [
    [1, 'failed', 'http_status', 503], [2, 'failed', 'http_status', 500], [3, 'succeeded', undefined, 200],
  ])
  const last = delivery.attempts.at(-1)
  assert.ok(last.duration > 0 && last.startedAt > 1_700_000_000 && ['exchange', 'body'].includes(last.phase))
  assert.ok(last.responseHeaders.every(([name, value]) => typeof name === 'string' && typeof value === 'string'))

  const verifier = new Verifier({ secrets: SECRETS, require: 'v2' })
  const received = await requests()
  assert.equal(received.length, 3)
  for (const [index, { headers, body }] of received.entries()) {
    const verified = verifier.verify(Buffer.from(body, 'base64'), headers)
    assert.deepEqual([verified.id, verified.eventType], ['evt_1', 'order.paid'])
    const sent = new Headers(headers)
    assert.equal(sent.get('x-webhook-attempt'), String(index + 1))
    assert.deepEqual(['content-type', 'user-agent', 'x-custom', 'authorization'].map((name) => sent.get(name)), ['application/json', 'demo/1', 'yes', 'Bearer token'])
  }
  // Everything was told before `send` answered.
  assert.deepEqual(events.map(({ type }) => type), [
    'delivery.queued', 'delivery.attempt', 'delivery.retrying', 'delivery.attempt', 'delivery.retrying', 'delivery.attempt', 'delivery.succeeded',
  ])
  assert.ok(events.every((event) => event.delivery === 'evt_1' && event.endpoint === url && event.eventType === 'order.paid'))
  assert.equal(events[1].attempt.statusCode, 503)
  assert.equal(typeof events[2].retryIn, 'number')
})

test('payloads are sent as given', async () => {
  const bytes = Buffer.from([0xff, 0x00])
  const cases = [
    [{ b: 1, a: [null, 'é', { toJSON: () => 'own' }], gone: undefined }, '{"b":1,"a":[null,"é","own"]}'],
    ['{ "as": "given" }', '{ "as": "given" }'], [bytes, bytes], [Uint8Array.from(bytes).buffer, bytes], ['', ''], [null, 'null'], [42, '42'], [[], '[]'],
  ]
  await withSender({}, async (sender) => {
    for (const [payload, expected] of cases) {
      const { url, requests } = play('first-204')
      const { status } = await sender.send({ url, secrets: SECRETS }, 'a', payload, { contentType: 'text/plain' })
      assert.equal(status, 'delivered')
      const [{ body, headers }] = await requests()
      assert.deepEqual(Buffer.from(body, 'base64'), Buffer.from(expected))
      assert.equal(new Headers(headers).get('content-type'), 'text/plain')
    }
  })
})

test('payloads that JSON would lose are refused, naming the place', async () => {
  const ring = { name: 'ring' }
  ring.self = ring
  const deep = { items: [{ price: 1 }, { 'unit price': NaN }] }
  const cases = [
    [{ total: NaN }, 'payload.total is NaN'], [deep, 'payload.items[1]["unit price"] is NaN'], [[[Infinity]], 'payload[0][0] is Infinity'], [NaN, 'payload is NaN'],
    [{ id: { big: 10n } }, 'payload.id.big is a BigInt'], [ring, 'payload.self contains itself'], [undefined, 'payload can not'], [() => {}, 'payload can not'], [Symbol('s'), 'payload can not'],
    [{ toJSON: () => { throw new Error('no') } }, 'no'], ['\ud800', 'lone surrogate'], [new Float64Array(2), 'binary data'], [new SharedArrayBuffer(2), 'binary data'],
  ]
  await withSender({}, async (sender) => {
    const endpoint = { url: `${receiver.url}/sink`, secrets: SECRETS }
    for (const [payload, words] of cases) {
      const named = (error) => is(SendError, 'invalid_event')(error) && assert.ok(error.message.includes(words), error.message) === undefined
      await assert.rejects(sender.send(endpoint, 'a', payload), named)
      assert.throws(() => sender.enqueue(endpoint, 'a', payload), named)
    }
    const same = { x: 1 }
    assert.equal((await sender.send(endpoint, 'a', { one: same, two: same, none: null })).status, 'delivered')
  })
})

test('what can not be sent is refused before any attempt', async () => {
  await withSender({ allowPrivate: false }, async (sender) => {
    const good = { url: 'https://example.com/', secrets: SECRETS }
    const cases = [
      [{ ...good, url: 'ftp://example.com/' }, SendError, 'invalid_url'], [{ ...good, url: 'http://user@example.com/' }, SendError, 'invalid_url'],
      [{ ...good, url: 'http://127.0.0.1/' }, SendError, 'blocked_address'], [{ ...good, url: 'http://[::1]/' }, SendError, 'blocked_address'],
      [{ ...good, url: 'http://0x7f.1/' }, SendError, 'blocked_address'], [{ ...good, url: 'http://169.254.169.254/' }, SendError, 'blocked_address'],
      [{ ...good, headers: { Host: 'x' } }, SendError, 'invalid_header'], [{ ...good, headers: { 'X-Webhook-Id': 'x' } }, SendError, 'invalid_header'],
      [{ ...good, headers: { A: 'x\r\nB: y' } }, SendError, 'invalid_header'], [{ ...good, headers: { A: 7 } }, SendError, 'invalid_header'],
      [{ ...good, timeout: 61 }, ConfigError, 'invalid_config'], [{ ...good, timeout: NaN }, ConfigError, 'invalid_config'], [{ ...good, timeout: '1' }, ConfigError, 'invalid_config'],
      [{ ...good, retry: { jitter: 2 } }, ConfigError, 'invalid_config'], [{ ...good, colour: 'red' }, ConfigError, 'invalid_config'],
      [{ ...good, signer: new Signer({ secrets: SECRETS }) }, ConfigError, 'invalid_config'], [{ url: good.url }, ConfigError, 'invalid_config'],
      [{ ...good, secrets: [] }, ConfigError, 'invalid_config'], [{ ...good, secrets: [''] }, ConfigError, 'empty_secret'], [{ ...good, url: undefined }, SendError, 'invalid_url'],
      [{ ...good, basicAuth: { username: 'me', password: 123456 } }, ConfigError, 'invalid_config'], [good.url, ConfigError, 'invalid_config'], [undefined, ConfigError, 'invalid_config'],
    ]
    for (const [endpoint, Class, code] of cases) {
      await assert.rejects(sender.send(endpoint, 'a', {}), is(Class, code), JSON.stringify(endpoint))
      assert.throws(() => sender.enqueue(endpoint, 'a', {}), is(Class, code))
    }
    for (const [type, options] of [['', {}], ['a:b', {}], ['ü', {}], [undefined, {}], ['a', { id: 'a.b' }]]) {
      await assert.rejects(sender.send(good, type, {}, options), is(SendError, 'invalid_event'))
    }
    await assert.rejects(sender.send(good, 'a', {}, { contentType: 'a\nb' }), is(SendError, 'invalid_header'))
    await assert.rejects(sender.send(good, 'a', {}, { colour: 'red' }), is(ConfigError, 'invalid_config'))
    await assert.rejects(sender.send(good, 'a', 'x'.repeat(1024 * 1024 + 1)), is(SendError, 'payload_too_large'))
    await assert.rejects(sender.sendMany([[good, 'a', {}], [{ ...good, url: 'http://10.0.0.1/' }, 'a', {}]]), (error) => is(SendError, 'blocked_address')(error) && /item 1/.test(error.message))
    await assert.rejects(sender.sendMany([[good, 'a', {}], [good, 'a', { b: NaN }]]), (error) => is(SendError, 'invalid_event')(error) && /item 1.*payload\.b/.test(error.message))
  })
})

test('options that can not be are refused by name', () => {
  const bad = [
    [{ timeout: 0 }, /timeout/], [{ timeout: Infinity }, /timeout/], [{ maxInFlight: 0 }, /max_in_flight/], [{ maxInFlight: 1.5 }, /1\.5/], [{ allowSubnets: ['x'] }, /subnet|x/],
    [{ retry: { maxAttempts: 0 } }, /retry.max_attempts/], [{ retry: { jitter: -1 } }, /retry.jitter/], [{ retry: { initial: NaN } }, /retry.initial/], [{ retry: { often: 1 } }, /often/],
    [{ retry: { schedule: [1], initial: 1 } }, /retry.schedule/], [{ rateLimit: 0 }, /rate_limit/], [{ rateLimit: { perSecond: 1, burst: 0 } }, /rate_limit.burst/], [{ breaker: { failures: 0 } }, /breaker/],
    [{ extraRoots: ['no certificate'] }, /./], [{ userAgent: 'a\nb' }, /user_agent/], [{ onEvent: 'x' }, /onEvent/], [{ colour: 'red' }, /colour/], [{ allowPrivate: 'yes' }, /allowPrivate/], [{ retry: null }, /./],
  ]
  for (const [options, words] of bad) {
    assert.throws(() => new Sender(options), (error) => is(ConfigError, 'invalid_config')(error) && words.test(error.message), JSON.stringify(options))
  }
})

test('endpoints can be made once, with typed keys, and share a ring', async () => {
  const ring = new KeyRing(new Key(Secret.utf8('whsec_old'), { id: 'old' }))
  const { url, requests } = play('first-200')
  const endpoint = new Endpoint({ url, secrets: ring, scheme: 'stripe', id: 'shop' })
  assert.deepEqual([endpoint.id, endpoint.url], ['shop', url])
  await withSender({}, async (sender) => {
    assert.equal((await sender.send(endpoint, 'a', {})).endpoint, 'shop')
    ring.rotate('whsec_new', { overlap: 3600 })
    await sender.send(endpoint, 'a', {})
  })
  const [first, second] = (await requests()).map(({ headers }) => new Headers(headers).get('stripe-signature').split(',').length)
  assert.deepEqual([first, second], [2, 3])
})

test('many are sent at once and answered in order', async () => {
  await withSender({ retry: RetryPolicy.none() }, async (sender) => {
    const scenarios = ['first-200', 'transient-408', 'first-204']
    const payload = { shared: true }
    const items = scenarios.map((scenario) => [{ url: play(scenario).url, secrets: SECRETS }, 'a', payload])
    const deliveries = await sender.sendMany([...items, [{ url: `${receiver.url}/sink`, secrets: SECRETS }, 'b', {}, { id: 'evt_9' }]])
    assert.deepEqual(deliveries.map(({ status }) => status), ['delivered', 'dead', 'delivered', 'delivered'])
    assert.deepEqual(deliveries.map(({ endpoint }) => endpoint), [...items.map(([{ url }]) => url), `${receiver.url}/sink`])
    assert.deepEqual([deliveries[1].reason, deliveries[3].id, deliveries[3].eventType], ['attempts_exhausted', 'evt_9', 'b'])
    assert.deepEqual(await sender.sendMany([]), [])
  })
})

test('a queued delivery has a handle', async () => {
  await withSender({ retry: { initial: 60 } }, async (sender) => {
    const done = sender.enqueue({ url: `${receiver.url}/sink`, secrets: SECRETS }, 'a', {})
    assert.match(done.id, /^msg_[0-9a-f]{32}$/)
    const delivery = await done.result()
    assert.deepEqual([delivery.id, delivery.status], [done.id, 'delivered'])
    assert.deepEqual(done.delivery, delivery)
    assert.equal(done.cancel(), false)

    const refused = play('transient-408')
    const waiting = sender.enqueue({ url: refused.url, secrets: SECRETS }, 'a', {})
    assert.equal(await sender.flush({ timeout: 0.05 }), false)
    assert.equal(sender.unfinished, 1)
    assert.equal(waiting.delivery.status, 'pending')
    assert.equal(waiting.cancel(), true)
    assert.equal((await waiting.result()).status, 'cancelled')
    assert.equal(await sender.flush(), true)
    assert.equal(sender.unfinished, 0)
    await assert.rejects(sender.flush({ timeout: NaN }), is(ConfigError, 'invalid_config'))
    await assert.rejects(sender.flush({ timeout: -1 }), is(ConfigError, 'invalid_config'))
  })
})

test('close gives back what is unfinished, and nothing is taken afterwards', async () => {
  const sender = new Sender({ allowPrivate: true, retry: { initial: 60 } })
  const endpoint = { url: play('transient-408').url, secrets: SECRETS }
  const handle = sender.enqueue({ ...endpoint, url: play('transient-408').url }, 'a', {}, { id: 'evt_1' })
  const sent = sender.send(endpoint, 'a', {}, { id: 'evt_2' })
  await sender.flush({ timeout: 0.05 })
  await assert.rejects(sender.close({ grace: -1 }), is(ConfigError, 'invalid_config'))
  const left = await sender.close()
  assert.deepEqual(left.map(({ id, status }) => [id, status]), [['evt_1', 'pending'], ['evt_2', 'pending']])
  assert.equal((await handle.result()).status, 'pending')
  assert.equal((await sent).status, 'pending')
  await assert.rejects(sender.send(endpoint, 'a', {}), is(SendError, 'closed'))
  assert.throws(() => sender.enqueue(endpoint, 'a', {}), is(SendError, 'closed'))
  assert.deepEqual(await sender.close(), [])
})

test('a full queue says so', async () => {
  await withSender({ maxQueued: 4, retry: { initial: 60 } }, async (sender) => {
    const endpoint = { url: play('transient-408').url, secrets: SECRETS }
    sender.enqueue(endpoint, 'a', {})
    assert.throws(() => sender.enqueue(endpoint, 'a', {}), (error) => is(SendError, 'queue_full')(error) && error.retryable)
  })
})

test('a sender is closed at the end of its scope', async () => {
  let sender
  const warnings = []
  const listen = (warning) => warnings.push(warning.message)
  process.on('warning', listen)
  sender = new Sender({ allowPrivate: true, retry: { initial: 60 } })
  sender.enqueue({ url: play('transient-408').url, secrets: SECRETS }, 'a', {})
  await sender[Symbol.asyncDispose]()
  await new Promise(setImmediate)
  process.off('warning', listen)
  assert.throws(() => sender.enqueue({ url: receiver.url, secrets: SECRETS }, 'a', {}), is(SendError, 'closed'))
  assert.deepEqual(warnings, ['the sender was closed with 1 unfinished deliveries'])
})

test('what onEvent throws breaks no delivery', async () => {
  const warnings = []
  const listen = (warning) => warnings.push(warning.message)
  process.on('warning', listen)
  await withSender({ onEvent: () => { throw new Error('mine') } }, async (sender) => {
    assert.equal((await sender.send({ url: `${receiver.url}/sink`, secrets: SECRETS }, 'a', {})).status, 'delivered')
  })
  await new Promise(setImmediate)
  process.off('warning', listen)
  assert.deepEqual(warnings, Array(3).fill('onEvent has thrown: mine'))
})

test('events are told while nobody waits for the sender', async () => {
  await withSender({ onEvent: (event) => tell(event) }, async (sender) => {
    const finished = new Promise((resolve) => { tell = ({ type }) => type === 'delivery.succeeded' && resolve() })
    sender.enqueue({ url: `${receiver.url}/sink`, secrets: SECRETS }, 'a', {})
    const busy = setInterval(() => {}, 1000)
    await finished
    clearInterval(busy)
  })
})
let tell

test('secrets of endpoints are never shown', () => {
  const canary = 'canaryCanaryCanary'
  const options = { url: `https://example.com/?token=${canary}`, secrets: canary, bearer: canary, headers: { 'X-Key': canary } }
  const shown = [inspect(new Endpoint(options), { depth: 9, showHidden: true }), JSON.stringify(new Endpoint(options))]
  const bad = [
    { ...options, bearer: `${canary}\n` }, { ...options, headers: { 'X-Key': `${canary}\n` } }, { ...options, url: `ftp://example.com/?${canary}` },
    { ...options, bearer: undefined, basicAuth: { username: 'me', password: [canary] } }, { ...options, secrets: ` ${canary}` }, { ...options, timeout: 99 },
  ]
  for (const one of bad) assert.throws(() => new Endpoint(one), (error) => shown.push(inspect(error), JSON.stringify(error)) > 0)
  for (const text of shown) assert.doesNotMatch(text, /canary/i)
})

test('the sender writes the names and the trace that it is given', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  await withSender({ headerPrefix: 'Shop-', headerNames: { attempt: 'Shop-Try' } }, async (sender) => {
    const { url, requests } = play('first-204')
    await sender.send({ url, secrets: SECRETS, scheme: 'stripe' }, 'a', {}, { id: 'evt_1', traceparent })
    const [{ headers }] = await requests()
    const sent = new Headers(headers)
    assert.deepEqual(['shop-id', 'shop-event', 'shop-try', 'traceparent'].map((name) => sent.get(name)), ['evt_1', 'a', '1', traceparent])
    const wrong = { traceparent: '00-0-0-01' }
    await assert.rejects(sender.send({ url, secrets: SECRETS }, 'a', {}, wrong), is(SendError, 'invalid_event'))
  })
})

test('proxy, identity and names are checked when a sender is made, and none of it is shown', () => {
  const wrong = [
    { proxy: 'socks5://hidden@localhost' }, { proxy: 'hidden' }, { identity: 'hidden' }, { extraRoots: ['hidden'] },
    { headerPrefix: 'not a name' }, { headerNames: { id: 'X-Webhook-Event' } }, { headerNames: { other: 'X' } },
    { http2: 'yes' }, { proxy: 1 }, { headerNames: 1 },
  ]
  for (const options of wrong) {
    assert.throws(() => new Sender({ allowPrivate: true, ...options }), (error) => {
      assert.ok(error instanceof WebhookError && ['invalid_config', 'invalid_header', 'invalid_url'].includes(error.code), `${JSON.stringify(options)}: ${error}`)
      assert.doesNotMatch(error.message, /hidden/)
      return true
    })
  }
  assert.throws(() => new Endpoint({ url: 'https://example.com', secrets: SECRETS, identity: 'hidden' }), (error) => is(ConfigError, 'invalid_config')(error) && !/hidden/.test(error.message))
})

test('an aborted send is rejected with the reason, and nothing more is attempted', async () => {
  await withSender({ retry: RetryPolicy.schedule([60, 60]) }, async (sender) => {
    const { url, requests } = play('transient-503')
    const controller = new AbortController()
    const events = sender.events()
    const sending = sender.send({ url, secrets: SECRETS }, 'a', {}, { id: 'evt_1', signal: controller.signal })
    for await (const { type } of events) if (type === 'delivery.retrying') break
    controller.abort(new Error('mine'))
    await assert.rejects(sending, /^Error: mine$/)
    assert.equal(await sender.flush({ timeout: 10 }), true)
    assert.equal((await requests()).length, 1)
    await assert.rejects(sender.send({ url, secrets: SECRETS }, 'a', {}, { signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.equal(sender.unfinished, 0)
    assert.equal((await sender.send({ url: play('first-204').url, secrets: SECRETS }, 'a', {}, { signal: new AbortController().signal })).status, 'delivered')
    await assert.rejects(sender.send({ url, secrets: SECRETS }, 'a', {}, { signal: {} }), is(ConfigError, 'invalid_config'))
  })
})

test('a signal ends the wait for room in a full queue', async () => {
  await withSender({ maxQueued: 4, retry: RetryPolicy.schedule([60]) }, async (sender) => {
    const endpoint = new Endpoint({ url: play('transient-503').url, secrets: SECRETS })
    const held = sender.enqueue(endpoint, 'a', {}) // an endpoint has a quarter
    const signal = AbortSignal.timeout(20)
    await assert.rejects(sender.send(endpoint, 'a', {}, { signal }), { name: 'TimeoutError' })
    assert.equal(sender.unfinished, 1)
    await assert.rejects(held.result({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.equal(held.delivery.status, 'pending')
    await assert.rejects(sender.flush({ signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
    assert.equal(held.cancel(), true)
  })
})

test('events are an async iterator that ends with the sender', async () => {
  const sender = new Sender({ allowPrivate: true })
  const [first, second] = [sender.events(), sender.events()]
  const types = []
  const reading = (async () => { for await (const event of first) types.push(event.type) })()
  const { url } = play('first-204')
  const { id } = await sender.send({ url, secrets: SECRETS }, 'order.paid', {})
  await sender.close()
  await reading
  assert.deepEqual(types, ['delivery.queued', 'delivery.attempt', 'delivery.succeeded'])
  const { value } = await second.next() // what it has not taken yet waits for it
  assert.deepEqual([value.type, value.delivery, value.endpoint, value.eventType], ['delivery.queued', id, url, 'order.paid'])
  assert.deepEqual(await second.return(), { done: true, value: undefined })
  assert.deepEqual(await second.next(), { done: true, value: undefined })
  assert.equal(second.dropped, 0)
})

test('a reader that does not read loses the oldest events, and knows how many', async () => {
  await withSender({}, async (sender) => {
    const events = sender.events()
    const endpoint = new Endpoint({ url: `${receiver.url}/sink`, secrets: SECRETS })
    await sender.sendMany(Array.from({ length: 600 }, () => [endpoint, 'a', '{}']))
    let read = 0
    while (read + events.dropped < 1800) {
      const { value } = await events.next()
      assert.equal(value.eventType, 'a')
      read += 1
    }
    assert.ok(read <= 1024 && events.dropped >= 776, `${read} read, ${events.dropped} dropped`)
  })
})

test('a payload can be overwritten as soon as send has returned its promise', async () => {
  await withSender({}, async (sender) => {
    const { url, requests } = play('first-204')
    const payload = Buffer.from('{"id":42}')
    const sending = sender.send({ url, secrets: SECRETS }, 'a', payload)
    payload.fill(0)
    assert.equal((await sending).status, 'delivered')
    assert.equal(Buffer.from((await requests())[0].body, 'base64').toString(), '{"id":42}')
  })
})
