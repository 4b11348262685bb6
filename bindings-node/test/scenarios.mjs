// Plays files of spec/scenarios against the scripted receiver.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'

import { Sender } from 'hookseal'
import { ROOT } from './support.mjs'

const AT_ONCE = 8

/**
 * Plays every delivery of a file, each on a sender of its own, and says which did not go as it must. `originOf` gives the
 * place of a test's server.
 */
export async function playDeliveries(file, receiver, { originOf = () => receiver.url, ...options } = {}) {
  const { tests } = JSON.parse(readFileSync(`${ROOT}/spec/scenarios/${file}.json`, 'utf8'))
  const failures = []
  const left = tests.values()
  const work = async () => { for (const test of left) failures.push(...await play(test, receiver, originOf(test.server), options)) }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  console.log(`scenarios: ${tests.length} in ${file}`)
  assert.deepEqual(failures, [])
}

async function play({ id, comment, policy, timeout, expect }, receiver, origin, options) {
  const run = randomUUID()
  const { max_attempts: maxAttempts, max_age: maxAge, retry_on: retryOn, ...retry } = policy
  const endpoint = { url: `${origin}/s/${id}/${run}/hook`, secrets: 'whsec_demo', id: run, timeout, retry: { ...retry, maxAttempts, maxAge, retryOn } }
  const sender = new Sender({ allowPrivate: true, ...options })
  const delivery = await sender.send(endpoint, 'order.paid', { id: 42 })
  await sender.close()
  const seen = {
    status: delivery.status,
    reason: delivery.reason ?? null,
    attempts: delivery.attempts.map(({ statusCode = null, error = null }) => ({ status_code: statusCode, error })),
    requests: (await receiver.records(run)).length,
  }
  const expected = { requests: expect.attempts.length, ...expect }
  return Object.keys(expected)
    .filter((name) => !isEqual(seen[name], expected[name]))
    .map((name) => `${id} (${comment}): ${name} is ${inspect(seen[name], { depth: 5 })}, not ${inspect(expected[name], { depth: 5 })}`)
}

function isEqual(one, other) {
  try {
    assert.deepEqual(one, other)
    return true
  } catch {
    return false
  }
}
