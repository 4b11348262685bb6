import type * as Native from '../../native.js'
import { instantiate } from './module.js'

/** The addon's functions for `../*.ts`, answered by the WebAssembly module. */

interface Exports {
  readonly memory: WebAssembly.Memory
  room(length: number): number
  call(json: number): number
  reply(): number
}

const NO_BYTES = new Uint8Array()
const encoder = new TextEncoder()
const decoder = new TextDecoder()
let module: Exports | undefined

function call<T>(name: string, args: readonly unknown[], body: Uint8Array = NO_BYTES): T {
  try {
    return exchange((module ??= instantiate() as unknown as Exports), encoder.encode(JSON.stringify([name, args])), body)
  } catch (error) {
    const message = `a defect in hookseal: ${error instanceof Error ? error.message : typeof error}`
    return { code: 'internal', kind: 'any', retryable: false, message } satisfies Native.Failure as T
  }
}

function exchange<T>({ memory, room, call, reply }: Exports, request: Uint8Array, body: Uint8Array): T {
  const at = room(request.length + body.length)
  const bytes = new Uint8Array(memory.buffer, at)
  bytes.set(request)
  bytes.set(body, request.length)
  const length = call(request.length)
  return JSON.parse(decoder.decode(new Uint8Array(memory.buffer, reply(), length))) as T
}

/** The module reads no clock. */
function moment(seconds: number): number {
  return Number.isNaN(seconds) ? Math.floor(Date.now() / 1000) : seconds
}

/** The module takes UTF-8, which has no lone surrogates. */
function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed()
}

function isFailure(reply: unknown): reply is Native.Failure {
  return typeof reply === 'object' && reply !== null && 'kind' in reply
}

let failure: Native.Failure
let verified: Native.Details

export const lastFailure: typeof Native.lastFailure = () => failure
export const details: typeof Native.details = () => verified

export const failureOf: typeof Native.failureOf = (code, message) => call('failureOf', [code, wellFormed(message)])
export const free: typeof Native.free = (handle) => call('free', [handle])

export const secretFromText: typeof Native.secretFromText = (form, text) => call('secretFromText', [form, text])
export const secretFromBytes: typeof Native.secretFromBytes = (bytes) => call('secretFromBytes', [], bytes)
export const secretExpose: typeof Native.secretExpose = (secret) => call('secretExpose', [secret])
export const secretGenerate: typeof Native.secretGenerate = () => {
  const key = crypto.getRandomValues(new Uint8Array(32))
  return secretFromText('plain', `whsec_${btoa(String.fromCharCode(...key))}`)
}

export const schemeNamed: typeof Native.schemeNamed = (name) => call('schemeNamed', [name])
export const schemeFromJson: typeof Native.schemeFromJson = (document) => call('schemeFromJson', [document])
export const schemeNames: typeof Native.schemeNames = () => call('schemeNames', [])
export const schemeJson: typeof Native.schemeJson = (scheme) => call('schemeJson', [scheme])

export const ring: typeof Native.ring = (keys) => call('ring', [keys])
export const ringRotate: typeof Native.ringRotate = (ring, key, overlap, now) => call('ringRotate', [ring, key, overlap, moment(now)])
export const ringRevoke: typeof Native.ringRevoke = (ring, id) => call('ringRevoke', [ring, id])
export const ringStats: typeof Native.ringStats = (ring) => call<Native.KeyStatsRecord[]>('ringStats', [ring]).map(withoutNull)

export const guard: typeof Native.guard = (capacity) => call('guard', [capacity])
export const guardRelease: typeof Native.guardRelease = (guard, claim) => call('guardRelease', [guard, claim])

export const signer: typeof Native.signer = (record) => call('signer', [record])
export const signerHeaders: typeof Native.signerHeaders = (signer) => call('signerHeaders', [signer])
export const sign: typeof Native.sign = (signer, body, timestamp, _shape, id, eventType, url) => {
  const reply = call<Native.Tagged<string>>('sign', [signer, moment(timestamp), id, eventType, url], body)
  if (!isFailure(reply)) return reply
  failure = reply
  return null
}

export const verifier: typeof Native.verifier = (scheme, ring, replay, limits) => call('verifier', [scheme, ring, replay, limits])
export const verifierHeaders: typeof Native.verifierHeaders = (verifier) => call('verifierHeaders', [verifier])
export const verifierVersions: typeof Native.verifierVersions = (verifier) => call('verifierVersions', [verifier])
/** The answers are those of `src/verify.rs`. */
export const verify: typeof Native.verify = (verifier, body, now, _shape, first, second, third, url) => {
  const values = [first, second, third].map((value) => (value === undefined ? [] : value === null ? ['', ''] : [wellFormed(value)]))
  const reply = call<Native.Details | Native.Failure>('verify', [verifier, moment(now), url, values], body)
  if (isFailure(reply)) {
    failure = reply
    return REFUSED
  }
  verified = withoutNull(reply)
  return SEE_DETAILS
}

export const diagnose: typeof Native.diagnose = (body, names, values, secrets, scheme, now, url) =>
  call('diagnose', [names.map(wellFormed), values.map(wellFormed), secrets, scheme, moment(now), url], body)

const REFUSED = -1
const SEE_DETAILS = -2

/** The addon has `undefined` where JSON has `null`. */
function withoutNull<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null)) as T
}
