// Next's route handlers are functions from Request to Response: here a bridge calls them, in `make test-full` Next itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/next'
import { signedRequest } from 'hookseal/testing'

import { listen, refusesOptions, REFUSED, SECRETS, underAttack } from './attacks.mjs'
import { bridge } from './bridge.mjs'
import { onEdge } from './edgebuild.mjs'

const silent = () => {}

const serveBy = (webhook) => (verifier, options, handle, { eater }) => {
  const POST = webhook(verifier, handle, options)
  return listen(bridge(async (request, context) => {
    if (eater) await request.text()
    return POST(request, context)
  }))
}

underAttack('Next', serveBy(webhook), { joinsHeaders: true })
await onEdge('next', ({ webhook }, seal) => underAttack('Next on the edge build', serveBy(webhook), { joinsHeaders: true, seal }))

test('options that can not be are refused', () => refusesOptions((verifier, options) => webhook(verifier, silent, options)))

test('a body that was read before is an error that says what to change', async () => {
  const POST = webhook(new Verifier({ secrets: SECRETS }), silent)
  const { url, ...init } = signedRequest({ secrets: SECRETS })
  const request = new Request(url, init)
  await request.json()
  await assert.rejects(POST(request), { code: 'body_not_bytes', message: /neither request\.json\(\) nor request\.text\(\)/ })
})

test('the handler gets the request and its context, and its answer is the answer', async () => {
  const verifier = new Verifier({ secrets: SECRETS })
  const POST = webhook(verifier, async (event, request, { params }) => Response.json([event.id, request.url, await params], { status: 201 }))
  const { url, ...init } = signedRequest({ secrets: SECRETS, id: 'evt_1' })
  const response = await POST(new Request(url, init), { params: Promise.resolve({ shop: 'a' }) })
  assert.deepEqual([response.status, await response.json()], [201, ['evt_1', url, { shop: 'a' }]])
})

test('an answer other than 2xx lets the copy in', async () => {
  const verifier = new Verifier({ secrets: SECRETS, replay: new ReplayGuard() })
  const answers = [503, 302, 200]
  const POST = webhook(verifier, () => new Response(null, { status: answers.shift() }))
  const { url, ...init } = signedRequest({ secrets: SECRETS })
  const statuses = []
  for (let count = 0; count < 4; count += 1) statuses.push((await POST(new Request(url, init))).status)
  assert.deepEqual(statuses, [503, 302, 200, 425])
})

test('Headers joins a header that came twice: the joined value is judged, and no forgery gets in by it', async () => {
  for (const scheme of ['hookseal', 'stripe', 'github', 'shopify', 'standard-webhooks', 'slack', 'gitlab']) {
    const secrets = scheme === 'standard-webhooks' ? 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=' : SECRETS
    const POST = webhook(new Verifier({ secrets, scheme }), () => {}, { onRefused: silent })
    const { url, headers, body, method } = signedRequest({ secrets, scheme })
    const forged = signedRequest({ secrets, scheme, body: 'forged' })
    for (const [others, bytes] of [[forged.headers, 'other'], [headers, 'other'], [{}, 'forged']]) {
      const twice = new Headers(headers)
      for (const [name, value] of Object.entries(others)) twice.append(name, value)
      const response = await POST(new Request(url, { method, headers: twice, body: bytes }))
      if (scheme !== 'gitlab' || Object.keys(others).length > 0) assert.deepEqual([response.status, await response.text()], [400, REFUSED], scheme)
    }
    assert.equal((await POST(new Request(url, { method, headers, body }))).status, 204)
  }
})
