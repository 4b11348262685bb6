// What every framework's webhook() has to do, and what it has to stand: one suite, run against a server of each.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { describe, test } from 'node:test'

import { type } from 'arktype'
import * as hookseal from 'hookseal'
import { forgeries, signedRequest, TestClock } from 'hookseal/testing'
import * as v from 'valibot'
import * as z from 'zod'

export const SECRETS = 'whsec_demo'
export const REFUSED = '{"error":"webhook refused"}'
export const PAYLOAD = { id: 42, name: 'Zoë' }
const MIB = 1024 * 1024
const silent = () => {}

export const sign = (url, options = {}) => signedRequest({ secrets: SECRETS, eventType: 'order.paid', payload: PAYLOAD, ...options, url })

export async function post({ url, ...request }) {
  const response = await fetch(url, request)
  return { status: response.status, text: await response.text(), headers: response.headers }
}

export const statusOf = async (request) => (await post(request)).status

/** Writes bytes to a server and gives what it answers until the connection ends. */
export async function raw(url, text, { end = false } = {}) {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (data) => { answer += data }).on('error', silent)
  await once(socket, 'connect')
  socket.write(text)
  if (end) socket.destroySoon()
  await once(socket, 'close')
  return answer
}

const head = ({ headers, url }, extra) =>
  `POST ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}${extra}\r\n`

/** Serves a listener of `node:http` on a free port. */
export async function listen(listener) {
  const server = http.createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/hooks`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What every endpoint has to refuse, whatever runs it: the reasons differ, the answers do not. */
export async function refusesForgeries(url) {
  const answers = []
  for (const { name, request, status } of forgeries({ secrets: SECRETS, eventType: 'order.paid', payload: PAYLOAD, url })) {
    const answer = await post(request)
    assert.deepEqual([answer.status, answer.text], [status, REFUSED], name)
    assert.match(answer.headers.get('content-type'), /^application\/json/, name)
    if (status === 400) answers.push([...answer.headers.keys()].sort().join())
  }
  assert.equal(answers.length, 7)
  assert.equal(new Set(answers).size, 1, 'the headers of a refusal give its reason away')
}

/** Headers that come twice, and bodies that are not whole. */
export async function refusesFragments(url) {
  const good = sign(url)
  const body = good.body.toString()
  const { 'X-Webhook-Signature': signature } = good.headers
  const refused = async (text, options) => assert.doesNotMatch(await raw(url, text, options), /^HTTP\/1.1 2/)

  assert.match(await raw(url, head(good, `x-webhook-signature: ${signature}\r\nContent-Length: ${good.body.length}\r\n`) + body), /^HTTP\/1.1 400 [\s\S]*webhook refused/)
  await refused(head(good, `Content-Length: ${good.body.length + 1}\r\n`) + body, { end: true })
  await refused(head(good, `Content-Length: ${good.body.length - 1}\r\n`) + body)
  await refused(`${head(good, 'Transfer-Encoding: chunked\r\n')}${good.body.length.toString(16)}\r\n${body}\r\n`, { end: true })
  await refused(`${head(good, 'Transfer-Encoding: chunked\r\n')}ZZ\r\n`)
}

/** Bodies without end, as announced or in chunks: the answer comes before their end. */
export async function stopsReading(url) {
  const { headers } = sign(url, { body: 'x'.repeat(MIB + 1) })
  const chunked = await raw(url, `${head({ url, headers }, 'Transfer-Encoding: chunked\r\n')}100001\r\n${'x'.repeat(MIB + 1)}\r\n`)
  assert.match(chunked, /^HTTP\/1.1 413 /)
  assert.match(await raw(url, head({ url, headers }, 'Content-Length: 99999999999\r\n')), /^HTTP\/1.1 413 /)
}

/**
 * `serve(verifier, options, handle, { eater })` serves `POST /hooks` on loopback: `handle(event)` for what verifies, then
 * 204; with `eater` behind something that parses every body. Where `joinsHeaders`, a header that came twice is one.
 * `seal` is the build of the package that is tested.
 */
export function underAttack(name, serve, { joinsHeaders = false, seal = hookseal } = {}) {
  const withServer = async (options, handle, use, { verifier = {}, eater = false } = {}) => {
    const server = await serve(new seal.Verifier({ secrets: SECRETS, ...verifier }), { onRefused: silent, ...options }, handle, { eater })
    try {
      return await use(server.url)
    } finally {
      await server.close()
    }
  }

  describe(name, () => {
    test('hands over the covered values and the raw body, whatever its type', async () => {
      const events = []
      await withServer({}, (event) => { events.push(event) }, async (url) => {
        const sender = new hookseal.Sender({ allowPrivate: true })
        const delivery = await sender.send({ url, secrets: [SECRETS] }, 'order.paid', PAYLOAD, { id: 'evt_sent' })
        await sender.close()
        assert.equal(delivery.status, 'delivered', JSON.stringify(delivery))
        assert.equal(await statusOf(sign(url, { body: Buffer.from([0xff, 0x00, 0x0a]), contentType: 'text/plain' })), 204)
        assert.equal(await statusOf(sign(url, { body: '' })), 204)
        const uncovered = new hookseal.Signer({ secrets: SECRETS, scheme: 'stripe' }).sign('{}')['Stripe-Signature']
        const forged = { 'X-Webhook-Signature': uncovered, 'X-Webhook-Id': 'evt_forged', 'X-Webhook-Event': 'forged' }
        assert.equal(await statusOf({ url, method: 'POST', body: '{}', headers: forged }), 204)
      })
      assert.equal(events.length, 4)
      const [sent, bytes, empty, uncovered] = events
      assert.deepEqual([sent.id, sent.type, sent.json(), sent.verified.version], ['evt_sent', 'order.paid', PAYLOAD, 'v2'])
      assert.equal(sent.timestamp, sent.verified.timestamp)
      assert.deepEqual([...bytes.body], [0xff, 0x00, 0x0a])
      assert.throws(() => bytes.json(), SyntaxError)
      assert.equal(empty.text(), '')
      assert.deepEqual([uncovered.id, uncovered.type, uncovered.verified.version], [undefined, undefined, 'v1'])
    })

    test('refuses forgeries alike, and tells the reason only to onRefused', async () => {
      const reasons = []
      const calls = []
      await withServer({ onRefused: (error) => reasons.push(error.code) }, (event) => { calls.push(event) }, async (url) => {
        await refusesForgeries(url)
        assert.deepEqual(calls, [])
        assert.deepEqual(reasons.sort(), [
          'body_too_large', 'missing_header', 'no_matching_signature', 'no_matching_signature', 'no_matching_signature',
          'no_matching_signature', 'no_matching_signature', 'timestamp_too_old',
        ])
        assert.equal(await statusOf(sign(url)), 204)
      })
      assert.equal(calls.length, 1)
    })

    test('takes no part of a body for the whole, and reads no more than the limit', async () => {
      const calls = []
      const reasons = []
      await withServer({ onRefused: ({ code }) => reasons.push(code) }, (event) => { calls.push(event) }, async (url) => {
        await refusesFragments(url)
        assert.equal(reasons[0], joinsHeaders ? 'duplicate_timestamp' : 'malformed_header')
        await stopsReading(url)
        assert.deepEqual(calls, [])
        assert.equal(await statusOf(sign(url)), 204)
        const inBytes = sign(url, { payload: { text: 'x'.repeat(10_000) } })
        const pieces = [...inBytes.body.toString('latin1')].map((byte) => `1\r\n${byte}\r\n`).join('')
        assert.match(await raw(url, `${head(inBytes, 'Transfer-Encoding: chunked\r\n')}${pieces}0\r\n\r\n`), /^HTTP\/1.1 204 /)
        assert.equal(calls[1].text(), inBytes.body.toString())
      })
    })

    test('the limit is exact, and its own', async () => {
      await withServer({ maxBody: 16 }, silent, async (url) => {
        assert.equal(await statusOf(sign(url, { body: 'x'.repeat(16) })), 204)
        assert.equal(await statusOf(sign(url, { body: 'x'.repeat(17) })), 413)
      })
      await withServer({ maxBody: 2 * MIB }, silent, async (url) => {
        assert.equal(await statusOf(sign(url, { body: 'x'.repeat(2 * MIB) })), 204)
      })
    })

    test('refuses a copy, but lets one in whose handler failed', async () => {
      let failures = 2
      const handled = []
      const handle = (event) => {
        handled.push(event.id)
        if (failures-- > 0) throw new Error('the handler fails, as it is told')
      }
      await withServer({}, handle, async (url) => {
        const request = sign(url, { id: 'evt_1' })
        const statuses = []
        for (let count = 0; count < 4; count += 1) statuses.push(await statusOf(request))
        assert.deepEqual(statuses, [500, 500, 204, 425])
        const racing = sign(url, { id: 'evt_2' })
        const both = await Promise.all([1, 2, 3, 4].map(() => statusOf(racing)))
        assert.deepEqual(both.sort(), [204, 425, 425, 425])
      }, { verifier: { replay: new seal.ReplayGuard() } })
      assert.deepEqual(handled, ['evt_1', 'evt_1', 'evt_1', 'evt_2'])
    })

    test('answers 503 while the replay guard is full', async () => {
      await withServer({}, silent, async (url) => {
        assert.equal(await statusOf(sign(url)), 204)
        const { status, text, headers } = await post(sign(url))
        assert.deepEqual([status, text, headers.get('retry-after')], [503, REFUSED, '60'])
      }, { verifier: { replay: new seal.ReplayGuard({ capacity: 2 }) } })
    })

    for (const [library, schema] of Object.entries({
      zod: z.object({ id: z.number(), name: z.string().transform((name) => name.toUpperCase()) }),
      valibot: v.object({ id: v.number(), name: v.pipe(v.string(), v.transform((name) => name.toUpperCase())) }),
      arktype: type({ id: 'number', name: type('string').pipe((name) => name.toUpperCase()) }),
    })) {
      test(`a schema of ${library} is asked after the signature`, async () => {
        const values = []
        const reasons = []
        let asked = 0
        const { validate } = schema['~standard']
        const counting = { '~standard': { ...schema['~standard'], validate: (value) => { asked += 1; return validate(value) } } }
        await withServer({ schema: counting, onRefused: (error) => reasons.push(error) }, (event) => { values.push(event.json()) }, async (url) => {
          assert.equal(await statusOf({ ...sign(url), body: '{"id":"forged"}' }), 400)
          assert.equal(asked, 0)
          assert.equal(await statusOf(sign(url)), 204)
          const wrong = sign(url, { payload: { id: 'x', name: 'y' } })
          const { status, text } = await post(wrong)
          assert.deepEqual([status, text], [422, REFUSED])
          assert.equal(await statusOf(wrong), 422, 'what the schema refuses is no copy when it comes again')
          assert.equal(await statusOf(sign(url, { body: 'no json' })), 422)
        }, { verifier: { replay: new seal.ReplayGuard() } })
        assert.deepEqual(values, [{ id: 42, name: 'ZOË' }])
        assert.equal(asked, 3)
        assert.deepEqual(reasons.map(({ code }) => code), ['no_matching_signature', 'invalid_payload', 'invalid_payload', 'invalid_payload'])
        assert.match(reasons[1].message, /^id: /)
        assert.equal(reasons[3].message, 'the body is not JSON')
      })
    }

    test('schemes that sign the URL get it from publicUrl, never from the request', async () => {
      for (const [publicUrl, expected] of [['https://shop.example.com', 204], ['https://shop.example.com/', 204], ['https://other.example.com', 400]]) {
        await withServer({ publicUrl }, silent, async (url) => {
          const { headers, body } = signedRequest({ secrets: SECRETS, scheme: 'square', url: 'https://shop.example.com/hooks?a=1&b=%20' })
          const request = { url: `${url}?a=1&b=%20`, method: 'POST', body, headers: { ...headers, 'x-forwarded-host': 'shop.example.com', 'x-forwarded-proto': 'https' } }
          assert.equal(await statusOf(request), expected, publicUrl)
        }, { verifier: { scheme: 'square' } })
      }
    })

    test('time is an argument', async () => {
      const clock = new TestClock()
      await withServer({ now: clock.now }, silent, async (url) => {
        const request = sign(url, { timestamp: clock.now() })
        assert.equal(await statusOf(request), 204)
        clock.advance(300)
        assert.equal(await statusOf(request), 204)
        clock.advance(1)
        assert.equal(await statusOf(request), 400)
      })
    })

    test('a body that something else has parsed is a mistake of the server, and said to be', async () => {
      const calls = []
      await withServer({}, (event) => { calls.push(event) }, async (url) => {
        assert.equal(await statusOf(sign(url)), 500)
      }, { eater: true })
      assert.deepEqual(calls, [])
    })

    test('an onRefused that throws changes no answer', async (context) => {
      context.mock.method(console, 'error', silent)
      const failing = [() => { throw new Error('mine') }, async () => { throw new Error('mine') }]
      for (const onRefused of failing) {
        await withServer({ onRefused }, silent, async (url) => {
          const { status, text } = await post({ ...sign(url), body: 'forged' })
          assert.deepEqual([status, text], [400, REFUSED])
        })
      }
      assert.equal(console.error.mock.callCount(), 2)
    })
  })
}

/** The options that no `webhook()` takes. */
export function refusesOptions(make) {
  const verifier = new hookseal.Verifier({ secrets: SECRETS })
  const bad = [{ maxBody: -1 }, { maxBody: NaN }, { maxBody: '1' }, { colour: 'red' }, { publicUrl: 1 }, { publicUrl: 'shop.example.com' }, { publicUrl: 'https://x/hooks?a' }, { schema: {} }, { schema: null }, { onRefused: 1 }, { now: 1 }]
  for (const options of bad) assert.throws(() => make(verifier, options), { code: 'invalid_config' }, JSON.stringify(options))
  assert.throws(() => make(new hookseal.Verifier({ secrets: SECRETS, scheme: 'square' }), {}), { code: 'invalid_config', message: /square signs the URL: give publicUrl/ })
  for (const other of [undefined, null, {}, SECRETS]) assert.throws(() => make(other, {}), { code: 'invalid_config' })
}
