// Receives webhooks: HOOKSEAL_SECRET=whsec_… PORT=3000 node server.mjs
import fastify from 'fastify'
import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/fastify'
import * as z from 'zod'

const verifier = new Verifier({ secrets: process.env.HOOKSEAL_SECRET, replay: new ReplayGuard() })
const schema = z.looseObject({ id: z.number() })
const app = fastify()

app.register(webhook(verifier, {
  url: '/hooks',
  schema, // asked after the signature
  handler: async ({ webhook: { id, type, json } }, reply) => {
    console.log(JSON.stringify({ id, type, payload: json() }))
    return reply.code(204).send()
  },
}))

app.post('/orders', async ({ body }) => ({ received: body })) // parsed by Fastify, as ever

const origin = await app.listen({ port: Number(process.env.PORT ?? 0) })
console.log(`listening on ${origin}/hooks`)
