// Each module of the package by itself, in both module systems, each time in a process of its own.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { PACKAGE, run, runScript } from './support.mjs'

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

test('the types lead from the schema to the handler in every framework', async () => {
  const options = '--ignoreConfig --noEmit --skipLibCheck --strict --exactOptionalPropertyTypes --module nodenext --target es2022 --types node --lib es2023,dom,esnext.disposable,es2024.string'
  const tsc = join(PACKAGE, 'node_modules/typescript/bin/tsc')
  const { code, stdout } = await run(process.execPath, [tsc, ...options.split(' '), 'test/types/frameworks.mts'])
  assert.equal(code, 0, stdout)
})
