import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'

import express from 'express'
import express4 from 'express4'
import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/express'

import { listen, PAYLOAD, post, refusesForgeries, refusesOptions, SECRETS, sign, statusOf, underAttack } from './attacks.mjs'
import { appIn, serve, written } from './programs.mjs'

const verifier = new Verifier({ secrets: SECRETS })
const silent = () => {}

function appOf(framework, handler, parsers, handle) {
  const app = framework()
  for (const parser of parsers) app.use(parser)
  app.post('/hooks', handler, (request, response, next) => {
    Promise.resolve().then(() => handle(request.webhook)).then(() => response.sendStatus(204), next)
  })
  return app.use((error, _request, response, _next) => response.status(error.status ?? 500).json({ code: error.code, message: error.message }))
}

for (const [name, framework] of [['Express 5', express], ['Express 4', express4]]) {
  underAttack(name, (verifier, options, handle, { eater }) => {
    return listen(appOf(framework, webhook(verifier, options), eater ? [framework.json()] : [], handle))
  })

  test(`${name}: a body that another parser consumed is an error of the server that says what to change`, async () => {
    for (const parser of [framework.json(), framework.text({ type: '*/*' }), framework.urlencoded({ type: '*/*' })]) {
      const server = await listen(appOf(framework, webhook(verifier), [parser], silent))
      const { status, text } = await post(sign(server.url))
      assert.deepEqual([status, JSON.parse(text).code], [500, 'body_not_bytes'])
      assert.match(JSON.parse(text).message, /before app\.use\(express\.json\(\)\)/)
      await server.close()
    }
  })

  test(`${name}: parsers that leave the bytes alone, or keep them, do no harm`, async () => {
    const keep = (request, _response, bytes) => { request.rawBody = bytes }
    for (const [parser, contentType] of [
      [framework.raw({ type: '*/*' }), 'application/json'], [framework.json(), 'text/plain'], [framework.json({ verify: keep }), 'application/json'],
    ]) {
      const server = await listen(appOf(framework, webhook(verifier, { maxBody: 64, onRefused: silent }), [parser], silent))
      assert.equal(await statusOf(sign(server.url, { contentType })), 204)
      assert.equal(await statusOf({ ...sign(server.url, { contentType }), body: JSON.stringify(PAYLOAD, null, 1) }), 400)
      assert.equal(await statusOf(sign(server.url, { contentType, payload: ['x'.repeat(64)] })), 413)
      await server.close()
    }
  })
}

test('a handler of webhook() gets the event, and its failures go to Express', async () => {
  const handler = webhook(verifier, {}, async (event, request, response) => {
    if (event.id === 'evt_fail') throw new Error('mine')
    response.json([event.id, request.webhook === event])
  })
  const server = await listen(express().post('/hooks', handler).use((error, _request, response, _next) => response.status(500).end(error.message)))
  assert.equal((await post(sign(server.url, { id: 'evt_1' }))).text, '["evt_1",true]')
  const { status, text } = await post(sign(server.url, { id: 'evt_fail' }))
  assert.deepEqual([status, text], [500, 'mine'])
  await server.close()
})

test('an answer that the sender did not wait for counts as none: its copy is let in', async () => {
  const handler = webhook(new Verifier({ secrets: SECRETS, replay: new ReplayGuard() }))
  const requests = []
  const arrived = new EventEmitter()
  const server = await listen(express().post('/hooks', handler, (_request, response) => {
    requests.push(response)
    arrived.emit('request')
    if (requests.length > 1) response.sendStatus(204)
  }))
  const { url, ...init } = sign(server.url)
  const leaving = new AbortController()
  const first = fetch(url, { ...init, signal: leaving.signal })
  await once(arrived, 'request')
  leaving.abort()
  await assert.rejects(first, { name: 'AbortError' })
  await once(requests[0], 'close')
  assert.equal(await statusOf({ url, ...init }), 204)
  await server.close()
})

test('without Express it is a handler of node:http, and of requests without raw headers', async () => {
  const handler = webhook(verifier)
  const server = await listen((request, response) => {
    request.rawHeaders = undefined
    handler(request, response, (error) => response.end(error?.code ?? request.webhook.id))
  })
  assert.equal((await post(sign(server.url, { id: 'evt_1' }))).text, 'evt_1')
  await server.close()
})

test('a mounted router changes nothing about the URL that was signed', async () => {
  const square = new Verifier({ secrets: SECRETS, scheme: 'square' })
  const router = express.Router().post('/square', webhook(square, { publicUrl: 'https://shop.example.com' }), (_request, response) => response.end())
  const server = await listen(express().use('/hooks', router))
  const { headers, body } = sign('https://shop.example.com/hooks/square?a=1', { scheme: 'square' })
  assert.equal(await statusOf({ method: 'POST', url: `${server.url}/square?a=1`, headers, body }), 200)
  await server.close()
})

test('options that can not be are refused', () => refusesOptions(webhook))

for (const readme of ['README.md', 'bindings-node/README.md']) {
  test(`the newcomer's app of ${readme}: under 15 lines, works, refuses what was tampered with`, async (context) => {
    const source = await appIn(readme, 'express')
    assert.ok(source.trimEnd().split('\n').length < 15, source)
    const { path, remove } = await written(source, ['express'])
    const server = await serve(path)
    context.after(async () => { await server.stop(); await remove() })
    assert.equal(await statusOf(sign(server.url, { id: 'evt_1' })), 204)
    assert.match(await server.line(), /^evt_1 order\.paid \{ id: 42, name: 'Zoë' \}$/)
    await refusesForgeries(server.url)
    await server.logged(/webhook refused: no_matching_signature/)
    await server.stop()
    assert.deepEqual(server.lines, [], 'nothing else was handled')
  })

  test(`the same app behind a global express.json(): it says what to change`, async (context) => {
    const source = (await appIn(readme, 'express')).replace('const app = express()\n', '$&app.use(express.json())\n')
    assert.match(source, /app\.use\(express\.json\(\)\)/)
    const { path, remove } = await written(source, ['express'])
    const server = await serve(path)
    context.after(async () => { await server.stop(); await remove() })
    const good = sign(server.url)
    for (const request of [good, { ...good, body: '{"id":43}' }]) assert.equal(await statusOf(request), 500)
    await server.logged(/register this route before app\.use\(express\.json\(\)\)/)
    await server.stop()
    assert.deepEqual(server.lines, [])
  })
}
