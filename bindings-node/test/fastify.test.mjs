import assert from 'node:assert/strict'
import { test } from 'node:test'

import fastify from 'fastify'
import { Verifier } from 'hookseal'
import { webhook } from 'hookseal/fastify'
import { signedRequest } from 'hookseal/testing'

import { refusesOptions, SECRETS, sign, underAttack } from './attacks.mjs'

const verifier = new Verifier({ secrets: SECRETS })
const silent = () => {}

function appOf(verifier, options, handle, { eater = false } = {}) {
  const app = fastify({ forceCloseConnections: true })
  if (eater) app.addHook('preParsing', async (_request, _reply, payload) => { for await (const _ of payload); return payload })
  app.register(webhook(verifier, { url: '/hooks', ...options, handler: async (request, reply) => {
    await handle(request.webhook)
    return reply.code(204).send()
  } }))
  return app
}

underAttack('Fastify', async (...args) => {
  const app = appOf(...args)
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url: `${origin}/hooks`, close: () => app.close() }
})

test('options that can not be are refused', () => {
  refusesOptions((verifier, options) => webhook(verifier, { url: '/', handler: silent, ...options }))
})

test('the rest of the app keeps its parsers, before and after', async () => {
  const app = fastify()
  app.addContentTypeParser('text/csv', { parseAs: 'string' }, async (_request, body) => body.split(','))
  app.post('/before', async ({ body, webhook }) => ({ body, webhook: webhook === undefined }))
  app.register(webhook(verifier, { url: '/hooks', handler: async ({ webhook }) => ({ id: webhook.id }) }), { prefix: '/v1' })
  app.post('/after', async ({ body, webhook }) => ({ body, webhook: webhook === undefined }))
  for (const url of ['/before', '/after']) {
    assert.deepEqual((await app.inject({ method: 'POST', url, payload: { id: 1 } })).json(), { body: { id: 1 }, webhook: true })
    const csv = await app.inject({ method: 'POST', url, payload: '1,2', headers: { 'content-type': 'text/csv' } })
    assert.deepEqual(csv.json().body, ['1', '2'])
    assert.equal((await app.inject({ method: 'POST', url, payload: '<a/>', headers: { 'content-type': 'text/xml' } })).statusCode, 415)
  }
  const good = signedRequest({ secrets: SECRETS, id: 'evt_1', url: '/v1/hooks', contentType: 'text/xml' })
  assert.deepEqual((await app.inject(good)).json(), { id: 'evt_1' })
  assert.equal((await app.inject({ ...good, body: 'forged' })).statusCode, 400)
  await app.close()
})

test('a request without a body and a type is verified like any other', async () => {
  const app = appOf(verifier, { onRefused: silent }, silent)
  const { headers: { 'Content-Type': _, ...headers } } = sign('/hooks', { body: '' })
  assert.equal((await app.inject({ method: 'POST', url: '/hooks', headers })).statusCode, 204)
  assert.equal((await app.inject({ method: 'POST', url: '/hooks' })).statusCode, 400)
  await app.close()
})

test('hooks of the app see the answer, and two routes do not disturb one another', async () => {
  const app = fastify()
  const answers = []
  app.addHook('onResponse', async (request, reply) => { answers.push([request.url, reply.statusCode]) })
  for (const url of ['/a', '/b']) app.register(webhook(verifier, { url, onRefused: silent, handler: async ({ webhook }) => webhook.json() }))
  for (const url of ['/a', '/b']) {
    assert.deepEqual((await app.inject(signedRequest({ secrets: SECRETS, url, payload: { url } }))).json(), { url })
    await app.inject({ method: 'POST', url })
  }
  assert.deepEqual(answers, [['/a', 200], ['/a', 400], ['/b', 200], ['/b', 400]])
  await app.close()
})
