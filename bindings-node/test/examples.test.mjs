// The examples, each run as its README says and attacked.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { Sender } from 'hookseal'

import { PAYLOAD, post, refusesForgeries, refusesFragments, SECRETS, sign, statusOf, stopsReading } from './attacks.mjs'
import { serve } from './programs.mjs'
import { PACKAGE, ROOT, run } from './support.mjs'

const example = (name) => join(ROOT, 'examples', name)

function attacked(name, start) {
  describe(`the example ${name}`, () => {
    let server
    before(async () => {
      server = await start()
      if (name !== 'next') assert.match(await server.line(), /^listening on http.*\/hooks$/)
    })
    after(() => server.stop())

    test('takes what a sender sends, and nothing else', async () => {
      const sender = new Sender({ allowPrivate: true })
      const delivery = await sender.send({ url: server.url, secrets: [SECRETS] }, 'order.paid', PAYLOAD, { id: 'evt_sent' })
      await sender.close()
      assert.equal(delivery.attempts[0].statusCode, 204, JSON.stringify(delivery))
      assert.deepEqual(JSON.parse(await server.line()), { id: 'evt_sent', type: 'order.paid', payload: PAYLOAD })

      await refusesFragments(server.url)
      if (name !== 'nest') await stopsReading(server.url) // its parser waits for the end of what it refuses
      const copy = sign(server.url, { id: 'evt_1' })
      assert.deepEqual([await statusOf(copy), await statusOf(copy)], [204, 425])
      assert.equal(JSON.parse(await server.line()).id, 'evt_1')
      await server.logged(/hookseal: webhook refused: replayed/)
      assert.equal(await statusOf(sign(server.url, { id: 'evt_last' })), 204)
      assert.equal(JSON.parse(await server.line()).id, 'evt_last', 'something else was handled')
      assert.ok(!server.log.includes(SECRETS))
    })

    test('refuses forgeries', () => (name === 'nest' ? refusesParsed(server.url) : refusesForgeries(server.url)))
  })
}

/** Nest's parser answers what is no JSON before the guard does. */
async function refusesParsed(url) {
  for (const body of ['{"id":43}', '{}', JSON.stringify(PAYLOAD, null, 1), `${JSON.stringify(PAYLOAD)} `]) assert.equal(await statusOf({ ...sign(url), body }), 400)
  for (const body of ['', 'no json', '{"id":']) assert.equal(await statusOf({ ...sign(url), body }), 400)
  assert.equal(await statusOf({ ...sign(url), headers: {} }), 400)
  assert.equal(await statusOf(sign(url, { payload: ['x'.repeat(1024 * 1024)] })), 413)
}

const program = (name, file) => serve(join(example(name), file), { cwd: example(name) })

attacked('express', () => program('express', 'server.mjs'))
attacked('fastify', () => program('fastify', 'server.mjs'))
attacked('next', () => serve(join(PACKAGE, 'test/route.mjs'), { args: [join(example('next'), 'app/hooks/route.js')] }))
attacked('nest', async () => {
  const compiled = await run(process.execPath, [join(PACKAGE, 'node_modules/typescript/bin/tsc'), '-p', example('nest')])
  assert.equal(compiled.code, 0, compiled.stdout)
  return program('nest', 'dist/main.js')
})

for (const name of ['fastify', 'nest']) {
  test(`the example ${name} has its other routes parsed as ever`, async (context) => {
    const server = await program(name, name === 'nest' ? 'dist/main.js' : 'server.mjs')
    context.after(() => server.stop())
    const { text } = await post({ method: 'POST', url: server.url.replace('hooks', 'orders'), headers: { 'content-type': 'application/json' }, body: '{"id":42}' })
    assert.deepEqual(JSON.parse(text), { received: { id: 42 } })
  })
}
