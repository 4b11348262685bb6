// Copied beside the installed peers by tests/bench/node/run; prints one section of Markdown.
import { execFileSync } from 'node:child_process'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'

import { Signer, Verifier } from 'hookseal'
import { Webhook as Standard } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as Svix } from 'svix'

const ROUNDS = 60
const TURN = 2_000 // calls, about 5 ms
const BYTES = 1024

const require = createRequire(import.meta.url)
const body = Buffer.from(JSON.stringify({ id: 'evt_1', data: 'x'.repeat(BYTES - 25) }))
const text = body.toString()
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const now = Math.floor(Date.now() / 1000)
const id = 'msg_0192f0a1b2c3d4e5f60718293a4b5c6d'

const ours = (scheme) => ({ signer: new Signer({ secrets: [secret], scheme }), verifier: new Verifier({ secrets: [secret], scheme }) })
const stripe = ours('stripe')
const own = ours('hookseal')
const standard = ours('standard-webhooks')
const lower = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
const request = (headers) => ({ host: 'example.com', 'user-agent': 'bench', 'content-type': 'application/json', 'content-length': String(BYTES), ...lower(headers) })

const stripeHeaders = request(stripe.signer.sign(body))
const ownHeaders = request(own.signer.sign(body))
const standardHeaders = request(standard.signer.sign(body, { id }))
const { signature } = new Stripe('sk_test_x').webhooks
const stripeClient = new Stripe('sk_test_x')
const standardPeer = new Standard(secret)
const svixPeer = new Svix(secret)
const date = new Date(now * 1000)

/** A verification of one's own, and the least that it can cost. */
const bare = () => createHmac('sha256', secret).update(body).digest()

const ROWS = [
  // what, target, ours, theirs, name of theirs
  ['verify, stripe', 3.3, () => stripe.verifier.verify(body, stripeHeaders), () => signature.verifyHeader(body, stripeHeaders['stripe-signature'], secret, 300), 'stripe'],
  ['verify, standard-webhooks', 10, () => standard.verifier.verify(body, standardHeaders), () => standardPeer.verify(body, standardHeaders), 'standardwebhooks'],
  ['verify, standard-webhooks', 10, () => standard.verifier.verify(body, standardHeaders), () => svixPeer.verify(body, standardHeaders), 'svix'],
  ['verify, hookseal', 1.7, () => own.verifier.verify(body, ownHeaders), bare, 'bare'],
  ['sign, stripe', 3.3, () => stripe.signer.sign(body), () => stripeClient.webhooks.generateTestHeaderString({ payload: text, secret, timestamp: now }), 'stripe'],
  ['sign, standard-webhooks', 10, () => standard.signer.sign(body, { id }), () => standardPeer.sign(id, date, text), 'standardwebhooks'],
  ['sign, standard-webhooks', 10, () => standard.signer.sign(body, { id }), () => svixPeer.sign(id, date, text), 'svix'],
  ['sign, hookseal', 1.7, () => own.signer.sign(body), bare, 'bare'],
]

const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), 'utf8')).version
const NAMES = { bare: 'createHmac().update().digest()' }
const nameOf = (peer) => NAMES[peer] ?? `${peer} ${version(peer)}`

function turn(call) {
  const start = process.hrtime.bigint()
  for (let count = 0; count < TURN; count += 1) call()
  return Number(process.hrtime.bigint() - start) / TURN
}

const sorted = (values) => values.toSorted((one, other) => one - other)
const at = (values, share) => sorted(values)[Math.floor(values.length * share)]

function race(mine, theirs) {
  const turns = []
  for (let round = -10; round < ROUNDS; round += 1) {
    const pair = round % 2 === 0 ? [turn(mine), turn(theirs)] : [turn(theirs), turn(mine)].reverse()
    if (round >= 0) turns.push(pair)
  }
  const ratios = turns.map(([mine, theirs]) => theirs / mine)
  return { mine: at(turns.map(([it]) => it), 0.5), theirs: at(turns.map(([, it]) => it), 0.5), ratio: at(ratios, 0.5), low: at(ratios, 0.25), high: at(ratios, 0.75) }
}

/** How much longer a process takes that requires the package. */
function loading() {
  const measure = "const start = process.hrtime.bigint(); require(process.argv[1]); console.log(Number(process.hrtime.bigint() - start) / 1e6)"
  const path = require.resolve('hookseal')
  return at(Array.from({ length: 15 }, () => Number(execFileSync(process.execPath, ['-e', measure, path]))), 0.5)
}

/** Each side accepts what the other has signed. */
function check() {
  const peer = stripeClient.webhooks.generateTestHeaderString({ payload: text, secret, timestamp: now })
  stripe.verifier.verify(body, peer)
  standard.verifier.verify(body, { 'webhook-id': id, 'webhook-timestamp': String(now), 'webhook-signature': standardPeer.sign(id, date, text) })
  for (const [, , mine, theirs] of ROWS) [mine(), theirs()] // what refuses a message throws
  const expected = createHmac('sha256', secret).update(`${now}.`).update(body).digest('hex')
  const signed = /v1=(\w+)/.exec(own.signer.sign(body, { timestamp: now })['X-Webhook-Signature'])[1]
  if (!timingSafeEqual(Buffer.from(expected), Buffer.from(signed))) throw new Error('the two sides do not sign alike')
}

check()
const folder = new URL('node_modules/hookseal/', import.meta.url)
const addon = readdirSync(folder).find((name) => name.endsWith('.node'))
const mebibytes = gzipSync(readFileSync(new URL(addon, folder)), { level: 9 }).length / 2 ** 20

console.log(`## Node\n
Verifying and signing a body of ${BYTES} bytes with one secret; Node ${process.versions.node}. The body is a \`Buffer\`, the headers are an
object as Node's servers make it, with four others in it. The bare MAC is over the body alone, with no header read, no time
checked and nothing compared. For signing, peers get the text that they want.

| call, scheme | peer | hookseal | peer | times faster | middle half | target |
|---|---|---:|---:|---:|---:|---:|`)
const microseconds = (nanoseconds) => `${(nanoseconds / 1000).toFixed(2)} µs`
for (const [what, target, mine, theirs, peer] of ROWS) {
  const result = race(mine, theirs)
  console.log(`| ${what} | ${nameOf(peer)} | ${microseconds(result.mine)} | ${microseconds(result.theirs)} | **${result.ratio.toFixed(2)}** | ${result.low.toFixed(2)} to ${result.high.toFixed(2)} | ${target} |`)
}
console.log(`
- The addon, compressed: ${mebibytes.toFixed(2)} MiB (target: under 4)
- \`require('hookseal')\`: ${loading().toFixed(1)} ms, the median of 15 new processes (target: under 15)`)
