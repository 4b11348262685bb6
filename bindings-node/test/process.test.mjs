// How the package lives and ends with its process, each time in one of its own.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { runScript, startReceiver } from './support.mjs'

let receiver
before(async () => { receiver = await startReceiver() })
after(() => receiver.stop())

/** Runs a script that has to end by itself and to write exactly these lines. */
async function writes(lines, source, expected = 0, errors = /^$/, options = {}) {
  const { code, signal, stdout, stderr } = await runScript(source, receiver.url, options)
  assert.equal(signal, null, `it did not end: ${stdout}${stderr}`)
  assert.equal(code, expected, stderr)
  assert.deepEqual(stdout.split('\n').filter(Boolean), lines)
  assert.match(stderr, errors)
}

const PROLOGUE = `
  import { Sender, Signer, Verifier } from 'hookseal'
  const url = process.argv.at(-1)
  const endpoint = { url: url + '/sink', secrets: ['whsec_demo'] }
  const silent = () => ({ url: url + '/s/silent/' + crypto.randomUUID(), secrets: ['whsec_demo'] })
  const open = (options) => new Sender({ allowPrivate: true, ...options })
`

test('nothing starts at import, nor by signing and verifying', {
  skip: process.platform !== 'linux' && 'threads are counted in /proc',
}, () => writes(['0 new threads'], `
  import { promises, readdirSync } from 'node:fs'
  await promises.readdir('.') // starts Node's own
  const count = () => readdirSync('/proc/self/task').length
  const before = count()
  const { Signer, Verifier } = await import('hookseal')
  const headers = new Signer({ secrets: 'whsec_demo' }).sign('{}')
  new Verifier({ secrets: 'whsec_demo' }).verify('{}', headers)
  console.log(count() - before, 'new threads')
`))

test('verify, send, close: nothing is left open, and the process ends within two seconds', () => writes(['delivered []'], `${PROLOGUE}
  new Verifier({ secrets: 'whsec_demo' }).verify('{}', new Signer({ secrets: 'whsec_demo' }).sign('{}'))
  const sender = open({ onEvent: () => {} })
  const { status } = await sender.send(endpoint, 'order.paid', { id: 42 })
  await sender.close()
  console.log(status, JSON.stringify(process.getActiveResourcesInfo()))
`, 0, /^$/, { within: 2_000 }))

test('an idle sender keeps no process alive, closed or not', () => writes(['delivered'], `${PROLOGUE}
  const sender = open({ onEvent: () => {} })
  console.log((await sender.send(endpoint, 'order.paid', {})).status)
`))

test('queued deliveries keep no process alive, and their end is not silent', () => writes(['pending'], `${PROLOGUE}
  const sender = open({ onEvent: () => {} })
  console.log(sender.enqueue(silent(), 'order.paid', {}).delivery.status)
`, 0, /^hookseal: the process ends with 1 unfinished deliveries;/))

test('a send that is waited for keeps the process alive', () => writes(['delivered'], `${PROLOGUE}
  const sender = open({ retry: { schedule: [0.2] }, timeout: 0.3 })
  console.log((await sender.send(silent(), 'order.paid', {})).status)
`))

test('a flush that is waited for keeps the process alive', () => writes(['true'], `${PROLOGUE}
  const sender = open({ retry: { schedule: [0.2] }, timeout: 0.3 })
  sender.enqueue(silent(), 'order.paid', {})
  console.log(await sender.flush())
`))

test('a close that is waited for keeps the process alive, and gives back what is unfinished', () => writes(['1'], `${PROLOGUE}
  const sender = open()
  sender.enqueue(silent(), 'order.paid', {})
  await sender.flush({ timeout: 0.05 })
  console.log((await sender.close({ grace: 0.2 })).length)
`))

test('errors of asynchronous calls are the same classes', () => writes(['true closed'], `${PROLOGUE}
  import { SendError } from 'hookseal'
  const sender = open()
  await sender.close()
  await sender.send(endpoint, 'a', {}).catch((error) => console.log(error instanceof SendError, error.code))
`))

test('waiting for events keeps no process alive', () => writes(['delivery.queued'], `${PROLOGUE}
  const sender = open()
  const events = sender.events()
  sender.enqueue(silent(), 'order.paid', {})
  events.next().then(({ value }) => { console.log(value.type); return events.next() }).then(console.log)
  await sender.flush({ timeout: 0.05 })
`, 0, /^hookseal: the process ends with 1 unfinished deliveries;/))

test('an aborted send keeps no process alive', () => writes(['mine'], `${PROLOGUE}
  const controller = new AbortController()
  const sender = open({ retry: { schedule: [3600] }, timeout: 60 })
  const sending = sender.send(silent(), 'order.paid', {}, { signal: controller.signal })
  setImmediate(() => controller.abort('mine'))
  await sending.catch(console.log)
`, 0, /^(hookseal: the process ends with 1 unfinished deliveries;.*\n)?$/))

test('process.exit during sends ends at once', () => writes([], `${PROLOGUE}
  const sender = open({ onEvent: () => {} })
  for (let count = 0; count < 64; count += 1) sender.send(count % 2 ? endpoint : silent(), 'order.paid', { count })
  await new Promise(setImmediate)
  process.exit(7)
`, 7, /unfinished deliveries/))

test('an exception that nobody catches ends the process during sends', async () => {
  const { code, signal } = await runScript(`${PROLOGUE}
    const sender = open()
    for (let count = 0; count < 16; count += 1) sender.send(silent(), 'order.paid', {})
    setImmediate(() => { throw new Error('mine') })
  `, receiver.url)
  assert.deepEqual([code, signal], [1, null])
})

test('workers verify and send, and end by themselves', () => writes(['4 workers: delivered,delivered,delivered,delivered'], `${PROLOGUE}
  import { Worker } from 'node:worker_threads'
  const work = ${JSON.stringify(`
    import { Sender, Signer, Verifier } from 'hookseal'
    import { parentPort, workerData } from 'node:worker_threads'
    new Verifier({ secrets: 'whsec_demo' }).verify('{}', new Signer({ secrets: 'whsec_demo' }).sign('{}'))
    const sender = new Sender({ allowPrivate: true, onEvent: () => {} })
    sender.send(workerData, 'order.paid', {}).then(({ status }) => parentPort.postMessage(status))
  `)}
  const results = await Promise.all(Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
    let status
    new Worker(work, { eval: true, workerData: endpoint }).on('message', (it) => { status = it }).on('error', reject).on('exit', () => resolve(status))
  })))
  console.log(results.length + ' workers: ' + results)
`))

test('workers are ended in the middle of sends, again and again', () => writes(['8 ended', 'delivered'], `${PROLOGUE}
  import { Worker } from 'node:worker_threads'
  const work = ${JSON.stringify(`
    import { Sender } from 'hookseal'
    import { parentPort, workerData } from 'node:worker_threads'
    const sender = new Sender({ allowPrivate: true, onEvent: () => {} })
    const events = sender.events()
    events.next().then(() => events.next())
    const { signal } = new AbortController()
    for (let count = 0; count < 32; count += 1) sender.send(workerData[count % 2], 'order.paid', {}, count % 3 ? {} : { signal })
    parentPort.postMessage('under way')
  `)}
  let ended = 0
  for (let round = 0; round < 8; round += 1) {
    const worker = new Worker(work, { eval: true, workerData: [endpoint, silent()] })
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    ended += 1
  }
  console.log(ended, 'ended')
  console.log((await open().send(endpoint, 'order.paid', {})).status)
`, 0, /^(hookseal: the process ends with \d+ unfinished deliveries;.*\n)*$/))

test('another context of the same process has classes of its own that work', () => writes(['true'], `
  import { createRequire } from 'node:module'
  const require = createRequire(process.cwd() + '/x.js')
  const first = require('hookseal')
  for (const path of Object.keys(require.cache)) delete require.cache[path]
  const second = require('hookseal')
  const headers = new first.Signer({ secrets: 'whsec_demo' }).sign('{}')
  console.log(first !== second && new second.Verifier({ secrets: 'whsec_demo' }).verify('{}', headers).version === 'v1')
`))
