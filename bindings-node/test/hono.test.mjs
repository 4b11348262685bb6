import assert from 'node:assert/strict'
import { test } from 'node:test'

import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/hono'
import { signedRequest } from 'hookseal/testing'

import { listen, refusesOptions, SECRETS, underAttack } from './attacks.mjs'
import { bridge } from './bridge.mjs'
import { onEdge } from './edgebuild.mjs'

function appOf(verifier, options, handle, { eater = false, receive = webhook } = {}) {
  const app = new Hono()
  app.onError((error, c) => c.text(error.message, 500))
  if (eater) app.use(async (c, next) => { await c.req.json(); await next() })
  return app.post('/hooks', receive(verifier, options), async (c) => {
    await handle(c.get('webhook'))
    return c.body(null, 204)
  })
}

underAttack('Hono on Node', (...args) => listen(getRequestListener(appOf(...args).fetch)))
underAttack('Hono on the Fetch API', (...args) => listen(bridge(appOf(...args).fetch)), { joinsHeaders: true })
await onEdge('hono', ({ webhook: receive }, seal) => {
  const serve = (verifier, options, handle, { eater }) => listen(bridge(appOf(verifier, options, handle, { eater, receive }).fetch))
  underAttack('Hono on the edge build', serve, { joinsHeaders: true, seal })
})

test('options that can not be are refused', () => refusesOptions(webhook))

test('a body that was read before is an error that says what to change', async () => {
  const app = appOf(new Verifier({ secrets: SECRETS }), {}, () => {}, { eater: true })
  const { url, ...request } = signedRequest({ secrets: SECRETS })
  const response = await app.request(url, request)
  assert.equal(response.status, 500)
  assert.match(await response.text(), /before any middleware that reads the body/)
})

test('an answer other than 2xx lets the copy in, as a missing route does', async () => {
  const app = new Hono().use(webhook(new Verifier({ secrets: SECRETS, replay: new ReplayGuard() })))
  let status = 503
  app.post('/hooks', (c) => c.body(null, status))
  const { url, ...request } = signedRequest({ secrets: SECRETS })
  const statuses = []
  for (const [path, answer] of [['/none', 404], [url, 503], [url, 204], [url, 204]]) {
    status = answer
    statuses.push((await app.request(path, request)).status)
  }
  assert.deepEqual(statuses, [404, 503, 204, 425])
})
