// Sends one event: `node send.mjs URL ID`, and prints the delivery as JSON.

import { Sender } from 'hookseal'

const [url, id] = process.argv.slice(2)
const sender = new Sender({ retry: { initial: 0.1, maxAttempts: 5 }, allowPrivate: true }) // allowPrivate: the demo's receivers are on this machine
const delivery = await sender.send({ url, secrets: ['whsec_demo'] }, 'order.paid', { id: 42 }, { id })
await sender.close()
console.log(JSON.stringify({ status: delivery.status, attempts: delivery.attempts.map((attempt) => attempt.statusCode) }))
