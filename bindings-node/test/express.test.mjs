// The Express adapter, and the example that uses it under attack.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'

import express from 'express'
import { ReplayGuard, Sender, Signer, Verifier } from 'hookseal'
import { webhook } from 'hookseal/express'
import { ROOT } from './support.mjs'

const SECRET = 'whsec_demo'
const REFUSED = '{"error":"webhook refused"}'
const signer = new Signer({ secrets: SECRET })
const BODY = '{"id":42}'
let count = 0
const sign = (body = BODY) => signer.sign(body, { id: `evt_${(count += 1)}`, eventType: 'order.paid' })

async function post(url, body, headers) {
  const response = await fetch(url, { method: 'POST', body, headers, duplex: 'half' })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

/** Writes bytes to a server and gives what it answers until the connection ends. */
async function raw(url, text, { end = false } = {}) {
  const { port } = new URL(url)
  const socket = net.connect(Number(port), '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (data) => { answer += data }).on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  if (end) socket.destroySoon()
  await once(socket, 'close')
  return answer
}

describe('the example', () => {
  let server
  let url
  let lines
  before(async () => {
    server = spawn(process.execPath, ['server.mjs'], { cwd: `${ROOT}/examples/express`, env: { ...process.env, HOOKSEAL_SECRET: SECRET, PORT: '0' } })
    server.log = ''
    server.stderr.setEncoding('utf8').on('data', (text) => { server.log += text })
    lines = createInterface(server.stdout)[Symbol.asyncIterator]()
    url = (await lines.next()).value.split(' ').at(-1)
  })
  after(() => server.kill())

  test('accepts what a sender sends', async () => {
    const sender = new Sender({ allowPrivate: true })
    const delivery = await sender.send({ url, secrets: [SECRET] }, 'order.paid', { id: 42 }, { id: 'evt_sent' })
    await sender.close()
    assert.equal(delivery.status, 'delivered', JSON.stringify(delivery))
    assert.equal(delivery.attempts[0].statusCode, 204)
    assert.deepEqual(JSON.parse((await lines.next()).value), { id: 'evt_sent', type: 'order.paid', payload: { id: 42 } })
  })

  test('refuses a copy with 425', async () => {
    const headers = sign()
    assert.equal((await post(url, BODY, headers)).status, 204)
    await lines.next()
    assert.deepEqual((({ status, text }) => [status, text])(await post(url, BODY, headers)), [425, REFUSED])
  })

  test('refuses everything else alike, and says why only in its log', async () => {
    const good = sign()
    const signature = good['X-Webhook-Signature']
    const attacks = [
      [BODY, {}], ['{"id":43}', good], [`${BODY} `, good], ['', good], [BODY, { ...good, 'X-Webhook-Id': 'evt_0' }], [BODY, { ...good, 'X-Webhook-Event': 'order.lost' }],
      [BODY, { ...good, 'X-Webhook-Signature': 'x' }], [BODY, { ...good, 'X-Webhook-Signature': `${signature}, ${signature}` }], [BODY, { ...good, 'X-Webhook-Signature': 't='.repeat(4000) }],
      [BODY, signer.sign(BODY, { timestamp: 1_700_000_000 })], [BODY, new Signer({ secrets: 'whsec_other' }).sign(BODY)], [Buffer.alloc(1024 * 1024), good],
    ]
    for (const [body, headers] of attacks) {
      const { status, text } = await post(url, body, headers)
      assert.deepEqual([status, text], [400, REFUSED])
    }
    const twice = `POST /hooks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${BODY.length}\r\nX-Webhook-Signature: ${signature}\r\nX-Webhook-Signature: ${signature}\r\n\r\n${BODY}`
    assert.match(await raw(url, twice), /^HTTP\/1.1 400 [^]*webhook refused/)
    assert.match(server.log, /hookseal: webhook refused: no_matching_signature/)
    assert.match(server.log, /hookseal: webhook refused: timestamp_too_old/)
    assert.match(server.log, /hookseal: webhook refused: malformed_header/)
    assert.doesNotMatch(server.log, new RegExp(SECRET))
  })

  test('stops reading what is too long, whatever its length says', async () => {
    const large = 'x'.repeat(1024 * 1024 + 1)
    assert.deepEqual((({ status, text }) => [status, text])(await post(url, large, sign(large))), [413, REFUSED])
    const chunked = await raw(url, `POST /hooks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n${large}\r\n`)
    assert.match(chunked, /^HTTP\/1.1 413 [^]*[Cc]onnection: close[^]*webhook refused/)
    const promised = await raw(url, 'POST /hooks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n')
    assert.match(promised, /^HTTP\/1.1 413 /)
  })

  test('takes no part of a body for the whole', async () => {
    const headers = Object.entries(sign()).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const lie = (length) => `POST /hooks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}Content-Length: ${length}\r\n\r\n${BODY}`
    assert.equal(await raw(url, lie(BODY.length + 1), { end: true }), '')
    assert.match(await raw(url, lie(BODY.length - 1)), /^HTTP\/1.1 400 /)
    assert.match(await raw(url, `POST /hooks HTTP/1.1\r\nHost: x\r\n${headers}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`), /^HTTP\/1.1 400 /)
  })

  test('is well after all that', async () => {
    assert.equal((await post(url, BODY, sign())).status, 204)
    assert.deepEqual(JSON.parse((await lines.next()).value).payload, { id: 42 })
    assert.equal(server.exitCode, null)
  })
})

/** Serves an app on a free port while it is used. */
async function serve(app, use) {
  const server = http.createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(`http://127.0.0.1:${server.address().port}/hooks`)
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

function appWith(handler, ...parsers) {
  const app = express()
  for (const parser of parsers) app.use(parser)
  app.post('/hooks', handler, ({ webhook: { id, type, body, verified } }, response) => {
    response.json({ id, type, length: body.length, version: verified.version })
  })
  app.use((error, request, response, next) => response.status(error.status ?? 500).json({ code: error.code, message: error.message }))
  return app
}

test('the handler gets the covered values and the raw body', async () => {
  const verifier = new Verifier({ secrets: SECRET })
  await serve(appWith(webhook(verifier)), async (url) => {
    const { status, text } = await post(url, BODY, { ...sign(), 'content-type': 'application/json' })
    assert.deepEqual([status, JSON.parse(text)], [200, { id: `evt_${count}`, type: 'order.paid', length: 9, version: 'v2' }])
    const uncovered = await post(url, BODY, { ...signer.sign(BODY), 'x-webhook-id': 'evt_forged', 'x-webhook-event': 'forged' })
    assert.deepEqual(JSON.parse(uncovered.text), { length: 9, version: 'v1' })
    const bytes = Buffer.from([0xff, 0x00])
    assert.equal(JSON.parse((await post(url, bytes, sign(bytes))).text).length, 2)
    assert.equal(JSON.parse((await post(url, '', sign(''))).text).length, 0)
  })
})

test('json() parses on demand', async () => {
  const parsed = []
  const app = express().post('/hooks', webhook(new Verifier({ secrets: SECRET })), ({ webhook: it }, response) => {
    try {
      parsed.push(it.json())
    } catch (error) {
      parsed.push(error.name)
    }
    response.end()
  })
  await serve(app, async (url) => {
    for (const body of [BODY, 'no json']) await post(url, body, sign(body))
  })
  assert.deepEqual(parsed, [{ id: 42 }, 'SyntaxError'])
})

test('a body that another parser consumed is an error of the server that says what to change', async () => {
  const handler = webhook(new Verifier({ secrets: SECRET }))
  for (const parser of [express.json(), express.text({ type: '*/*' }), express.urlencoded({ type: '*/*' })]) {
    await serve(appWith(handler, parser), async (url) => {
      const { status, text } = await post(url, BODY, { ...sign(), 'content-type': 'application/json' })
      assert.equal(status, 500)
      assert.equal(JSON.parse(text).code, 'body_not_bytes')
      assert.match(JSON.parse(text).message, /express\.json\(\)/)
    })
  }
})

test('parsers that leave the bytes alone do no harm', async () => {
  const handler = webhook(new Verifier({ secrets: SECRET }))
  for (const [parser, type] of [[express.raw({ type: '*/*' }), 'application/json'], [express.json(), 'text/plain']]) {
    await serve(appWith(handler, parser), async (url) => {
      assert.equal((await post(url, BODY, { ...sign(), 'content-type': type })).status, 200)
      assert.equal((await post(url, `${BODY} `, { ...sign(), 'content-type': type })).status, 400)
    })
  }
  await serve(appWith(webhook(new Verifier({ secrets: SECRET }), { maxBody: 8 }), express.raw({ type: '*/*' })), async (url) => {
    assert.equal((await post(url, BODY, sign())).status, 413)
  })
})

test('a full replay guard answers 503, and reasons go to onRefused', async () => {
  const refused = []
  const verifier = new Verifier({ secrets: SECRET, replay: new ReplayGuard({ capacity: 2 }) })
  const handler = webhook(verifier, { maxBody: 16, onRefused: (error, request) => refused.push([error.code, request.url]) })
  await serve(appWith(handler), async (url) => {
    const statuses = []
    for (const [body, headers] of [[BODY, sign()], [BODY, sign()], ['x'.repeat(17), {}], [BODY, {}]]) statuses.push(await post(url, body, headers))
    assert.deepEqual(statuses.map(({ status }) => status), [200, 503, 413, 400])
    assert.equal(statuses[1].headers.get('retry-after'), '60')
  })
  assert.deepEqual(refused.map(([code]) => code), ['storage_full', 'body_too_large', 'missing_header'])
  assert.equal(refused[0][1], '/hooks')
})

test('schemes that sign the URL get it from publicUrl, never from the request', async () => {
  const square = new Signer({ secrets: SECRET, scheme: 'square' })
  const verifier = new Verifier({ secrets: SECRET, scheme: 'square' })
  const headers = square.sign(BODY, { url: 'https://shop.example.com/hooks?a=1' })
  const silent = () => {}
  const cases = [['https://shop.example.com', 200], ['https://shop.example.com/', 200], ['https://other.example.com', 400], [undefined, 400]]
  for (const [publicUrl, expected] of cases) {
    await serve(appWith(webhook(verifier, { publicUrl, onRefused: silent })), async (url) => {
      assert.equal((await post(`${url}?a=1`, BODY, { ...headers, host: 'shop.example.com', 'x-forwarded-host': 'shop.example.com' })).status, expected, publicUrl)
    })
  }
})

test('without Express it is a handler of node:http', async () => {
  const handler = webhook(new Verifier({ secrets: SECRET }))
  const listener = (request, response) => handler(request, response, () => response.end(request.webhook.id))
  await serve(listener, async (url) => assert.equal((await post(url, BODY, sign())).text, `evt_${count}`))
})

test('options that can not be are refused', () => {
  const verifier = new Verifier({ secrets: SECRET })
  for (const args of [[], [{}], [verifier, { maxBody: -1 }], [verifier, { maxBody: NaN }], [verifier, { colour: 'red' }], [verifier, { publicUrl: 1 }], [verifier, null]]) {
    assert.throws(() => webhook(...args), (error) => error.code === 'invalid_config', JSON.stringify(args))
  }
})
