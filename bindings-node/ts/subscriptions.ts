import { checkOptions, textOf } from './convert.js'
import { recordOf } from './delivery.js'
import { requestRecord, type EndpointOptions } from './endpoint.js'
import { errorOf } from './errors.js'
import { toCamelCase, toSnakeCase } from './json.js'
import { storedScheme, storedSecret, storedSecrets, type Published } from './publication.js'
import type { Secret } from './secret.js'
import type { Call } from './stored.js'

/** Secrets that a store can keep: nothing but text. */
export type StoredSecrets = string | Secret | readonly (string | Secret)[]

export interface SubscriptionOptions extends Omit<EndpointOptions, 'id' | 'secrets' | 'signer'> {
  /** Patterns of event types: `order.paid`, `order.*`, `*` (the default). */
  events?: readonly string[] | undefined
  /** Metadata that an event must have, all of it. */
  filters?: Readonly<Record<string, string>> | undefined
  /** Whose it is: it gets this tenant's events and no others. */
  tenant?: string | undefined
  /** A note for people. */
  description?: string | undefined
  /** All live secrets, newest first; one is generated unless given. */
  secrets?: StoredSecrets | undefined
}

/** A subscription as the store has it, without its secrets. */
export interface Subscription {
  readonly id: string
  readonly tenant: string | undefined
  readonly url: string
  readonly events: readonly string[]
  readonly filters: Readonly<Record<string, string>>
  readonly description: string | undefined
  readonly status: 'enabled' | 'paused' | 'disabled'
  /** Why it is disabled: `gone`, `failing`, or what `disable` was given. */
  readonly reason: string | undefined
  /** In Unix seconds. */
  readonly createdAt: number
}

/** Who gets which events. */
export class Subscriptions {
  readonly #call: Call

  /** @internal */
  constructor(call: Call) {
    this.#call = call
  }

  /** Makes a subscription, for the events that are published from now on. */
  async create(options: SubscriptionOptions): Promise<Subscription> {
    return subscriptionOf(await this.#call('subscribe', recordFor(options)))
  }

  /** One subscription; `not_found` where there is none. */
  async get(id: string): Promise<Subscription> {
    return subscriptionOf(await this.#call('subscription', { id: textOf('id', id) }))
  }

  /** The tenant's, or those without one, oldest first; at most 1,000, after the one with the id `after`. */
  async list(options: { tenant?: string | undefined; after?: string | undefined } = {}): Promise<Subscription[]> {
    checkOptions(options, { tenant: 'string', after: 'string' })
    return (JSON.parse(await this.#call('subscriptions', options)) as unknown[]).map(fromRecord)
  }

  /** Puts these options in the place of all that it had; without `secrets` it keeps its own. */
  async update(id: string, options: SubscriptionOptions): Promise<Subscription> {
    return subscriptionOf(await this.#call('update_subscription', { id: textOf('id', id), options: recordFor(options) }))
  }

  /** Deletes it; its unfinished deliveries are cancelled. */
  async delete(id: string): Promise<void> {
    await this.#call('unsubscribe', { id: textOf('id', id) })
  }

  /** Lets its deliveries wait until `resume`. */
  async pause(id: string): Promise<Subscription> {
    return subscriptionOf(await this.#call('pause', { id: textOf('id', id) }))
  }

  /** Goes on; the events of a time in which it was disabled are not made up for. */
  async resume(id: string): Promise<Subscription> {
    return subscriptionOf(await this.#call('resume', { id: textOf('id', id) }))
  }

  /** Stops it: events from now on are not for it. */
  async disable(id: string, reason: string): Promise<Subscription> {
    return subscriptionOf(await this.#call('disable', { id: textOf('id', id), reason: textOf('reason', reason) }))
  }

  /** Puts a new secret first, generated unless given, and the others sign too for `overlap` seconds (a day). */
  async rotateSecret(
    id: string, options: { secret?: string | Secret | undefined; overlap?: number | undefined } = {},
  ): Promise<string> {
    checkOptions(options, { secret: 'any', overlap: 'number' })
    const secret = options.secret === undefined ? undefined : storedSecret(options.secret)
    return recordOf(await this.#call('rotate_secret', { id: textOf('id', id), secret, overlap: options.overlap ?? 86_400 }))
  }

  /** Its live secrets, newest first, to hand to the receiver. */
  async secrets(id: string): Promise<string[]> {
    return recordOf(await this.#call('secrets', { id: textOf('id', id) }))
  }

  /** Publishes `hookseal.test`, with an empty object, to this subscription alone. */
  async sendTest(id: string): Promise<Published> {
    return recordOf(await this.#call('send_test', { id: textOf('id', id) }))
  }
}

function recordFor(options: SubscriptionOptions): object {
  checkOptions(options, {
    url: 'string', events: 'object', filters: 'object', tenant: 'string', description: 'string', secrets: 'any',
    scheme: 'any', headers: 'object', timeout: 'number', retry: 'object', rateLimit: 'any', basicAuth: 'object',
    bearer: 'string', identity: 'string',
  })
  const { url, secrets, scheme, filters, headers, basicAuth, ...others } = options
  if (url === undefined) throw errorOf('invalid_url', 'a subscription needs a url')
  return {
    ...(toSnakeCase(others) as object),
    ...requestRecord({ headers, basicAuth }),
    url,
    filters,
    scheme: storedScheme(scheme),
    secrets: secrets === undefined ? undefined : storedSecrets(secrets),
  }
}

function subscriptionOf(json: string): Subscription {
  return fromRecord(JSON.parse(json))
}

/** Names of metadata are the caller's own. */
function fromRecord(record: unknown): Subscription {
  const { filters, ...others } = record as Subscription
  return { ...(toCamelCase(others) as Subscription), filters }
}
