import native = require('../native.js')
import { checkOptions, optionalSecondsOf, optionalTextOf, secondsOf, textOf, type Time } from './convert.js'
import { errorOf, unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { Secret } from './secret.js'

export interface KeyOptions {
  /** Names the key, for `revoke`, `stats` and `Verified.keyId`. */
  id?: string | undefined
  /** The first second in which it is live. */
  notBefore?: Time | undefined
  /** The last second in which it is live. */
  notAfter?: Time | undefined
}

/** A secret with the time in which it is live. */
export class Key {
  readonly secret: Secret
  readonly id: string | undefined
  readonly notBefore: Time | undefined
  readonly notAfter: Time | undefined

  constructor(secret: string | Secret, options: KeyOptions = {}) {
    checkOptions(options, { id: 'string', notBefore: 'any', notAfter: 'any' })
    this.secret = secret instanceof Secret ? secret : new Secret(secret)
    this.id = options.id
    this.notBefore = options.notBefore
    this.notAfter = options.notAfter
  }
}

export interface RotateOptions {
  /** For how many seconds the keys before it stay live. */
  overlap: number
  /** The moment from which the overlap counts; the clock when none is given. */
  now?: Time | undefined
}

/** How often a key has matched, and when it last did, in Unix seconds. */
export interface KeyStats {
  id: string | undefined
  notBefore: number | undefined
  notAfter: number | undefined
  matches: number
  lastMatch: number | undefined
}

/** 1 to 16 keys, newest first, shared by every signer and verifier that was made with it. */
export class KeyRing extends Owner {
  constructor(keys: string | Secret | Key | readonly (string | Secret | Key)[]) {
    const list = Array.isArray(keys) ? keys : [keys]
    super(unwrap(native.ring(list.map((key) => recordOf(keyOf(key))))))
  }

  /** Puts a new key in front; the keys before it end after the overlap. */
  rotate(key: string | Secret | Key, options: RotateOptions): void {
    checkOptions(options, { overlap: 'number', now: 'any' })
    if (options.overlap === undefined) throw errorOf('invalid_config', 'rotate needs the option overlap, in seconds')
    unwrap(native.ringRotate(handleOf(this), recordOf(keyOf(key)), options.overlap, secondsOf('now', options.now)))
  }

  /** Takes the key of that id out, at once. */
  revoke(id: string): void {
    unwrap(native.ringRevoke(handleOf(this), textOf('id', id)))
  }

  /** Each key's use so far, newest first. */
  stats(): KeyStats[] {
    return native.ringStats(handleOf(this)).map(({ id, notBefore, notAfter, matches, lastMatch }) => {
      return { id, notBefore, notAfter, matches, lastMatch }
    })
  }
}

/** What signers, verifiers and endpoints take as their keys: the newest first. */
export type Secrets = string | Secret | Key | KeyRing | readonly (string | Secret | Key)[]

export function ringOf(secrets: Secrets): KeyRing {
  return secrets instanceof KeyRing ? secrets : new KeyRing(secrets)
}

function keyOf(key: string | Secret | Key): Key {
  return key instanceof Key ? key : new Key(key)
}

function recordOf(key: Key): native.KeyRecord {
  const record: native.KeyRecord = { secret: handleOf(key.secret) }
  const id = optionalTextOf('id', key.id)
  const notBefore = optionalSecondsOf('notBefore', key.notBefore)
  const notAfter = optionalSecondsOf('notAfter', key.notAfter)
  if (id !== undefined) record.id = id
  if (notBefore !== undefined) record.notBefore = notBefore
  if (notAfter !== undefined) record.notAfter = notAfter
  return record
}
