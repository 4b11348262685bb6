import native = require('../native.js')
import { textOf } from './convert.js'
import { unwrap } from './errors.js'
import { adopt, handleOf, Owner } from './handle.js'
import { jsonOf } from './json.js'

/** A signature scheme as data; `spec/SPEC.md` describes the fields. */
export interface SchemeDocument {
  name: string
  summary?: string
  source?: string
  signature: {
    header: string
    grammar: 'pairs' | 'list' | 'prefixed' | 'bare' | 'token'
    separator?: ',' | ';'
    joined?: ','
  }
  timestamp?: { unit: 'seconds' | 'milliseconds' | 'rfc3339' } & ({ element: string } | { header: string })
  id?: { header: string }
  type?: { header: string }
  content?: string
  versions?: {
    label: string
    algorithm: 'hmac-sha256' | 'hmac-sha512' | 'hmac-sha1' | 'ed25519'
    encoding: 'hex' | 'base64'
    content?: string
  }[]
  key: 'utf8' | 'base64' | 'hex' | 'ed25519-public-hex'
  also_writes?: string[]
}

/** How a provider signs: one of the built-in schemes, or your own. */
export class Scheme extends Owner {
  /** The built-in scheme of that name. */
  constructor(name: string) {
    super(unwrap(native.schemeNamed(textOf('scheme', name))))
  }

  /** A scheme from a document. */
  static fromObject(document: SchemeDocument): Scheme {
    return adopt(Scheme, unwrap(native.schemeFromJson(jsonOf(document, 'invalid_scheme', 'scheme'))))
  }

  /** The names of the built-in schemes, sorted. */
  static names(): string[] {
    return native.schemeNames()
  }

  get name(): string {
    return this.toJSON().name
  }

  /** Whether the URL is signed, which a verifier then has to be given. */
  get signsUrl(): boolean {
    const { content, versions = [] } = this.toJSON()
    return [content, ...versions.map((version) => version.content)].some((template) => template?.includes('{url}'))
  }

  /** The document. */
  toJSON(): SchemeDocument {
    return JSON.parse(native.schemeJson(handleOf(this))) as SchemeDocument
  }
}

/** What signers, verifiers and endpoints take as their scheme. */
export type SchemeLike = string | Scheme | SchemeDocument

export function schemeOf(scheme: SchemeLike = 'hookseal'): Scheme {
  if (scheme instanceof Scheme) return scheme
  return typeof scheme === 'string' ? new Scheme(scheme) : Scheme.fromObject(scheme)
}
