import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Verifier } from 'hookseal'
import { webhook } from 'hookseal/koa'
import Koa from 'koa'

import { listen, refusesOptions, SECRETS, sign, statusOf, underAttack } from './attacks.mjs'

function appOf(verifier, options, handle, { eater = false } = {}) {
  const app = new Koa()
  app.silent = true
  if (eater) app.use(async (ctx, next) => { for await (const chunk of ctx.req) ctx.request.body = String(chunk); await next() })
  app.use(webhook(verifier, options))
  app.use(async (ctx) => { await handle(ctx.state.webhook); ctx.status = 204 })
  return app
}

underAttack('Koa', (...args) => listen(appOf(...args).callback()))

test('options that can not be are refused', () => refusesOptions(webhook))

test('a body that a parser has read is an error that says what to change', async () => {
  const errors = []
  const app = appOf(new Verifier({ secrets: SECRETS }), {}, () => {}, { eater: true }).on('error', (error) => errors.push(error))
  const server = await listen(app.callback())
  assert.equal(await statusOf(sign(server.url)), 500)
  await server.close()
  assert.equal(errors[0].code, 'body_not_bytes')
  assert.match(errors[0].message, /before app\.use\(bodyParser\(\)\)/)
})
