// The outbox on SQLite, and on PostgreSQL where there is one.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { ConfigError, Endpoint, Key, Outbox, Scheme, Secret, SendError, Signer, StoreError, Verifier, plan, publishStatement } from 'hookseal'
import { FakeReceiver } from 'hookseal/testing'
import pg from 'pg'
import { run, runScript } from './support.mjs'

const POSTGRES = process.env.HOOKSEAL_TEST_POSTGRES
const KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'
const OPTIONS = { encryptionKey: KEY, allowPrivate: true, poll: 0.05 }
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const is = (Class, code) => (error) => {
  assert.ok(error instanceof Class, `${error}`)
  assert.equal(error.code, code, error.message)
  return true
}

let folder, receiver
let count = 0
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookseal-'))
  receiver = await FakeReceiver.start()
})
after(async () => {
  await receiver.close()
  await rm(folder, { recursive: true })
})

const STORES = {
  SQLite: () => `sqlite:${join(folder, `${count += 1}.db`)}`,
  PostgreSQL: () => `${POSTGRES}${POSTGRES.includes('?') ? '&' : '?'}prefix=node${process.pid}_${count += 1}`,
}

/** A test on each store, with an outbox of its own. */
function onEach(name, use) {
  for (const [store, uriOf] of Object.entries(STORES)) {
    const skip = store === 'PostgreSQL' && !POSTGRES && 'HOOKSEAL_TEST_POSTGRES names no server; tests/postgres/with starts one'
    test(`${name}: ${store}`, { skip }, async () => {
      const uri = uriOf()
      const outbox = await Outbox.open(uri, OPTIONS)
      receiver.requests.length = 0
      try {
        await use(outbox, uri, store)
      } finally {
        await outbox.close()
      }
    })
  }
}

onEach('what is published is delivered, signed and told of', async (outbox) => {
  const subscription = await outbox.subscriptions.create({
    url: receiver.url, events: ['order.*'], filters: { shop_id: '7' }, secrets: SECRET, headers: { 'X-Shop_Id': 'yes' }, description: 'shop',
  })
  assert.deepEqual([subscription.events, subscription.filters, subscription.status, subscription.tenant, subscription.description], [['order.*'], { shop_id: '7' }, 'enabled', undefined, 'shop'])
  const options = { id: 'evt_1', metadata: { shop_id: '7' } }
  assert.deepEqual(await outbox.publish('order.paid', { id: 42 }, options), { id: 'evt_1', duplicate: false })
  assert.deepEqual(await outbox.publish('order.paid', { id: 42 }, options), { id: 'evt_1', duplicate: true })
  await assert.rejects(outbox.publish('order.paid', { id: 43 }, options), is(StoreError, 'conflict'))
  await outbox.publish('order.paid', '{}', { metadata: { shop_id: '8' } })
  await outbox.publish('user.new', '{}', { metadata: { shop_id: '7' } })
  const worker = outbox.worker({ concurrency: 4 })
  assert.equal((await worker.runUntilIdle()).delivered, 1)
  assert.deepEqual(worker.counts, { attempts: 1, delivered: 1, retrying: 0, dead: 0, stale: 0, inHand: 0 })

  const [request] = receiver.requests
  assert.equal(receiver.requests.length, 1)
  const verified = new Verifier({ secrets: SECRET }).verify(request.body, request.headers)
  assert.deepEqual([request.body.toString(), verified.eventType, request.headers['x-shop_id']], ['{"id":42}', 'order.paid', 'yes'])
  const { items: [delivery], cursor } = await outbox.deliveries.list({ eventType: 'order.*', status: 'delivered', since: new Date(0) })
  assert.deepEqual([delivery.id, delivery.eventId, delivery.subscription, delivery.attempts, delivery.reason, cursor], [verified.id, 'evt_1', subscription.id, 1, undefined, undefined])
  assert.deepEqual(await outbox.deliveries.get(delivery.id), delivery)
  const [attempt] = await outbox.deliveries.attempts(delivery.id)
  assert.deepEqual([attempt.number, attempt.outcome, attempt.statusCode, attempt.error], [1, 'succeeded', 204, undefined])
  const { eventsWaiting, pending, delivered, dead, inFlight, subscriptions, durable } = await outbox.status()
  assert.deepEqual([eventsWaiting, pending, delivered, dead, inFlight, subscriptions, durable], [0, 0, 1, 0, 0, 1, true])
})

onEach('an endpoint needs no subscription, and has its scheme', async (outbox) => {
  const endpoint = new Endpoint({ url: receiver.url, secrets: new Secret('whsec_demo'), scheme: Scheme.fromObject(new Scheme('stripe').toJSON()) })
  const sent = await outbox.deliver(endpoint, 'order.paid', Buffer.from('raw'), { idempotencyKey: 'k', contentType: 'text/plain', deliverAt: new Date() })
  const again = await outbox.deliver({ url: receiver.url, secrets: ['whsec_demo'], scheme: 'stripe' }, 'order.paid', Buffer.from('raw'), { idempotencyKey: 'k' })
  assert.deepEqual(again, { id: sent.id, duplicate: true })
  await outbox.worker().runUntilIdle()
  const [request] = receiver.requests
  assert.equal(request.headers['content-type'], 'text/plain')
  new Verifier({ secrets: 'whsec_demo', scheme: 'stripe' }).verify(request.body, request.headers)
  const stored = 'invalid_config'
  await assert.rejects(outbox.deliver({ url: receiver.url, signer: new Signer({ secrets: SECRET }) }, 'a', '{}'), is(ConfigError, stored))
  await assert.rejects(outbox.deliver({ url: receiver.url, secrets: Secret.hex('00'.repeat(32)) }, 'a', '{}'), is(ConfigError, stored))
  await assert.rejects(outbox.deliver({ url: receiver.url, secrets: new Key(SECRET) }, 'a', '{}'), is(ConfigError, stored))
})

onEach('subscriptions live', async (outbox) => {
  const { id } = await outbox.subscriptions.create({ url: receiver.url, tenant: 'acme', retry: { maxAttempts: 1 } })
  const [generated] = await outbox.subscriptions.secrets(id)
  assert.match(generated, /^whsec_/)
  assert.equal(await outbox.subscriptions.rotateSecret(id, { secret: SECRET, overlap: 60 }), SECRET)
  assert.deepEqual(await outbox.subscriptions.secrets(id), [SECRET, generated])
  assert.equal((await outbox.subscriptions.pause(id)).status, 'paused')
  assert.equal((await outbox.subscriptions.resume(id)).status, 'enabled')
  const disabled = await outbox.subscriptions.disable(id, 'mine')
  assert.deepEqual([disabled.status, disabled.reason], ['disabled', 'mine'])
  await outbox.subscriptions.resume(id)
  const updated = await outbox.subscriptions.update(id, { url: `${receiver.url}b`, tenant: 'acme', events: ['a.*'] })
  assert.deepEqual([updated.url, updated.events], [`${receiver.url}b`, ['a.*']])
  assert.deepEqual(await outbox.subscriptions.list({ tenant: 'acme' }), [updated])
  assert.deepEqual(await outbox.subscriptions.list(), [])
  await outbox.subscriptions.sendTest(id)
  await outbox.worker().runUntilIdle()
  assert.equal(receiver.requests[0].path, '/b')
  assert.equal(receiver.requests[0].headers['x-webhook-event'], 'hookseal.test')
  await outbox.subscriptions.delete(id)
  await assert.rejects(outbox.subscriptions.get(id), is(StoreError, 'not_found'))
})

onEach('dead letters are retried, counted and purged', async (outbox) => {
  await outbox.subscriptions.create({ url: receiver.url, retry: { maxAttempts: 1 } })
  receiver.answer(500, 500)
  await outbox.publish('order.paid', '{}', { id: 'evt_1' })
  await outbox.publish('user.new', '{}', { id: 'evt_2' })
  await outbox.worker().runUntilIdle()
  const page = await outbox.deadLetters.list({ limit: 1 })
  assert.deepEqual([page.items.length, page.items[0].reason], [1, 'attempts_exhausted'])
  const rest = await outbox.deadLetters.list({ limit: 1, cursor: page.cursor })
  assert.deepEqual([...page.items, ...rest.items].map(({ eventId }) => eventId).sort(), ['evt_1', 'evt_2'])
  await assert.rejects(outbox.deadLetters.list({ cursor: 'forged' }), is(ConfigError, 'invalid_config'))
  assert.equal(await outbox.deadLetters.retry({ eventType: 'order.*', dryRun: true }), 1)
  assert.equal(await outbox.deadLetters.retry({ eventType: 'order.*' }), 1)
  await outbox.worker().runUntilIdle()
  const { items: [delivered] } = await outbox.deliveries.list({ status: 'delivered' })
  assert.equal(delivered.eventId, 'evt_1')
  assert.equal(await outbox.deadLetters.purge({ olderThan: 3600 }), 0)
  assert.equal(await outbox.deadLetters.purge({ olderThan: 0 }), 1)
  assert.equal((await outbox.deliveries.retry(delivered.id)).status, 'pending')
  assert.equal((await outbox.deliveries.cancel(delivered.id)).status, 'cancelled')
  await outbox.cleanUp()
  assert.equal(await outbox.reencrypt(), 0)
})

onEach('a worker runs until it is stopped', async (outbox) => {
  await outbox.subscriptions.create({ url: receiver.url })
  const worker = outbox.worker()
  const running = worker.run()
  await outbox.publish('order.paid', '{}')
  await receiver.received(1)
  worker.stop()
  await running
  assert.equal(worker.counts.delivered, 1)
  await assert.rejects(worker.run(), is(SendError, 'closed'))
  const brief = outbox.worker()
  const stopping = brief.run()
  brief.stop()
  await stopping
})

onEach('an event is published if and only if your own transaction commits', async (outbox, uri, store) => {
  await outbox.subscriptions.create({ url: receiver.url })
  const transact = store === 'SQLite' ? transactOnSqlite : transactOnPostgres
  const [rolledBack, committed] = ['evt_1', 'evt_2'].map((id) => outbox.publishStatement('order.paid', { id }, { id }))
  assert.deepEqual(publishStatement(uri, 'order.paid', { id: 'evt_1' }, { id: 'evt_1' }), rolledBack)
  await transact(uri, rolledBack, 'ROLLBACK')
  await transact(uri, committed, 'COMMIT')
  await outbox.worker().runUntilIdle()
  assert.deepEqual(receiver.requests.map(({ body }) => body.toString()), ['{"id":"evt_2"}'])
  assert.deepEqual(await outbox.publish('order.paid', { id: 'evt_2' }, { id: 'evt_2' }), { id: 'evt_2', duplicate: true })
})

/** In another process: two SQLite libraries on one file in one process undo each other's locks. */
async function transactOnSqlite(uri, { sql, params }, end) {
  const path = uri.slice('sqlite:'.length)
  const values = params.map((value) => value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value)
  const input = JSON.stringify({ path, sql, values, end })
  const { code, stderr } = process.getBuiltinModule?.('node:sqlite') ? await run(process.execPath, ['--input-type=module', '--eval', `
    import { DatabaseSync } from 'node:sqlite'
    import { json } from 'node:stream/consumers'
    const { path, sql, values, end } = await json(process.stdin)
    const database = new DatabaseSync(path)
    database.exec('BEGIN')
    database.prepare(sql).run(...values.map((value) => value?.hex === undefined ? value : Buffer.from(value.hex, 'hex')))
    database.exec(end)
  `], { input }) : await run('python3', ['-c', `
import json, sqlite3, sys
given = json.load(sys.stdin)
database = sqlite3.connect(given["path"], isolation_level=None)
database.execute("BEGIN")
database.execute(given["sql"], [bytes.fromhex(it["hex"]) if isinstance(it, dict) else it for it in given["values"]])
database.execute(given["end"])
`], { input })
  assert.equal(code, 0, stderr)
}

async function transactOnPostgres(_uri, { sql, params }, end) {
  const client = new pg.Client(POSTGRES.replace('@/', '@localhost/')) // which pg reads only with a host; the parameter wins
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query(sql, params)
    await client.query(end)
  } finally {
    await client.end()
  }
}

test('a statement is spelled for each driver, and opens nothing', () => {
  const of = (uri, paramStyle) => publishStatement(uri, 'order.paid', '{}', { id: 'evt_1', paramStyle })
  assert.match(of('sqlite:nowhere/a.db?prefix=app').sql, /^INSERT INTO app_events .*VALUES \(\?, \?/)
  assert.match(of('postgres://nobody@nowhere/x').sql, /\$1, \$2/)
  assert.match(of('postgres://nobody@nowhere/x', 'format').sql, /%s, %s/)
  const { sql, params } = of('sqlite:a.db', 'named')
  assert.match(sql, /:p1, :p2/)
  assert.deepEqual([params.p1, params.p2, Buffer.from(params.p3).toString()], ['evt_1', 'order.paid', '{}'])
  assert.throws(() => of('sqlite:a.db', 'other'), is(ConfigError, 'invalid_config'))
  assert.throws(() => of('memory:'), is(ConfigError, 'invalid_config'))
})

test('wrong use has its code', async () => {
  const file = STORES.SQLite()
  const outbox = await Outbox.open(file, OPTIONS)
  const wrong = [
    [() => Outbox.open('mysql://u:CANARY@h/d'), ConfigError, 'invalid_config'],
    [() => Outbox.open(5), ConfigError, 'invalid_config'],
    [() => Outbox.open('memory:', { encryption: KEY }), ConfigError, 'invalid_config'],
    [() => Outbox.open('memory:', { encryptionKey: 'short' }), ConfigError, 'invalid_config'],
    [() => Outbox.open('memory:', { lease: 1 }), ConfigError, 'invalid_config'],
    [() => Outbox.open(`sqlite:${folder}/none/a.db`), StoreError, 'storage_unavailable'],
    [() => Outbox.open('postgres://nobody@127.0.0.1:1/x', OPTIONS), StoreError, 'storage_unavailable'],
    [() => outbox.publish('', '{}'), SendError, 'invalid_event'],
    [() => outbox.publish('a\ud800', '{}'), SendError, 'invalid_event'],
    [() => outbox.publish('a', { n: NaN }), SendError, 'invalid_event'],
    [() => outbox.publish('a', '{}', { id: 'a b' }), SendError, 'invalid_event'],
    [() => outbox.publish('a', '{}', { tenant: '' }), ConfigError, 'invalid_config'],
    [() => outbox.publish('a', '{}', { metadata: { a: 1 } }), ConfigError, 'invalid_config'],
    [() => outbox.publish('a', '{}', { deliverAt: new Date(NaN) }), ConfigError, 'invalid_config'],
    [() => outbox.publish('a', '{}', { idempotency_key: 'a' }), ConfigError, 'invalid_config'],
    [() => outbox.subscriptions.create({}), SendError, 'invalid_url'],
    [() => outbox.subscriptions.create({ url: receiver.url, events: ['a*'] }), ConfigError, 'invalid_config'],
    [() => outbox.subscriptions.create({ url: receiver.url, scheme: 'none' }), ConfigError, 'unknown_scheme'],
    [() => outbox.subscriptions.get('none'), StoreError, 'not_found'],
    [() => outbox.deliveries.get('none'), StoreError, 'not_found'],
    [() => outbox.deliveries.list({ limit: 0 }), ConfigError, 'invalid_config'],
    [() => outbox.deliveries.list({ status: 'other' }), ConfigError, 'invalid_config'],
    [() => outbox.deadLetters.purge({}), ConfigError, 'invalid_config'],
    [async () => outbox.worker({ concurrency: 0 }), ConfigError, 'invalid_config'],
    [async () => outbox.worker({ concurrency: 1.5 }), ConfigError, 'invalid_config'],
  ]
  for (const [use, Class, code] of wrong) await assert.rejects(use, is(Class, code), use.toString())
  const guarded = await Outbox.open(STORES.SQLite(), { encryptionKey: KEY })
  await assert.rejects(guarded.subscriptions.create({ url: 'http://127.0.0.1/' }), is(SendError, 'blocked_address'))
  await outbox.close()
  await assert.rejects(outbox.publish('a', '{}'), is(SendError, 'closed'))
  assert.throws(() => outbox.worker(), is(SendError, 'closed'))
  await outbox.close()
})

test('an idle outbox keeps no process alive, a running worker does', async () => {
  const { code, stdout, stderr } = await runScript(`
    import { Outbox } from 'hookseal'
    const outbox = await Outbox.open(process.argv.at(-1), { allowPrivate: true })
    await outbox.publish('order.paid', '{}')
    const worker = outbox.worker()
    worker.run().then(() => console.log('stopped'))
    setTimeout(() => worker.stop(), 50).unref()
    const kept = await Outbox.open(process.argv.at(-1))
    console.log((await kept.status()).durable)
  `, STORES.SQLite())
  assert.equal(code, 0, stderr)
  assert.deepEqual(stdout.trim().split('\n'), ['true', 'stopped'])
})

/** Waits for the end of the store's threads, or for ever. */
const UNTIL_CLOSED = `
  const { readdirSync, readFileSync } = await import('node:fs')
  const nameOf = (id) => { try { return readFileSync('/proc/self/task/' + id + '/comm', 'utf8') } catch { return '' } }
  while (readdirSync('/proc/self/task').some((id) => /hookseal-(sqlite|reader)/.test(nameOf(id)))) {
    globalThis.gc()
    await new Promise(setImmediate)
  }
`
const withoutProc = process.platform !== 'linux' && 'threads are found in /proc'

test('a process exits, and a thread is ended, in the middle of a run', { skip: withoutProc }, async () => {
  const { code, stdout, stderr } = await runScript(`
    import { Worker } from 'node:worker_threads'
    import { Outbox } from 'hookseal'
    const uri = process.argv.at(-1)
    const work = ${JSON.stringify(`
      import { Outbox } from 'hookseal'
      import { parentPort, workerData } from 'node:worker_threads'
      const outbox = await Outbox.open(workerData, { allowPrivate: true })
      outbox.worker().run()
      parentPort.postMessage(await outbox.status())
    `)}
    for (let round = 0; round < 4; round += 1) {
      const thread = new Worker(work, { eval: true, workerData: uri })
      await new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject))
      await thread.terminate()
    }
    ${UNTIL_CLOSED}
    console.log('let go of')
    const outbox = await Outbox.open(uri, { allowPrivate: true })
    outbox.worker().run()
    for (let count = 0; count < 64; count += 1) outbox.publish('order.paid', '{}')
    setImmediate(() => process.exit(7))
  `, STORES.SQLite())
  assert.equal(stdout, 'let go of\n')
  assert.deepEqual([code, stderr], [7, ''])
})

test('what nobody holds any more is let go of', { skip: withoutProc }, async () => {
  const { code, stdout, stderr } = await runScript(`
    import { Outbox } from 'hookseal'
    const opened = async () => { const outbox = await Outbox.open(process.argv.at(-1)); outbox.worker(); await outbox.publish('a', '{}') }
    for (let count = 0; count < 8; count += 1) await opened()
    ${UNTIL_CLOSED}
    console.log('let go of')
  `, STORES.SQLite())
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'let go of\n')
})

test('plans of spec/scenarios', () => {
  const { tests } = JSON.parse(readFileSync(new URL('../../spec/scenarios/plans.json', import.meta.url), 'utf8'))
  assert.ok(tests.length > 0)
  for (const { id, policy, outage, seed, expect } of tests) {
    const { max_attempts: maxAttempts, max_age: maxAge, retry_on: retryOn, ...retry } = policy
    const { attempts, reason = null } = plan({ ...retry, maxAttempts, maxAge, retryOn }, { outage, seed })
    assert.deepEqual({ attempts, reason }, expect, id)
  }
  console.log(`scenarios: ${tests.length} plans`)
  for (const use of [() => plan({}, {}), () => plan({}, { outage: -1 }), () => plan({}, { outage: 1, seed: 0.5 }), () => plan({ maxAttempts: 0 }, { outage: 1 }), () => plan(null, { outage: 1 })]) {
    assert.throws(use, is(ConfigError, 'invalid_config'))
  }
})
