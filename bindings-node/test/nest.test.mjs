import 'reflect-metadata'
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Controller, HttpCode, Injectable, Module, Post, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { ReplayGuard, Verifier } from 'hookseal'
import { Webhook, WebhookGuard } from 'hookseal/nest'
import { forgeries } from 'hookseal/testing'

import { PAYLOAD, post, REFUSED, refusesOptions, SECRETS, sign, statusOf, underAttack } from './attacks.mjs'

/** A decorated class, as TypeScript writes it. */
function decorate(target, { type = [], method = {}, parameters = {} }) {
  for (const decorator of type) decorator(target)
  for (const [name, decorators] of Object.entries(method)) {
    for (const decorator of decorators) decorator(target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name))
    for (const [index, parameter] of (parameters[name] ?? []).entries()) parameter(target.prototype, name, index)
  }
  return target
}

function moduleOf(guard, handle) {
  class Hooks {
    receive(event) {
      return handle(event)
    }
  }
  decorate(Hooks, { type: [Controller()], method: { receive: [Post('hooks'), HttpCode(204), UseGuards(guard)] }, parameters: { receive: [Webhook()] } })
  return decorate(class {}, { type: [Module({ controllers: [Hooks] })] })
}

async function serve(adapter, guard, handle, options) {
  const app = await NestFactory.create(moduleOf(guard, handle), adapter, { logger: false, forceCloseConnections: true, ...options })
  await app.listen(0, '127.0.0.1')
  return { url: `${await app.getUrl()}/hooks`, close: () => app.close() }
}

underAttack('Nest without its parsers', (verifier, options, handle, { eater }) => {
  return serve(new ExpressAdapter(), new WebhookGuard(verifier, options), handle, eater ? {} : { bodyParser: false })
})

for (const [name, adapter] of Object.entries({ Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() })) {
  test(`Nest on ${name} keeps the bytes beside what it parses, and the guard verifies those`, async () => {
    let failures = 1
    const ids = []
    const handle = (event) => {
      ids.push([event.id, event.json()])
      if (failures-- > 0) throw new Error('the handler fails, as it is told')
    }
    const guard = new WebhookGuard(new Verifier({ secrets: SECRETS, replay: new ReplayGuard() }), { onRefused: () => {}, maxBody: 64 })
    const server = await serve(adapter(), guard, handle, { rawBody: true })
    const request = sign(server.url, { id: 'evt_1' })
    const statuses = []
    for (let count = 0; count < 3; count += 1) statuses.push(await statusOf(request))
    assert.deepEqual(statuses, [500, 204, 425])
    assert.deepEqual(ids, [['evt_1', PAYLOAD], ['evt_1', PAYLOAD]])

    for (const body of [JSON.stringify({ ...PAYLOAD, id: 43 }), `${JSON.stringify(PAYLOAD)} `, JSON.stringify(PAYLOAD, null, 1), '{"name":"Zoë","id":42}', '{}']) {
      const { status, text } = await post({ ...sign(server.url), body })
      assert.deepEqual([status, text], [400, REFUSED], body)
    }
    assert.equal(await statusOf(sign(server.url, { payload: ['x'.repeat(64)] })), 413)
    for (const { name, request } of forgeries({ secrets: SECRETS, payload: PAYLOAD, url: server.url })) {
      assert.ok([400, 413].includes(await statusOf(request)), name) // what is no JSON is refused by the parser of Nest
    }
    assert.equal(ids.length, 2)
    await server.close()
  })

  test(`Nest on ${name} without rawBody says that it is needed`, async () => {
    const messages = []
    const guard = new WebhookGuard(new Verifier({ secrets: SECRETS }))
    const { canActivate } = guard
    guard.canActivate = (context) => canActivate.call(guard, context).catch((error) => { messages.push(error.message); throw error })
    const server = await serve(adapter(), guard, () => {}, {})
    assert.equal(await statusOf(sign(server.url)), 500)
    assert.match(messages[0], /rawBody: true/)
    await server.close()
  })
}

test('a guard of your own gets its secret injected', async () => {
  class Settings {
    secret = SECRETS
  }
  class ShopGuard extends WebhookGuard {
    constructor(settings) {
      super(new Verifier({ secrets: settings.secret }))
    }
  }
  decorate(ShopGuard, { type: [Injectable()] })
  Reflect.defineMetadata('design:paramtypes', [Settings], ShopGuard)
  class Hooks {
    receive(event) {
      return { id: event.id }
    }
  }
  decorate(Hooks, { type: [Controller()], method: { receive: [Post('hooks'), UseGuards(ShopGuard)] }, parameters: { receive: [Webhook()] } })
  const App = decorate(class {}, { type: [Module({ controllers: [Hooks], providers: [Settings] })] })
  const app = await NestFactory.create(App, { logger: false, rawBody: true })
  await app.listen(0, '127.0.0.1')
  const url = `${await app.getUrl()}/hooks`
  const { status, text } = await post(sign(url, { id: 'evt_1' }))
  assert.deepEqual([status, JSON.parse(text)], [201, { id: 'evt_1' }])
  await app.close()
})

test('options that can not be are refused', () => refusesOptions((...args) => new WebhookGuard(...args)))
