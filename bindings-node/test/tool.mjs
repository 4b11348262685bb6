// The package as a command, for tests that cross languages:
//   sign, verify             one vector a line in, one verdict a line out
//   send URL TYPE SECRET [ID]  the payload on standard input, one line of JSON out
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'

import { Sender } from 'hookseal'
import { signVector, verifyVector } from './vectors.mjs'

const commands = {
  sign: () => eachLine(signVector),
  verify: () => eachLine(verifyVector),
  async send(url, type, secret, id) {
    const sender = new Sender({ allowPrivate: true })
    const delivery = await sender.send({ url, secrets: [secret] }, type, await buffer(process.stdin), { id })
    await sender.close()
    const attempts = delivery.attempts.map(({ number, statusCode = null, error = null }) => ({ number, status_code: statusCode, error }))
    console.log(JSON.stringify({ status: delivery.status, id: delivery.id, attempts }))
  },
}

async function eachLine(run) {
  for await (const line of createInterface(process.stdin)) {
    if (line.trim() !== '') console.log(JSON.stringify(run(JSON.parse(line))))
  }
}

const [name, ...args] = process.argv.slice(2)
if (!Object.hasOwn(commands, name ?? '')) {
  console.error('usage: tool.mjs sign | verify | send URL TYPE SECRET [ID]')
  process.exit(2)
}
await commands[name](...args)
