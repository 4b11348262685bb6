// Receives webhooks: HOOKSEAL_SECRET=whsec_… PORT=3000 node server.mjs
import express from 'express'
import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/express'

const verifier = new Verifier({ secrets: process.env.HOOKSEAL_SECRET, replay: new ReplayGuard() })
const app = express()

app.post('/hooks', webhook(verifier), (request, response) => {
  const { id, type } = request.webhook
  console.log(JSON.stringify({ id, type, payload: request.webhook.json() }))
  response.sendStatus(204)
})

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/hooks`)
})
