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
  readonly #names: readonly HeaderName[]

  constructor(names: readonly string[]) {
    this.#names = names.map((name) => new HeaderName(name))
  }

  /** Looks each of them up. */
  in(headers: HeadersLike): Found[] {
    if (typeof headers === 'string') return [headers]
    if (typeof headers !== 'object' || headers === null) return []
    try {
      const names = this.#names
      if ('get' in headers && typeof headers.get === 'function' && !isMap(headers)) {
        return names.map(({ spelled, lower }) => textOf(spelled, (headers as { get(name: string): unknown }).get(lower)))
      }
      if (Symbol.iterator in headers) {
        const pairs = pairsOf(headers)
        return names.map((name) => name.only(pairs.filter(([other]) => name.matches(other)).map(([, value]) => value)))
      }
      return names.map((name) => name.in(headers as Record<string, unknown>))
    } catch (error) {
      if (error instanceof WebhookError) throw error
      throw errorOf('malformed_header', 'the headers can not be read')
    }
  }
}

class HeaderName {
  readonly spelled: string
  readonly lower: string

  constructor(spelled: string) {
    this.spelled = spelled
    this.lower = spelled.toLowerCase()
  }

  /** An object is tried under the two usual spellings before it is searched. */
  in(headers: Record<string, unknown>): Found {
    const { lower, spelled } = this
    const value = headers[lower]
    const other = lower === spelled ? undefined : headers[spelled]
    if (other === undefined && typeof value === 'string') return value
    if (other === undefined && value === undefined) return this.#search(headers)
    const own = (name: string): unknown => (Object.hasOwn(headers, name) ? headers[name] : undefined)
    return this.only(lower === spelled ? [own(lower)] : [own(lower), own(spelled)])
  }

  #search(headers: Record<string, unknown>): Found {
    let values: unknown[] | undefined
    for (const name in headers) if (this.matches(name) && Object.hasOwn(headers, name)) (values ??= []).push(headers[name])
    return values && this.only(values)
  }

  matches(name: unknown): boolean {
    return typeof name === 'string' && name.length === this.lower.length && name.toLowerCase() === this.lower
  }

  only(values: unknown[]): Found {
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
