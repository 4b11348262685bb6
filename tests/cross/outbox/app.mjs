// One application of many on a shared outbox; `app.py` is the same in Python:
//   publish URI PREFIX COUNT    events PREFIX-1 … PREFIX-COUNT, several at once
//   transact URI PREFIX COUNT   the same in transactions of its own connection, of which every second one is rolled back
//   work URI                    until standard input ends; prints what it has done
// The environment's ENCRYPTION_KEY is the outbox's. Ends with 77 where Node has no driver for the store.
import { createRequire } from 'node:module'

const require = createRequire(new URL('../../../bindings-node/package.json', import.meta.url))
const { Outbox, publishStatement } = require('hookseal')

const AT_ONCE = 8
const { ENCRYPTION_KEY: encryptionKey } = process.env
const [task, uri, prefix, count] = process.argv.slice(2)
const events = Array.from({ length: Number(count) }, (_, number) => `${prefix}-${number + 1}`)

/** A connection of the application's own: runs a statement, with its parameters. */
async function connect() {
  if (uri.startsWith('postgres')) {
    const { Client } = require('pg')
    const url = new URL(uri.replace('@/', '@localhost/')) // which pg reads only with a host; the parameter wins
    url.searchParams.delete('prefix')
    const client = new Client(url.href)
    await client.connect()
    return { run: (sql, params) => client.query(sql, params), close: () => client.end() }
  }
  const sqlite = process.getBuiltinModule?.('node:sqlite')
  if (!sqlite) {
    console.error(`Node ${process.versions.node} has no node:sqlite`)
    process.exit(77)
  }
  const database = new sqlite.DatabaseSync(uri.slice('sqlite:'.length), { timeout: 30_000 })
  return { run: (sql, params = []) => database.prepare(sql).run(...params), close: () => database.close() }
}

const tasks = {
  async publish() {
    const outbox = await Outbox.open(uri, { encryptionKey })
    const waiting = [...events]
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      for (let id; (id = waiting.shift());) await outbox.publish('order.paid', { id, from: 'node' }, { id })
    }))
    await outbox.close()
  },

  async transact() {
    const connection = await connect()
    for (const [number, id] of events.entries()) {
      const { sql, params } = publishStatement(uri, 'order.paid', { id, from: 'node' }, { id })
      await connection.run('BEGIN')
      await connection.run(sql, params)
      await connection.run(number % 2 ? 'ROLLBACK' : 'COMMIT')
    }
    await connection.close()
  },

  async work() {
    const outbox = await Outbox.open(uri, { encryptionKey, allowPrivate: true, poll: 0.05, userAgent: 'node' })
    const worker = outbox.worker({ concurrency: AT_ONCE })
    process.stdin.on('end', () => worker.stop()).resume()
    await worker.run()
    console.log(JSON.stringify(worker.counts))
    await outbox.close()
  },
}

await tasks[task]()
