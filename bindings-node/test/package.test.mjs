// The packed package, installed in an empty folder, as its users have it; and the README's programs.
import assert from 'node:assert/strict'
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { PACKAGE, ROOT, run, withoutEdge } from './support.mjs'

let folder
let packed
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hookseal-'))
  const packing = await run('npm', ['pack', '--json', '--pack-destination', folder])
  assert.equal(packing.code, 0, packing.stderr)
  packed = [JSON.parse(packing.stdout)].flat().flatMap((it) => (it.files ? [it] : Object.values(it)))[0]
  await writeFile(join(folder, 'package.json'), '{"private": true}')
  const installing = await run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${packed.filename}`], { cwd: folder })
  assert.equal(installing.code, 0, installing.stderr)
  for (const name of ['express', 'expect-type', '@types/node', '@types/express']) {
    await mkdir(join(folder, 'node_modules', name, '..'), { recursive: true })
    await symlink(join(PACKAGE, 'node_modules', name), join(folder, 'node_modules', name))
  }
})
after(() => rm(folder, { recursive: true, force: true }))

/** Runs a program in the folder where the package is installed. */
async function program(name, source) {
  await writeFile(join(folder, name), source)
  const { code, stdout, stderr } = await run(process.execPath, [name], { cwd: folder })
  assert.equal(code, 0, stderr)
  return stdout.split('\n').filter(Boolean)
}

const USE = `
  const headers = new Signer({ secrets: 'whsec_demo' }).sign('{}', { id: 'evt_1', eventType: 'a' })
  console.log(new Verifier({ secrets: 'whsec_demo' }).verify('{}', headers).id, typeof webhook)
`

test('the package holds what it needs and nothing else', () => {
  const paths = packed.files.map(({ path }) => path)
  for (const path of ['package.json', 'README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'native.js', 'native.d.ts', 'dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', 'dist/express.mjs']) {
    assert.ok(paths.includes(path), path)
  }
  assert.equal(paths.filter((path) => path.endsWith('.node')).length, 1)
  const others = paths.filter((path) => !/^(dist\/[a-z]+\.(d\.)?m?[jt]s|dist\/edge\/(imported\/)?([a-z]+|seal-\w+)\.mjs|dist\/edge\/imported\/hookseal\.wasm|native\.(js|d\.ts)|hookseal\.[\w-]+\.node|package\.json|README\.md|LICENSE-\w+)$/.test(path))
  assert.deepEqual(others, [])
})

test('CommonJS loads it', async () => {
  assert.deepEqual(await program('use.cjs', `
    const { Signer, Verifier } = require('hookseal')
    const { webhook } = require('hookseal/express')
    ${USE}
  `), ['evt_1 function'])
})

test('ES modules load it', async () => {
  assert.deepEqual(await program('use.mjs', `
    import { Signer, Verifier } from 'hookseal'
    import { webhook } from 'hookseal/express'
    ${USE}
  `), ['evt_1 function'])
})

test('both have the same names and the same classes', async () => {
  const [names, same] = await program('both.mjs', `
    import { createRequire } from 'node:module'
    import * as modern from 'hookseal'
    const classic = createRequire(import.meta.url)('hookseal')
    const names = Object.keys(classic).sort()
    console.log(names.join())
    console.log(names.every((name) => modern[name] === classic[name]))
  `)
  assert.equal(same, 'true')
  assert.equal(names, 'ConfigError,DeliveryHandle,Endpoint,Key,KeyRing,Outbox,ReplayGuard,RetryPolicy,Scheme,Secret,SendError,Sender,Signer,StoreError,VerificationError,Verified,Verifier,WebhookError,diagnose,plan,publishStatement')
})

test('what is inside stays inside', async () => {
  assert.deepEqual(await program('inside.mjs', `
    for (const path of ['hookseal/native.js', 'hookseal/dist/errors.js', 'hookseal/dist/index.js']) {
      await import(path).then(() => console.log(path), (error) => console.log(error.code))
    }
  `), Array(3).fill('ERR_PACKAGE_PATH_NOT_EXPORTED'))
})

test('attw and publint find nothing', { skip: withoutEdge }, async () => {
  const tarball = join(folder, packed.filename)
  // Node 10 knows no exports; the edge build is for runtimes that have ES modules.
  const attw = await run(process.execPath, ['node_modules/@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm'])
  assert.equal(attw.code, 0, attw.stdout)
  const publint = await run(process.execPath, ['node_modules/publint/src/cli.js', 'run', tarball, '--strict'])
  assert.equal(publint.code, 0, publint.stdout)
  assert.match(publint.stdout, /All good!/)
})

test('a platform package brings the addon; without one, the error says what to do', async () => {
  const bare = join(folder, 'bare')
  const modules = join(bare, 'node_modules')
  await cp(join(folder, 'node_modules/hookseal'), join(modules, 'hookseal'), { recursive: true, dereference: true })
  const addon = (await readdir(join(modules, 'hookseal'))).find((name) => name.endsWith('.node'))
  await copyFile(join(PACKAGE, 'package.json'), join(bare, 'package.json'))
  const creating = await run(process.execPath, [join(PACKAGE, 'node_modules/@napi-rs/cli/dist/cli.js'), 'create-npm-dirs'], { cwd: bare })
  assert.equal(creating.code, 0, creating.stdout)
  await writeFile(join(bare, 'package.json'), '{"private": true}')
  const platforms = await readdir(join(bare, 'npm'))
  assert.equal(platforms.length, 8)
  for (const name of platforms) await rename(join(bare, 'npm', name), join(modules, `hookseal-${name}`))
  const own = join(modules, addon.replace('hookseal.', 'hookseal-').replace('.node', ''))
  await rename(join(modules, 'hookseal', addon), join(own, addon))
  const use = () => run(process.execPath, ['--eval', "console.log(typeof require('hookseal').Verifier)"], { cwd: bare })
  assert.deepEqual(await use(), { code: 0, signal: null, stdout: 'function\n', stderr: '' })

  await writeFile(join(own, addon), 'not a binary')
  const broken = await use()
  assert.match(broken.stderr, /hookseal has no binary that runs here \(/)
  await rm(own, { recursive: true })
  const { code, stderr } = await use()
  assert.equal(code, 1)
  assert.match(stderr, /hookseal has no binary that runs here .*is not installed.*--omit=optional.*'hookseal\/edge' signs and verifies without a binary/)
})

test('the types say the same to both', async () => {
  const source = `
    import { Endpoint, KeyRing, Scheme, Secret, Sender, Signer, VerificationError, Verifier, type Delivery, type ErrorCode } from 'hookseal'
    import { webhook, type WebhookEvent } from 'hookseal/express'
    import express from 'express'
    const signer = new Signer({ secrets: ['whsec_demo', Secret.generate()], scheme: 'stripe' })
    const headers: Record<string, string> = signer.sign(Buffer.from('{}'), { timestamp: new Date() })
    const verifier = new Verifier({ secrets: new KeyRing('whsec_demo'), tolerance: 300 })
    const id: string | undefined = verifier.verify('{}', new Headers(headers), { now: 1 }).id
    verifier.verify(new Uint8Array(), { host: undefined, accept: ['a'] })
    async function main(): Promise<Delivery> {
      await using sender = new Sender({ retry: { maxAttempts: 5, jitter: 'full' }, onEvent: ({ type }) => type === 'delivery.dead' })
      const [first] = await sender.sendMany([[{ url: '', secrets: [] }, 'a', {}], [new Endpoint({ url: '', signer }), 'a', 'text', { id: 'x' }]])
      const left: Delivery[] = await sender.close({ grace: 1 })
      return first ?? left[0] ?? sender.enqueue({ url: '' }, 'a', 1).result()
    }
    const code = (error: unknown): ErrorCode | undefined => (error instanceof VerificationError ? error.code : undefined)
    express().post('/', webhook(verifier, { maxBody: 1 }), (req) => { const it: WebhookEvent | undefined = req.webhook; it?.json<{ id: number }>().id })
    // @ts-expect-error a parsed body
    verifier.verify({ id: 42 }, headers)
    // @ts-expect-error no such option
    new Verifier({ secrets: 'x', tolerence: 1 })
    // @ts-expect-error no such code
    const wrong: ErrorCode = 'no_such_code'
    // @ts-expect-error a scheme is not a number
    Scheme.fromObject(42)
    export { code, id, main, wrong }
  `
  for (const name of ['types.mts', 'types.cts']) await writeFile(join(folder, name), source)
  await copyFile(join(PACKAGE, 'test/types/surface.mts'), join(folder, 'surface.mts'))
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', lib: ['es2023', 'esnext.disposable'], types: ['node'], preserveSymlinks: false, esModuleInterop: true },
    files: ['types.mts', 'types.cts', 'surface.mts'],
  }))
  const { code, stdout } = await run(process.execPath, [join(PACKAGE, 'node_modules/typescript/bin/tsc'), '-p', folder], { cwd: folder })
  assert.equal(code, 0, stdout)
})

for (const readme of ['README.md', 'bindings-node/README.md']) {
  test(`the programs of ${readme} run, and print what they say`, async (context) => {
    const text = await readFile(join(ROOT, readme), 'utf8')
    const blocks = [...text.matchAll(/^```(?:js|ts)\n([^]*?)^```$/gm)].map(([, block]) => block)
    if (blocks.length === 0) return context.skip(`${readme} has no js or ts block`)
    for (const [index, block] of blocks.entries()) {
      const promised = [...block.matchAll(/console\.log\(.*\)\s*\/\/ (.*)$/gm)].map(([, words]) => words)
      assert.deepEqual(await program(`readme-${index}.mjs`, block), promised)
    }
  })
}
