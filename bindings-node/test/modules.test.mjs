// Each module of the package by itself, in both module systems, each time in a process of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { run, runScript } from './support.mjs'

const MODULES = {
  express: ['InvalidPayload', 'webhook'],
  fastify: ['InvalidPayload', 'webhook'],
  hono: ['InvalidPayload', 'webhook'],
  koa: ['InvalidPayload', 'webhook'],
  lambda: ['InvalidPayload', 'webhook'],
  nest: ['InvalidPayload', 'Webhook', 'WebhookGuard'],
  next: ['InvalidPayload', 'webhook'],
  testing: ['FakeReceiver', 'RecordingSender', 'TestClock', 'fixture', 'fixtures', 'forgeries', 'signedRequest'],
}

for (const [name, exported] of Object.entries(MODULES)) {
  test(`hookseal/${name} imports no framework${name === 'nest' ? ' but its own' : ''}, and is one module to both systems`, async () => {
    const { code, stdout, stderr } = await runScript(`
      import { createRequire } from 'node:module'
      const require = createRequire(import.meta.url)
      const classic = require('hookseal/${name}')
      const foreign = Object.keys(require.cache).flatMap((path) => path.match(/node_modules\\/(@[^/]+|[^/]+)/)?.[1] ?? [])
      const modern = await import('hookseal/${name}')
      const same = Object.keys(classic).every((key) => modern[key] === classic[key])
      console.log(JSON.stringify([Object.keys(classic).sort(), [...new Set(foreign)].filter((it) => it !== '@hookseal'), same]))
    `)
    assert.equal(code, 0, stderr)
    const [names, foreign, same] = JSON.parse(stdout)
    assert.deepEqual(names, exported)
    assert.equal(same, true)
    if (name !== 'nest') assert.deepEqual(foreign, [])
  })
}

test('hookseal itself imports nothing', async () => {
  const { stdout } = await run(process.execPath, ['-e', "require('hookseal'); console.log(Object.keys(require.cache).filter((path) => path.includes('node_modules')).length)"])
  assert.equal(stdout, '0\n')
})
