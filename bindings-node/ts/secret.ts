import native = require('../native.js')
import { errorOf, unwrap } from './errors.js'
import { adopt, handleOf, Owner } from './handle.js'
import { inspectCustom } from './platform.js'

const REDACTED = 'Secret([REDACTED])'

type Form = 'plain' | 'utf8' | 'base64' | 'hex' | 'ed25519Private' | 'ed25519Public'

/** A secret. It is never printed, and only `expose` gives its text. */
export class Secret extends Owner {
  /** Takes a plain string; the scheme that it is used with says how it becomes a key. */
  constructor(text: string) {
    super(fromText('plain', text))
  }

  /** The text's UTF-8 bytes are the key. */
  static utf8(text: string): Secret {
    return adopt(Secret, fromText('utf8', text))
  }

  /** Base64 of the key, with or without `whsec_`. */
  static base64(text: string): Secret {
    return adopt(Secret, fromText('base64', text))
  }

  /** Hexadecimal digits of the key. */
  static hex(text: string): Secret {
    return adopt(Secret, fromText('hex', text))
  }

  /** These bytes are the key. */
  static bytes(key: Uint8Array): Secret {
    if (!(key instanceof Uint8Array)) throw errorOf('malformed_secret', 'the key must be a Uint8Array')
    return adopt(Secret, unwrap(native.secretFromBytes(key)))
  }

  /** An Ed25519 private key: base64 of the 32-byte seed, or of seed and public key, with or without `whsk_`. */
  static ed25519Private(text: string): Secret {
    return adopt(Secret, fromText('ed25519Private', text))
  }

  /** An Ed25519 public key: base64 with or without `whpk_`, or 64 hexadecimal digits. */
  static ed25519Public(text: string): Secret {
    return adopt(Secret, fromText('ed25519Public', text))
  }

  /** Makes a new secret: `whsec_` and the base64 of 32 random bytes. */
  static generate(): Secret {
    return adopt(Secret, unwrap(native.secretGenerate()))
  }

  /** The secret as text, for handing it to the other side. A secret made by `bytes` answers in base64. */
  expose(): string {
    return native.secretExpose(handleOf(this))
  }

  override toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [inspectCustom](): string {
    return REDACTED
  }
}

function fromText(form: Form, text: unknown): number {
  if (text === undefined || text === null) {
    throw errorOf('empty_secret', 'the secret is undefined; is the variable set that it is read from?')
  }
  if (typeof text !== 'string' || !text.isWellFormed()) {
    throw errorOf('malformed_secret', 'the secret must be a string without lone surrogates')
  }
  return unwrap(native.secretFromText(form, text))
}
