// An Express receiver that is out of order at first: it answers 503 twice before it accepts a message.
//
//     node receiver.mjs 8001

import express from 'express'
import { Verifier } from 'hookseal'
import { webhook } from 'hookseal/express'

const app = express()
const verifier = new Verifier({ secrets: ['whsec_demo'] })
const received = []
const failures = new Map()

app.post('/hooks', webhook(verifier), (req, res) => {
  const { id, type, verified } = req.webhook
  const failed = failures.get(id) ?? 0
  if (failed < 2) {
    failures.set(id, failed + 1)
    return res.sendStatus(503)
  }
  received.push({ id, type, data: req.webhook.json(), key: `#${verified.keyIndex}`, version: verified.version })
  res.sendStatus(204)
})

app.get('/received', (_req, res) => res.json(received))

const server = app.listen(Number(process.argv[2] ?? 8001), '127.0.0.1', () => {
  console.log(`listening on ${server.address().port}`)
})
