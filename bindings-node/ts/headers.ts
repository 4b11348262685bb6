import { types } from 'node:util'

import { errorOf } from './errors.js'

/**
 * Headers in any of their usual forms: Node's object, a `Headers`, pairs of name and value, Node's
 * `rawHeaders`, or the signature header's value alone for schemes that need no other.
 */
export type HeadersLike =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null | undefined }
  | Iterable<readonly [string, string | Uint8Array]>
  | readonly string[]
  | string

/** A value, `undefined` where there is none, `null` where there are several. */
export type Found = string | null | undefined

/** A header that a verifier reads. */
export class HeaderName {
  readonly spelled: string
  readonly lower: string
  readonly isSignature: boolean

  constructor(spelled: string, isSignature: boolean) {
    this.spelled = spelled
    this.lower = spelled.toLowerCase()
    this.isSignature = isSignature
  }

  /** Looks the header up. */
  in(headers: HeadersLike): Found {
    if (typeof headers === 'string') return this.isSignature ? headers : undefined
    if (typeof headers !== 'object' || headers === null) return undefined
    if ('get' in headers && typeof headers.get === 'function' && !types.isMap(headers)) return this.#text(headers.get(this.lower))
    if (Symbol.iterator in headers) return this.#inEntries(headers)
    return this.#inObject(headers as Record<string, unknown>)
  }

  /** An object is tried under the two usual spellings before it is searched. */
  #inObject(headers: Record<string, unknown>): Found {
    const { lower, spelled } = this
    const value = headers[lower]
    if (typeof value === 'string' && (lower === spelled || headers[spelled] === undefined)) return value
    const own = (name: string): unknown => (Object.hasOwn(headers, name) ? headers[name] : undefined)
    const usual = lower === spelled ? [own(lower)] : [own(lower), own(spelled)]
    if (usual.some((value) => value !== undefined)) return this.#only(usual)
    return this.#only(Object.keys(headers).filter((name) => this.#matches(name)).map(own))
  }

  #inEntries(headers: Iterable<unknown>): Found {
    const values: unknown[] = []
    if (Array.isArray(headers) && typeof headers[0] === 'string') {
      for (let at = 0; at < headers.length; at += 2) {
        if (this.#matches(headers[at])) values.push(headers[at + 1])
      }
    } else {
      for (const pair of headers) {
        if (!Array.isArray(pair)) throw errorOf('malformed_header', 'the headers must be pairs of name and value')
        if (this.#matches(pair[0])) values.push(pair[1])
      }
    }
    return this.#only(values)
  }

  #matches(name: unknown): boolean {
    return typeof name === 'string' && name.length === this.lower.length && name.toLowerCase() === this.lower
  }

  #only(values: unknown[]): Found {
    const texts = values.flat().filter((value) => value !== undefined && value !== null)
    return texts.length > 1 ? null : this.#text(texts[0])
  }

  #text(value: unknown): string | undefined {
    if (typeof value === 'string') return value
    if (value === undefined || value === null) return undefined
    if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
    throw errorOf('malformed_header', `the header ${this.spelled} is not a string`)
  }
}
