// The helpers that users test their own code with.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Scheme, Sender, SendError, VerificationError, Verifier } from 'hookseal'
import { FakeReceiver, fixture, fixtures, forgeries, RecordingSender, signedRequest, TestClock } from 'hookseal/testing'

const SECRETS = 'whsec_demo'

describe('fixtures', () => {
  test('there is one for every scheme, and it verifies at its time', () => {
    const all = fixtures()
    assert.deepEqual(all.map(({ scheme }) => scheme.name), Scheme.names())
    for (const { scheme, secrets, now, request } of all) {
      const verified = new Verifier({ scheme, secrets }).verify(request.body, request.headers, { now, url: request.url })
      if (verified.timestamp !== undefined) assert.equal(verified.timestamp, now, scheme.name)
    }
  })

  test('it is the same at every call, and at any time that is asked for', () => {
    assert.deepEqual(fixture('stripe').request, fixture('stripe').request)
    for (const { scheme, secrets, now, request } of fixtures({ timestamp: new Date(1_800_000_000_500) })) {
      assert.equal(now, 1_800_000_000)
      new Verifier({ scheme, secrets }).verify(request.body, request.headers, { now, url: request.url })
    }
  })

  test('a scheme of your own has one too', () => {
    for (const key of ['utf8', 'base64', 'hex']) {
      const document = { name: 'mine', key, signature: { header: 'X-Mine', grammar: 'bare' }, content: '{body}', versions: [{ label: '', algorithm: 'hmac-sha512', encoding: 'base64' }] }
      const { scheme, secrets, request } = fixture(document)
      new Verifier({ scheme, secrets }).verify(request.body, request.headers)
    }
  })
})

describe('forgeries', () => {
  test('each is refused, in every scheme; only what a scheme does not sign may be changed', () => {
    for (const { scheme, secrets, now, request: { url, body } } of fixtures()) {
      if (scheme.name === 'discord') continue // its fixture signs with a private key
      const clock = new TestClock(now)
      const verifier = new Verifier({ scheme, secrets, maxBody: 1024 * 1024 })
      const names = forgeries({ scheme, secrets, body, url, timestamp: clock.now() }).map(({ name, request, status }) => {
        assert.throws(() => verifier.verify(request.body, request.headers, { now, url }), (error) => {
          return error instanceof VerificationError && (error.code === 'body_too_large') === (status === 413)
        }, `${scheme.name}: ${name}`)
        return name
      })
      assert.ok(names.includes('unsigned') && names.includes('wrong signature') && names.includes('oversized'))
      assert.equal(names.includes('stale'), scheme.toJSON().timestamp !== undefined)
      assert.equal(names.includes('altered'), scheme.name !== 'gitlab')
    }
  })
})

describe('signedRequest', () => {
  test('it is what fetch and Request take', async () => {
    const request = signedRequest({ secrets: SECRETS, payload: { id: 42 }, eventType: 'order.paid', url: 'http://127.0.0.1/hooks' })
    const { url, ...init } = request
    const web = new Request(url, init)
    assert.deepEqual([web.method, web.headers.get('content-type'), await web.json()], ['POST', 'application/json', { id: 42 }])
    const verified = new Verifier({ secrets: SECRETS }).verify(request.body, web.headers)
    assert.equal(verified.eventType, 'order.paid')
    assert.match(verified.id, /^evt_/)
  })

  test('bodies are sent as given, and what is wrong is said', () => {
    assert.deepEqual([...signedRequest({ secrets: SECRETS, body: new Uint8Array([0xff]) }).body], [0xff])
    assert.equal(signedRequest({ secrets: SECRETS, body: 'é' }).body.toString(), 'é')
    assert.equal(signedRequest({ secrets: SECRETS }).body.toString(), '{}')
    assert.throws(() => signedRequest({ secrets: '' }), { code: 'empty_secret' })
    assert.throws(() => signedRequest({ secrets: SECRETS, payload: { at: NaN } }), { code: 'invalid_event' })
    assert.throws(() => signedRequest({ secrets: SECRETS, id: 'a.b' }), { code: 'invalid_event' })
  })
})

test('TestClock stands still until it is moved', () => {
  const clock = new TestClock()
  const { now } = clock
  assert.deepEqual([now(), now()], [1_700_000_000, 1_700_000_000])
  clock.advance(301)
  assert.equal(now(), 1_700_000_301)
  const request = signedRequest({ secrets: SECRETS, timestamp: new TestClock().now() })
  assert.throws(() => new Verifier({ secrets: SECRETS }).verify(request.body, request.headers, { now: now() }), { code: 'timestamp_too_old' })
})

describe('FakeReceiver', () => {
  test('it answers as it is told, and keeps what it was sent', async (context) => {
    const receiver = await FakeReceiver.start({ answers: ['reset', 503, { status: 200, headers: { 'x-mine': '1' }, body: 'done' }] })
    context.after(() => receiver.close())
    const sender = new Sender({ allowPrivate: true, retry: { schedule: [0, 0], jitter: 'none' } })
    context.after(() => sender.close())
    const delivery = await sender.send({ url: receiver.url, secrets: [SECRETS] }, 'order.paid', { id: 42 })
    assert.equal(delivery.status, 'delivered')
    assert.deepEqual(delivery.attempts.map(({ statusCode, error }) => statusCode ?? error), ['connection_reset', 503, 200])
    assert.equal(delivery.attempts[2].responseBody, 'done')
    assert.equal(receiver.requests.length, 3)
    const verifier = new Verifier({ secrets: SECRETS })
    for (const { method, path, body, rawHeaders } of receiver.requests) {
      assert.deepEqual([method, path, body.toString()], ['POST', '/', '{"id":42}'])
      assert.equal(verifier.verify(body, rawHeaders.concat('x-other', '1')).id, delivery.id)
    }
  })

  test('it can be told more, decide for itself, and be silent', async (context) => {
    const receiver = await FakeReceiver.start()
    const sender = new Sender({ allowPrivate: true, retry: { maxAttempts: 1 }, timeout: 0.3 })
    context.after(() => sender.close())
    const send = (path) => sender.send({ url: receiver.url + path, secrets: [SECRETS] }, 'order.paid', {})
    assert.equal((await send('')).attempts[0].statusCode, 204)
    receiver.answer(({ path }) => (path === '/gone' ? 410 : 200), async () => 'silence')
    assert.equal((await send('gone')).reason, 'gone')
    assert.equal((await send('')).attempts[0].error, 'response_timeout')
    await receiver.close()
    await receiver.close()
    assert.equal((await send('')).attempts[0].error, 'connection_refused')
  })

  test('received waits for what is to come', async (context) => {
    const receiver = await FakeReceiver.start()
    context.after(() => receiver.close())
    const waiting = receiver.received(2)
    for (const id of [1, 2]) await fetch(receiver.url, { method: 'POST', body: String(id) })
    assert.deepEqual((await waiting).map(({ body }) => body.toString()), ['1', '2'])
    assert.equal((await receiver.received(1)).length, 2)
  })
})

describe('RecordingSender', () => {
  const endpoint = { url: 'https://shop.example.com/hooks', secrets: [SECRETS], id: 'shop' }

  test('it keeps what it is given and says that it was delivered', async () => {
    const sender = new RecordingSender()
    assert.ok(sender instanceof Sender)
    const delivery = await sender.send(endpoint, 'order.paid', { id: 42 }, { id: 'evt_1' })
    assert.deepEqual([delivery.id, delivery.status, delivery.endpoint, delivery.eventType], ['evt_1', 'delivered', 'shop', 'order.paid'])
    const [first, second] = await sender.sendMany([[endpoint, 'a', 'text'], [endpoint, 'b', { at: 1 }, { id: 'evt_2' }]])
    assert.match(first.id, /^msg_[0-9a-f]{32}$/)
    assert.equal(second.id, 'evt_2')
    const handle = sender.enqueue(endpoint, 'c', {})
    assert.deepEqual([handle.id, handle.delivery.status, (await handle.result()).status, handle.cancel()], [handle.delivery.id, 'delivered', 'delivered', false])
    assert.deepEqual(sender.sent.map(({ eventType }) => eventType), ['order.paid', 'a', 'b', 'c'])
    assert.deepEqual(sender.sent[0].json(), { id: 42 })
    assert.equal(Buffer.from(sender.sent[1].body).toString(), 'text')
    assert.equal(sender.sent[0].endpoint.url, endpoint.url)
    assert.equal(await sender.flush(), true)
    assert.equal(sender.unfinished, 0)
  })

  test('an aborted signal is heeded', async () => {
    const sender = new RecordingSender()
    await assert.rejects(sender.send(endpoint, 'a', {}, { signal: AbortSignal.abort(new Error('mine')) }), /mine/)
    await sender.send(endpoint, 'a', {}, { signal: new AbortController().signal, traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` })
    assert.equal(sender.sent.length, 1)
  })

  test('an outcome can be anything that a delivery is', async () => {
    const sender = new RecordingSender({ outcome: ({ eventType }) => (eventType === 'b' ? { status: 'dead', reason: 'gone' } : {}) })
    const deliveries = await sender.sendMany([[endpoint, 'a', {}], [endpoint, 'b', {}]])
    assert.deepEqual(deliveries.map(({ status, reason }) => [status, reason]), [['delivered', undefined], ['dead', 'gone']])
  })

  test('it refuses what a sender refuses before sending', async () => {
    const sender = new RecordingSender()
    await assert.rejects(sender.send({ ...endpoint, url: 'ftp://x' }, 'a', {}), { code: 'invalid_url' })
    await assert.rejects(sender.send(endpoint, 'a b', {}), { code: 'invalid_event' })
    await assert.rejects(sender.send(endpoint, 'a', { at: NaN }), { code: 'invalid_event' })
    await assert.rejects(sender.sendMany([[endpoint, 'a', {}, { id: 'a.b' }]]), { code: 'invalid_event' })
    assert.throws(() => sender.enqueue(endpoint, '', {}), (error) => error instanceof SendError)
    assert.deepEqual(sender.sent, [])
    assert.deepEqual(await sender.close(), [])
    await assert.rejects(sender.send(endpoint, 'a', {}), { code: 'closed' })
  })
})
