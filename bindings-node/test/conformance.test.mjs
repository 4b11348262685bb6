// Every vector of spec/vectors gets its verdict, and every error code its class.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

import * as hookseal from 'hookseal'
import { errorOf } from '../dist/errors.js'
import { edge, withoutEdge } from './support.mjs'
import { vectorsOf } from './vectors.mjs'

const SPEC = new URL('../../spec/', import.meta.url)
const read = (path) => JSON.parse(readFileSync(new URL(path, SPEC), 'utf8'))
const BUILDS = { addon: { package: hookseal }, edge: { package: edge, skip: withoutEdge } }

for (const [build, options] of Object.entries(BUILDS)) test(`every vector gets its verdict from the ${build}`, options, () => {
  const { signVector, verifyVector } = vectorsOf(options.package)
  const runners = { 'verify-1': verifyVector, 'sign-1': signVector }
  const files = readdirSync(new URL('vectors', SPEC)).filter((name) => name.endsWith('.json'))
  const failures = []
  let listed = 0
  let run = 0
  for (const name of files) {
    const { schema, tests } = read(`vectors/${name}`)
    listed += tests.length
    for (const vector of tests) {
      const verdict = runners[schema](vector)
      run += 1
      if (!agrees(vector.expect, verdict)) {
        failures.push(`${vector.id} (${vector.comment}; ${vector.flags}): expected ${JSON.stringify(vector.expect)}, got ${JSON.stringify(verdict)}`)
      }
    }
  }
  console.log(`conformance: ${run} vectors, ${build}`)
  assert.equal(run, listed)
  assert.ok(run > 300, 'the corpus has shrunk')
  assert.deepEqual(failures, [])
})

for (const [build, options] of Object.entries(BUILDS)) test(`the container of the headers and of the body does not matter to the ${build}`, options, () => {
  const { verifyVector } = vectorsOf(options.package)
  let compared = 0
  for (const name of readdirSync(new URL('vectors', SPEC))) {
    const { schema, tests } = read(`vectors/${name}`)
    for (const vector of schema === 'verify-1' ? tests : []) {
      const names = vector.headers.map(([name]) => name.toLowerCase())
      if (new Set(names).size < names.length) continue
      const bytes = Buffer.from(vector.body_base64, 'base64')
      const text = bytes.toString('utf8')
      const lower = Object.fromEntries(vector.headers.map(([name, value]) => [name.toLowerCase(), value]))
      const verdicts = [
        verifyVector(vector, { headers: lower, body: Buffer.from(text).equals(bytes) ? text : bytes }),
        verifyVector(vector, { headers: Object.fromEntries(vector.headers), body: Uint8Array.from(bytes).buffer }),
        verifyVector(vector, { headers: new Map(vector.headers.map(([name, value]) => [name, Buffer.from(value, 'latin1')])) }),
        verifyVector(vector, { headers: vector.headers.flat() }),
      ]
      for (const verdict of verdicts) assert.ok(agrees(vector.expect, verdict), `${vector.id}: ${JSON.stringify(verdict)}`)
      compared += 1
    }
  }
  assert.ok(compared > 300)
})

/** Every field that is expected has to be there; what is not named is free. */
function agrees(expected, verdict) {
  if (expected.ok === undefined || verdict.ok === undefined) return JSON.stringify(expected) === JSON.stringify(verdict)
  return Object.entries(expected.ok).every(([name, value]) => verdict.ok[name] === value)
}

test('every error code has its class', () => {
  const classes = {
    verification: hookseal.VerificationError,
    configuration: hookseal.ConfigError,
    sending: hookseal.SendError,
    store: hookseal.StoreError,
    any: hookseal.WebhookError,
  }
  const codes = read('errors.json').codes.filter(({ kind }) => kind !== 'attempt')
  assert.ok(codes.length > 30)
  for (const { code, kind, retryable } of codes) {
    const error = errorOf(code, 'a message')
    assert.equal(error.code, code)
    assert.equal(error.message, 'a message')
    assert.equal(error.retryable, retryable, code)
    assert.equal(error.constructor, classes[kind], code)
    assert.equal(error.name, classes[kind].name)
    assert.ok(error instanceof hookseal.WebhookError && error instanceof Error)
  }
  assert.equal(errorOf('no_such_code', 'a message').code, 'internal')
})

test('the codes that the types list are those of the specification', () => {
  const source = ['errors.d.ts', 'delivery.d.ts'].map((name) => readFileSync(new URL(`../dist/${name}`, import.meta.url), 'utf8'))
  const typed = (text, types) => types.flatMap((type) => {
    const [, union] = text.match(new RegExp(`type ${type} = ([^;]*);`))
    return [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code)
  })
  const codes = read('errors.json').codes
  const errors = typed(source[0], ['ErrorCode', 'VerificationCode', 'ConfigCode', 'SendCode', 'StoreCode'])
  assert.deepEqual(errors.sort(), codes.filter(({ kind }) => kind !== 'attempt').map(({ code }) => code).sort())
  const attempts = new Set(typed(source[1], ['AttemptCode']))
  for (const { code } of codes.filter(({ kind }) => kind === 'attempt')) assert.ok(attempts.has(code), code)
})
