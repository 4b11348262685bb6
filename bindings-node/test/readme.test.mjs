// The apps that the package's README shows, each run as it stands there. Express has its own test.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

import { post, refusesForgeries, sign, statusOf } from './attacks.mjs'
import { appIn, serve, written } from './programs.mjs'
import { PACKAGE, run } from './support.mjs'

const README = 'bindings-node/README.md'
const HANDLED = "evt_1 order.paid { id: 42, name: 'Zoë' }"

for (const [framework, packages] of [['fastify', ['fastify']], ['koa', ['koa']], ['hono', ['hono', '@hono/node-server']], ['next', []]]) {
  test(`the README's app for ${framework}`, async (context) => {
    const { path, remove } = await written(await appIn(README, framework), packages)
    const server = framework === 'next' ? await serve(join(PACKAGE, 'test/route.mjs'), { args: [path] }) : await serve(path)
    context.after(async () => { await server.stop(); await remove() })
    assert.equal(await statusOf(sign(server.url, { id: 'evt_1' })), 204)
    assert.equal(await server.line(), HANDLED)
    await refusesForgeries(server.url)
    await server.logged(/hookseal: webhook refused: body_too_large/)
    await server.stop()
    assert.deepEqual(server.lines, [])
  })
}

test("the README's function for Lambda", async (context) => {
  const { path, remove } = await written(await appIn(README, 'lambda'), [])
  context.after(remove)
  const log = context.mock.method(console, 'log', () => {})
  context.mock.method(console, 'warn', () => {})
  const { handler } = await import(path)
  const { headers, body } = sign('/hooks', { id: 'evt_1' })
  assert.deepEqual(await handler({ headers, body: body.toString() }), { statusCode: 204 })
  assert.deepEqual(log.mock.calls[0].arguments.slice(0, 2), ['evt_1', 'order.paid'])
  assert.equal((await handler({ headers, body: 'forged' })).statusCode, 400)
})

test("the README's controller for Nest", async (context) => {
  const packages = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs', '@types/node']
  const { path, remove } = await written('', packages)
  const folder = dirname(path)
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  await writeFile(join(folder, 'src/hooks.ts'), await appIn(README, 'nest', 'ts'))
  await writeFile(join(folder, 'src/main.ts'), `
    import 'reflect-metadata'
    import { Module } from '@nestjs/common'
    import { NestFactory } from '@nestjs/core'
    import { HooksController } from './hooks.js'
    @Module({ controllers: [HooksController] })
    class AppModule {}
    await (await NestFactory.create(AppModule, { rawBody: true, logger: false })).listen(3000)
  `)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { target: 'es2022', module: 'nodenext', strict: true, skipLibCheck: true, experimentalDecorators: true, emitDecoratorMetadata: true, types: ['node'], rootDir: 'src', outDir: 'dist' },
    include: ['src'],
  }))
  const compiled = await run(process.execPath, [join(PACKAGE, 'node_modules/typescript/bin/tsc'), '-p', folder])
  assert.equal(compiled.code, 0, compiled.stdout)
  const server = await serve(join(folder, 'dist/main.js'))
  context.after(async () => { await server.stop(); await remove() })
  assert.equal(await statusOf(sign(server.url, { id: 'evt_1' })), 204)
  assert.equal(await server.line(), HANDLED)
  assert.equal((await post({ ...sign(server.url), body: '{"id":43}' })).text, '{"error":"webhook refused"}')
})
