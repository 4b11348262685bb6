import { errorOf } from './errors.js'
import { isMap, latin1Of } from './platform.js'

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
    if ('get' in headers && typeof headers.get === 'function' && !isMap(headers)) {
      return textOf(this.spelled, headers.get(this.lower))
    }
    if (Symbol.iterator in headers) return this.#only(pairsOf(headers).filter(([name]) => this.#matches(name)).map(([, value]) => value))
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

  #matches(name: unknown): boolean {
    return typeof name === 'string' && name.length === this.lower.length && name.toLowerCase() === this.lower
  }

  #only(values: unknown[]): Found {
    const texts = values.flat().filter((value) => value !== undefined && value !== null)
    return texts.length > 1 ? null : textOf(this.spelled, texts[0])
  }
}

/** Every header as a pair, for `diagnose`, which looks at others than a verifier does. */
export function allOf(headers: HeadersLike, signatureHeader: string): [string, string][] {
  if (typeof headers === 'string') return [[signatureHeader, headers]]
  if (typeof headers !== 'object' || headers === null) return []
  const pairs = Symbol.iterator in headers ? pairsOf(headers) : Object.entries(headers)
  return pairs.flatMap(([name, values]) => [values].flat().flatMap((value) => {
    const text = textOf(String(name), value)
    return text === undefined ? [] : [[String(name), text] as [string, string]]
  }))
}

/** Names and values, from pairs or from a list in which they alternate. */
function pairsOf(entries: Iterable<unknown>): (readonly unknown[])[] {
  if (Array.isArray(entries) && typeof entries[0] === 'string') {
    return entries.flatMap((name, at) => (at % 2 === 0 ? [[name, entries[at + 1]]] : []))
  }
  return Array.from(entries, (pair) => {
    if (Array.isArray(pair)) return pair
    throw errorOf('malformed_header', 'the headers must be pairs of name and value')
  })
}

function textOf(name: string, value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) return undefined
  if (value instanceof Uint8Array) return latin1Of(value)
  throw errorOf('malformed_header', `the header ${name} is not a string`)
}
