// The example of Next, installed from the packed package, built and started by Next itself.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { PAYLOAD, refusesForgeries, refusesFragments, SECRETS, sign, statusOf, stopsReading } from './attacks.mjs'
import { serve } from './programs.mjs'
import { PACKAGE, ROOT } from './support.mjs'

const TEN_MINUTES = 600_000
const run = promisify(execFile)

test('the example next, run by Next', {
  skip: process.env.HOOKSEAL_FULL !== '1' && 'it installs Next, which is large: make test-full does; here a bridge calls the same handler',
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'hookseal-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  await run('npm', ['pack', '--pack-destination', folder], { cwd: PACKAGE })
  await cp(join(ROOT, 'examples/next'), folder, { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  manifest.dependencies.hookseal = `file:./hookseal-${JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')).version}.tgz`
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  const env = { ...process.env, NODE_ENV: 'production', HOOKSEAL_SECRET: SECRETS, NEXT_TELEMETRY_DISABLED: '1' }
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder, env, timeout: TEN_MINUTES })
  await run('npm', ['run', 'build'], { cwd: folder, env, timeout: TEN_MINUTES })

  const server = await serve(join(folder, 'node_modules/next/dist/bin/next'), { cwd: folder, args: ['start'], env: { NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1' } })
  context.after(() => server.stop())
  const copy = sign(server.url, { id: 'evt_1' })
  assert.deepEqual([await statusOf(copy), await statusOf(copy)], [204, 425])
  await refusesForgeries(server.url)
  await refusesFragments(server.url)
  await stopsReading(server.url)
  assert.equal(await statusOf(sign(server.url, { id: 'evt_2' })), 204)
  await server.logged(/evt_2/)
  const handled = server.log.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
  assert.deepEqual(handled, ['evt_1', 'evt_2'].map((id) => ({ id, type: 'order.paid', payload: PAYLOAD })))
})
