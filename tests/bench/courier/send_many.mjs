// `sendMany` beside an undici Pool loop and a fetch loop that sign with crypto: prints rows of a Markdown table. The argument is
// the sink.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

import { Endpoint, Sender } from 'hookseal'
import { Pool } from 'undici'

const IN_FLIGHT = 64
const DELIVERIES = 2_000
const TURNS = 15
const SECRET = 'whsec_bench'
const PAYLOAD = Buffer.from(JSON.stringify({ id: 42, note: 'x'.repeat(1000) }))

const sink = spawn(process.argv[2], ['sink'], { stdio: ['pipe', 'pipe', 'inherit'] })
const [line] = await once(sink.stdout, 'data')
const origin = `http://127.0.0.1:${String(line).trim()}`

const sender = new Sender({ allowPrivate: true, maxInFlight: IN_FLIGHT, maxInFlightPerEndpoint: IN_FLIGHT })
const endpoint = new Endpoint({ url: `${origin}/`, secrets: [SECRET] })
const items = Array.from({ length: DELIVERIES }, () => [endpoint, 'order.paid', PAYLOAD])

async function sendMany() {
  const deliveries = await sender.sendMany(items)
  return () => assert(deliveries.every(({ status, attempts }) => status === 'delivered' && attempts.length === 1))
}

function signedHeaders() {
  const now = Math.floor(Date.now() / 1000)
  const signature = createHmac('sha256', SECRET).update(`${now}.`).update(PAYLOAD).digest('hex')
  return { 'content-type': 'application/json', 'x-webhook-signature': `t=${now},v1=${signature}` }
}

const pool = new Pool(origin, { connections: IN_FLIGHT })
const undiciLoop = () => loop(async () => {
  const { statusCode, body } = await pool.request({ path: '/', method: 'POST', headers: signedHeaders(), body: PAYLOAD })
  await body.dump()
  return statusCode
})

const fetchLoop = () => loop(async () => {
  const response = await fetch(`${origin}/`, { method: 'POST', headers: signedHeaders(), body: PAYLOAD })
  await response.arrayBuffer()
  return response.status
})

async function loop(post) {
  let left = DELIVERIES
  const work = async () => { while (left-- > 0) assert.equal(await post(), 204) }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
}

async function rate(side) {
  const start = performance.now()
  const check = await side()
  const seconds = (performance.now() - start) / 1000
  check?.()
  return DELIVERIES / seconds
}

async function race(name, target, peer, turns) {
  await rate(sendMany)
  await rate(peer)
  const rates = []
  for (let turn = 0; turn < turns; turn++) {
    if (turn % 2) {
      const theirs = await rate(peer)
      rates.push([await rate(sendMany), theirs])
    } else {
      rates.push([await rate(sendMany), await rate(peer)])
    }
  }
  const quartiles = (pick) => {
    const sorted = rates.map(pick).sort((a, b) => a - b)
    return [1, 2, 3].map((quarter) => sorted[Math.floor((sorted.length - 1) * quarter / 4)])
  }
  const [low, ratio, high] = quartiles(([ours, theirs]) => ours / theirs).map((it) => it.toFixed(2))
  const [ours, theirs] = [0, 1].map((side) => quartiles((pair) => pair[side])[1].toFixed(0))
  console.log(`| \`sendMany\` / ${name}, Node ${process.versions.node} | ${ours} | ${theirs} | ${ratio} | ${low} - ${high} | ${target} |`)
}

const { version } = JSON.parse(readFileSync(new URL('node_modules/undici/package.json', import.meta.url), 'utf8'))
await race(`undici ${version} Pool with crypto`, 0.9, undiciLoop, TURNS)
await race('fetch with crypto', 5, fetchLoop, TURNS)
await pool.close()
await sender.close()
sink.stdin.end()
