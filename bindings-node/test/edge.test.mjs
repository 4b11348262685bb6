// The edge build: WebAssembly in place of the addon, for runtimes that load none.
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

import * as addon from 'hookseal'
import { edge, PACKAGE, run, withoutEdge } from './support.mjs'

const DIST = new URL('../dist/', import.meta.url)
const options = { skip: withoutEdge }

test('the module is under 200 KiB compressed, and asks nothing of its host', options, () => {
  const bytes = readFileSync(new URL('edge/imported/hookseal.wasm', DIST))
  const compressed = gzipSync(bytes, { level: 9 }).length
  console.log(`edge: ${(compressed / 1024).toFixed(0)} KiB`)
  assert.ok(compressed < 200 * 1024, `${compressed} bytes`)
  assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), [])
})

test('it has the names of the addon, and says what it can not do', options, () => {
  const absent = ['DeliveryHandle', 'Outbox', 'plan', 'publishStatement', 'RetryPolicy', '__esModule'] // of deliveries only, and of CommonJS
  const names = Object.keys(addon).filter((name) => !absent.includes(name))
  assert.deepEqual(Object.keys(edge).sort(), names.sort())
  for (const name of ['Sender', 'Endpoint']) {
    assert.throws(() => new edge[name]({ url: 'https://example.com' }), (error) => {
      assert.ok(error instanceof edge.ConfigError)
      assert.equal(error.code, 'invalid_config')
      assert.match(error.message, new RegExp(`^${name} is not in the edge build.*fetch\\(\\)`))
      return true
    })
  }
})

test('what one build signs the other verifies', options, () => {
  for (const [here, there] of [[addon, edge], [edge, addon]]) {
    const secret = here.Secret.generate()
    assert.match(secret.expose(), /^whsec_[A-Za-z0-9+/]{43}=$/)
    assert.equal(String(secret), 'Secret([REDACTED])')
    const headers = new here.Signer({ secrets: secret }).sign('{"id":42}', { id: 'evt_1', eventType: 'order.paid' })
    const verifier = new there.Verifier({ secrets: secret.expose() })
    const { id, eventType, version } = verifier.verify('{"id":42}', new Headers(headers))
    assert.deepEqual([id, eventType, version], ['evt_1', 'order.paid', 'v2'])
    assert.throws(() => verifier.verify('{"id":43}', headers), (error) => error instanceof there.VerificationError && error.code === 'no_matching_signature')
  }
})

test('rings, replay guards and diagnosis work as in the addon', options, () => {
  const { diagnose, Key, KeyRing, ReplayGuard, Signer, Verifier } = edge
  const ring = new KeyRing([new Key('whsec_old', { id: 'old' })])
  const verifier = new Verifier({ secrets: ring, replay: new ReplayGuard({ capacity: 2 }) })
  const signed = (body) => new Signer({ secrets: ring }).sign(body)
  ring.rotate(new Key('whsec_new', { id: 'new' }), { overlap: 60 })
  const headers = signed('{}')
  const verified = verifier.verify('{}', headers)
  assert.deepEqual([verified.keyId, verified.keyIndex, verified.id], ['new', 0, undefined])
  const replayed = (error) => error instanceof edge.VerificationError && error.code === 'replayed'
  assert.throws(() => verifier.verify('{}', headers), replayed)
  verifier.replay.release(verified)
  verifier.verify('{}', headers)
  const [newest, old] = ring.stats()
  assert.deepEqual([newest.id, newest.matches, old.id, old.matches, old.lastMatch], ['new', 2, 'old', 0, undefined])
  ring.revoke('new')
  assert.deepEqual(ring.stats().map(({ id }) => id), ['old'])
  assert.equal(diagnose('{"id":42}', signed('{"id": 42}'), { secrets: 'whsec_old' })[0].cause, 'body_reserialized')
})

test('large bodies, and many objects, leave the memory as it was', options, () => {
  const { Signer, Verifier, Secret } = edge
  const secret = Secret.generate()
  const body = new Uint8Array(8 * 1024 * 1024).fill(97)
  for (let round = 0; round < 20; round += 1) {
    new Verifier({ secrets: secret }).verify(body, new Signer({ secrets: secret }).sign(body))
  }
})

const CONDITIONS = {
  workerd: 'edge/imported/index.mjs', 'edge-light': 'edge/imported/index.mjs',
  deno: 'edge/index.mjs', browser: 'edge/index.mjs', node: 'index.mjs',
}
for (const [condition, path] of Object.entries(CONDITIONS)) {
  test(`the condition ${condition} gets ${path}`, options, async () => {
    const { stdout, stderr } = await run(process.execPath, ['--conditions', condition, '--input-type=module', '--eval', "console.log(import.meta.resolve('hookseal'))"])
    assert.equal(stdout.trim(), new URL(path, DIST).href, stderr)
  })
}

const HOOK = `data:text/javascript,${encodeURIComponent(`
  export async function load(url, context, next) {
    if (!url.endsWith('.wasm?module')) return next(url, context)
    const source = 'import { readFileSync } from "node:fs"; export default new WebAssembly.Module(readFileSync(new URL(' + JSON.stringify(url.split('?')[0]) + ')))'
    return { format: 'module', source, shortCircuit: true }
  }
`)}`

/** Imports a module where there is nothing of Node's own, and where only an import compiles WebAssembly. */
function bare(path) {
  return `
    import { register } from 'node:module'
    register(${JSON.stringify(HOOK)})
    const { log } = console
    new Headers() // Node makes it when it is first asked for, with what is deleted below
    if (${path.includes('imported')}) {
      await import(${JSON.stringify(new URL(`edge/imported/hookseal.wasm?module`, DIST).href)})
      WebAssembly.Module = class { constructor() { throw new Error('compiled while it runs') } }
    }
    for (const name of ['process', 'Buffer', 'require', 'global', 'SharedArrayBuffer', 'setImmediate']) delete globalThis[name]
    const { Signer, Verifier } = await import(${JSON.stringify(new URL(path, DIST).href)})
    const headers = new Signer({ secrets: 'whsec_demo' }).sign(new TextEncoder().encode('{}'), { id: 'evt_1', eventType: 'a' })
    const pairs = Object.entries(headers).map(([name, value]) => [name, new TextEncoder().encode(value)])
    const verifier = new Verifier({ secrets: 'whsec_demo' })
    for (const form of [headers, new Headers(headers), new Map(Object.entries(headers)), pairs]) log(verifier.verify('{}', form).id)
    try { verifier.verify({}, headers) } catch (error) { log(error.code) }
  `
}
for (const path of ['edge/index.mjs', 'edge/imported/index.mjs']) {
  test(`${path} needs nothing of Node`, options, async () => {
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', bare(path)])
    assert.deepEqual(stdout.split('\n').filter(Boolean), ['evt_1', 'evt_1', 'evt_1', 'evt_1', 'body_not_bytes'], stderr)
  })
}

test('it imports nothing but itself', options, () => {
  for (const folder of ['dist/edge/', 'dist/edge/imported/']) {
    for (const name of readdirSync(PACKAGE + folder).filter((name) => name.endsWith('.mjs'))) {
      const source = readFileSync(PACKAGE + folder + name, 'utf8')
      for (const [, path] of source.matchAll(/^(?:import|export) (?:[^;"]*? from )?"([^"]+)";?$/gm)) assert.match(path, /^\.\/(seal-\w+\.mjs|hookseal\.wasm\?module)$/, name)
    }
  }
})
