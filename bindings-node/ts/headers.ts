import { errorOf, WebhookError } from './errors.js'
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

/** The headers that a verifier reads, at most three; the first is the signature. */
export class HeaderNames {
  readonly #spelled: readonly string[]
  readonly #lower: readonly string[]
  /** A bit for the length of each, modulo 32: most other names are told apart by it. */
  readonly #lengths: number

  constructor(names: readonly string[]) {
    this.#spelled = names
    this.#lower = names.map((name) => name.toLowerCase())
    this.#lengths = names.reduce((bits, { length }) => bits | (1 << (length & 31)), 0)
  }

  /** Looks each of them up. */
  in(headers: HeadersLike): Found[] {
    if (typeof headers === 'string') return [headers]
    const found: Found[] = [undefined, undefined, undefined]
    if (typeof headers !== 'object' || headers === null) return found
    try {
      if ('get' in headers && typeof headers.get === 'function' && !isMap(headers)) {
        for (const [place, name] of this.#lower.entries()) this.#add(found, place, (headers as { get(name: string): unknown }).get(name))
      } else if (Symbol.iterator in headers) {
        for (const [name, value] of pairsOf(headers)) this.#add(found, this.#placeOf(name), value)
      } else {
        for (const name in headers) {
          if ((this.#lengths & (1 << (name.length & 31))) === 0) continue
          const place = this.#placeOf(name)
          if (place >= 0 && Object.hasOwn(headers, name)) this.#add(found, place, (headers as Record<string, unknown>)[name])
        }
      }
      return found
    } catch (error) {
      if (error instanceof WebhookError) throw error
      throw errorOf('malformed_header', 'the headers can not be read')
    }
  }

  #placeOf(name: unknown): number {
    const names = this.#lower
    for (let place = 0; place < names.length; place += 1) {
      const own = names[place]!
      if (name === own || (typeof name === 'string' && name.length === own.length && name.toLowerCase() === own)) return place
    }
    return NOWHERE
  }

  #add(found: Found[], place: number, value: unknown): void {
    if (place === NOWHERE || value === undefined || value === null) return
    if (Array.isArray(value)) {
      for (const one of value) this.#add(found, place, one)
    } else {
      found[place] = found[place] === undefined ? textOf(this.#spelled[place]!, value) : null
    }
  }
}

const NOWHERE = -1

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
