// The event's type, from the schema to the handler, in every framework.
import { createServer, type ServerResponse } from 'node:http'

import { serve } from '@hono/node-server'
import { type } from 'arktype'
import { expectTypeOf } from 'expect-type'
import express, { type Request as ExpressRequest } from 'express'
import fastify, { type FastifyReply } from 'fastify'
import { Hono } from 'hono'
import { Verifier, type Sender, type Verified, type WebhookError } from 'hookseal'
import * as onExpress from 'hookseal/express'
import * as onFastify from 'hookseal/fastify'
import * as onHono from 'hookseal/hono'
import * as onKoa from 'hookseal/koa'
import * as onLambda from 'hookseal/lambda'
import * as onNest from 'hookseal/nest'
import * as onNext from 'hookseal/next'
import { fixture, FakeReceiver, forgeries, RecordingSender, signedRequest } from 'hookseal/testing'
import Koa from 'koa'
import * as v from 'valibot'
import * as z from 'zod'

interface Order { id: number }

const verifier = new Verifier({ secrets: 'whsec_demo' })
const schema = z.object({ id: z.string().transform(Number) })

type Event = onNext.WebhookEvent<Order>
expectTypeOf<Event['id']>().toEqualTypeOf<string | undefined>()
expectTypeOf<Event['type']>().toEqualTypeOf<string | undefined>()
expectTypeOf<Event['timestamp']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Event['verified']>().toEqualTypeOf<Verified>()
expectTypeOf<Event['body']>().toEqualTypeOf<Uint8Array>()
expectTypeOf<Event>().toExtend<onNext.WebhookEvent>()

// Without a schema the caller says what it expects; with one the schema does.
onNext.webhook(verifier, (event) => {
  expectTypeOf(event.json()).toBeUnknown()
  expectTypeOf(event.json<Order>()).toEqualTypeOf<Order>()
})
onNext.webhook(verifier, (event) => expectTypeOf(event.json()).toEqualTypeOf<Order>() as never, { schema })
onNext.webhook(verifier, (event) => expectTypeOf(event.json()).toEqualTypeOf<Order>() as never, { schema: v.object({ id: v.pipe(v.string(), v.transform(Number)) }) })
onNext.webhook(verifier, (event) => expectTypeOf(event.json()).toEqualTypeOf<Order>() as never, { schema: type({ id: 'number' }) })
// @ts-expect-error the schema's type is not to be replaced
onNext.webhook(verifier, (event) => void event.json<{ id: string }>(), { schema })
// @ts-expect-error no such option
onNext.webhook(verifier, () => {}, { maxbody: 1 })
// @ts-expect-error not a schema
onNext.webhook(verifier, () => {}, { schema: { parse: () => 1 } })
onNext.webhook(verifier, () => {}, { onRefused: (error, request) => {
  expectTypeOf(error).toEqualTypeOf<WebhookError | onNext.InvalidPayload>()
  expectTypeOf(request).toEqualTypeOf<Request>()
} })
const route: (request: Request, context: { params: Promise<{ shop: string }> }) => Promise<Response> =
  onNext.webhook(verifier, async (_event, _request, context: { params: Promise<{ shop: string }> }) => Response.json(await context.params))

express().post('/hooks', onExpress.webhook(verifier, { schema, maxBody: 1 }), (request, response) => {
  expectTypeOf(request.webhook).toEqualTypeOf<onExpress.WebhookEvent | undefined>()
  response.sendStatus(204)
})
express().post('/hooks', onExpress.webhook(verifier, { schema }, (event, request, response) => {
  expectTypeOf(event.json()).toEqualTypeOf<Order>()
  expectTypeOf(request.params).toEqualTypeOf<ExpressRequest['params']>()
  response.sendStatus(204)
}))

createServer((request, response) => onExpress.webhook<unknown, onExpress.WebhookRequest, ServerResponse>(verifier)(request, response, () => {}))

fastify().register(onFastify.webhook(verifier, {
  url: '/hooks', schema,
  handler: async (request, reply) => {
    expectTypeOf(request.webhook.json()).toEqualTypeOf<Order>()
    expectTypeOf(reply).toEqualTypeOf<FastifyReply>()
    return reply.code(204).send()
  },
}), { prefix: '/v1' })

new Koa().use(onKoa.webhook(verifier, { schema })).use((ctx) => {
  expectTypeOf(ctx.state.webhook.json()).toEqualTypeOf<Order>()
  ctx.status = 204
})

const app = new Hono().post('/hooks', onHono.webhook(verifier, { schema }), (c) => {
  expectTypeOf(c.get('webhook').json()).toEqualTypeOf<Order>()
  return c.body(null, 204)
})
const served = () => serve(app)

const lambda = onLambda.webhook(verifier, (event, request) => {
  expectTypeOf(event.json()).toEqualTypeOf<Order>()
  expectTypeOf(request).toEqualTypeOf<onLambda.LambdaRequest>()
  return { statusCode: 200 }
}, { schema })
expectTypeOf(lambda).returns.resolves.toEqualTypeOf<onLambda.LambdaResponse>()
// @ts-expect-error an answer has a status
onLambda.webhook(verifier, () => ({ body: 'x' }))

const guard = new onNest.WebhookGuard(verifier, { schema })
expectTypeOf(guard.canActivate).returns.resolves.toEqualTypeOf<boolean>()
expectTypeOf(onNest.Webhook).returns.toEqualTypeOf<ParameterDecorator>()

const init: RequestInit = signedRequest({ secrets: 'whsec_demo', payload: {} })
expectTypeOf(forgeries({ secrets: 'whsec_demo' })[0]!.status).toEqualTypeOf<400 | 413>()
expectTypeOf(fixture('stripe').now).toBeNumber()
expectTypeOf(FakeReceiver.start).returns.resolves.toEqualTypeOf<FakeReceiver>()
const sender: Sender = new RecordingSender({ outcome: ({ eventType }) => ({ status: eventType === 'a' ? 'dead' : 'delivered' }) })

export { init, route, sender, served }
