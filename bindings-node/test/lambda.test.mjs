import assert from 'node:assert/strict'
import { test } from 'node:test'

import { ReplayGuard, Verifier } from 'hookseal'
import { webhook } from 'hookseal/lambda'
import { forgeries, signedRequest, TestClock } from 'hookseal/testing'
import * as z from 'zod'

import { PAYLOAD, refusesOptions, REFUSED, SECRETS } from './attacks.mjs'

const silent = () => {}
const lists = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
const lower = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** One HTTP request as each service hands it to a function. */
const SERVICES = {
  'API Gateway 1.0': ({ url, headers, body }, isBase64Encoded) => {
    const { pathname, searchParams } = new URL(url)
    return {
      resource: '/{proxy+}', path: pathname, httpMethod: 'POST', headers, multiValueHeaders: lists(headers), body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded,
      queryStringParameters: Object.fromEntries(searchParams), multiValueQueryStringParameters: searchParams.size ? lists(Object.fromEntries(searchParams)) : null,
      requestContext: { path: pathname, stage: 'prod' },
    }
  },
  'API Gateway 2.0': ({ url, headers, body }, isBase64Encoded) => {
    const { pathname, search } = new URL(url)
    return { version: '2.0', rawPath: pathname, rawQueryString: search.slice(1), headers: lower(headers), body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded, requestContext: { http: { method: 'POST' } } }
  },
  'a load balancer': ({ url, headers, body }, isBase64Encoded) => {
    const { pathname, search } = new URL(url)
    const query = Object.fromEntries(search.slice(1).split('&').filter(Boolean).map((pair) => pair.split('=')))
    return { path: pathname, httpMethod: 'POST', queryStringParameters: query, headers: lower(headers), body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded, requestContext: { elb: { targetGroupArn: 'arn' } } }
  },
  'a load balancer with lists': ({ url, headers, body }, isBase64Encoded) => {
    const { pathname, search } = new URL(url)
    const query = Object.fromEntries(search.slice(1).split('&').filter(Boolean).map((pair) => pair.split('=')))
    return { path: pathname, httpMethod: 'POST', multiValueQueryStringParameters: lists(query), multiValueHeaders: lists(lower(headers)), body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded, requestContext: { elb: { targetGroupArn: 'arn' } } }
  },
}

for (const [service, requestOf] of Object.entries(SERVICES)) {
  test(`behind ${service}: accepts what is signed, as text and as base64`, async () => {
    const events = []
    const handler = webhook(new Verifier({ secrets: SECRETS }), (event, _request, context) => { events.push([event.id, event.text(), context]) })
    for (const isBase64 of [false, true]) {
      const request = requestOf(signedRequest({ secrets: SECRETS, id: 'evt_1', payload: PAYLOAD }), isBase64)
      assert.deepEqual(await handler(request, 'context'), { statusCode: 204 })
    }
    assert.deepEqual(events, Array(2).fill(['evt_1', JSON.stringify(PAYLOAD), 'context']))
    const bytes = signedRequest({ secrets: SECRETS, body: Buffer.from([0xff, 0x00]) })
    assert.equal((await handler(requestOf(bytes, true))).statusCode, 204)
  })

  test(`behind ${service}: refuses forgeries alike`, async () => {
    const reasons = []
    const handler = webhook(new Verifier({ secrets: SECRETS }), () => assert.fail('it was handled'), { onRefused: ({ code }) => reasons.push(code) })
    for (const { name, request, status } of forgeries({ secrets: SECRETS, payload: PAYLOAD })) {
      const { statusCode, body, headers, multiValueHeaders } = await handler(requestOf(request, true))
      assert.deepEqual([statusCode, body], [status, REFUSED], name)
      if (service.endsWith('lists')) assert.deepEqual(multiValueHeaders, { 'Content-Type': ['application/json'] })
      else assert.deepEqual(headers, { 'Content-Type': 'application/json' })
    }
    assert.equal(new Set(reasons).size, 4)
  })

  test(`behind ${service}: the URL is the public one, with the path and the query of the request`, async () => {
    const signed = signedRequest({ secrets: SECRETS, scheme: 'square', url: 'https://shop.example.com/hooks?a=1&b=%20x' })
    for (const [publicUrl, expected] of [['https://shop.example.com', 204], ['https://other.example.com', 400]]) {
      const handler = webhook(new Verifier({ secrets: SECRETS, scheme: 'square' }), silent, { publicUrl, onRefused: silent })
      assert.equal((await handler(requestOf(signed, false))).statusCode, expected)
    }
  })
}

test('a header that came twice is seen where the service hands over lists', async () => {
  const reasons = []
  const handler = webhook(new Verifier({ secrets: SECRETS }), silent, { onRefused: ({ code }) => reasons.push(code) })
  const request = SERVICES['API Gateway 1.0'](signedRequest({ secrets: SECRETS }), false)
  const signature = request.multiValueHeaders['X-Webhook-Signature']
  signature.push(signature[0])
  assert.equal((await handler(request)).statusCode, 400)
  const joined = SERVICES['API Gateway 2.0'](signedRequest({ secrets: SECRETS }), false)
  joined.headers['x-webhook-signature'] += `,${joined.headers['x-webhook-signature']}`
  assert.equal((await handler(joined)).statusCode, 400)
  assert.deepEqual(reasons, ['malformed_header', 'duplicate_timestamp'])
})

test('a copy is refused, but let in where the handler failed', async () => {
  const outcomes = [() => { throw new Error('mine') }, () => ({ statusCode: 503 }), () => ({ statusCode: 202, body: 'later' })]
  const handler = webhook(new Verifier({ secrets: SECRETS, replay: new ReplayGuard() }), () => outcomes.shift()(), { onRefused: silent })
  const request = SERVICES['API Gateway 2.0'](signedRequest({ secrets: SECRETS }), false)
  await assert.rejects(handler(request), /mine/)
  assert.equal((await handler(request)).statusCode, 503)
  assert.deepEqual(await handler(request), { statusCode: 202, body: 'later' })
  assert.equal((await handler(request)).statusCode, 425)
})

test('schema, limit, clock, and a body that middleware has parsed', async () => {
  const clock = new TestClock()
  const verifier = new Verifier({ secrets: SECRETS })
  const handler = webhook(verifier, (event) => ({ statusCode: 200, body: String(event.json().id) }), {
    schema: z.object({ id: z.coerce.number() }), maxBody: 16, now: clock.now, onRefused: silent,
  })
  const send = (options) => handler(SERVICES['API Gateway 2.0'](signedRequest({ secrets: SECRETS, timestamp: clock.now(), ...options }), false))
  assert.deepEqual(await send({ payload: { id: '42' } }), { statusCode: 200, body: '42' })
  assert.equal((await send({ payload: {} })).statusCode, 422)
  assert.equal((await send({ payload: 'x'.repeat(15) })).statusCode, 413)
  assert.equal((await send({ payload: { id: 1 }, timestamp: clock.now() - 301 })).statusCode, 400)
  await assert.rejects(handler({ headers: {}, body: { id: 42 } }), ({ code, message }) => code === 'body_not_bytes' && /middleware that parses/.test(message))
  for (const request of [{}, { headers: null, body: null }, { headers: { 'X-Webhook-Signature': undefined } }]) assert.equal((await handler(request)).statusCode, 400)
})

test('options that can not be are refused', () => refusesOptions((verifier, options) => webhook(verifier, silent, options)))
