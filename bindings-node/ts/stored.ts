import { checkOptions, textOf, type Time } from './convert.js'
import { recordOf, type Attempt, type DeadReason, type Delivery } from './delivery.js'
import { errorOf } from './errors.js'
import { wholeSecondsOf } from './publication.js'

/** Calls a method of the core, and gives its answer in JSON. */
export type Call = (method: string, params: object) => Promise<string>

/** A delivery as the store has it. Times are Unix seconds. */
export interface StoredDelivery {
  /** The same at every attempt, and in the header `X-Webhook-Id`. */
  readonly id: string
  readonly eventId: string
  readonly eventType: string
  /** The subscription's id, where it has one. */
  readonly subscription: string | undefined
  readonly status: Delivery['status']
  /** Why it is dead. */
  readonly reason: DeadReason | undefined
  /** How many are on record. */
  readonly attempts: number
  /** When it is attempted next; for one that a worker has taken, when its lease ends. */
  readonly dueAt: number
  readonly acceptedAt: number
  readonly finishedAt: number | undefined
}

/** Which deliveries are meant. */
export interface DeliveryFilter {
  /** A pattern: `order.paid`, `order.*`, `*`. */
  eventType?: string | undefined
  /** The subscription's id. */
  subscription?: string | undefined
  eventId?: string | undefined
  tenant?: string | undefined
  /** Accepted then or later. */
  since?: Time | undefined
  /** Accepted before. */
  until?: Time | undefined
}

export interface ListOptions extends DeliveryFilter {
  /** How many at most, 1 to 1,000: 100. */
  limit?: number | undefined
  /** The cursor of the page before. */
  cursor?: string | undefined
}

/** A part of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** What to ask for the next part with; nothing at the end. */
  readonly cursor: string | undefined
}

const FILTER = {
  eventType: 'string', subscription: 'string', eventId: 'string', tenant: 'string', since: 'any', until: 'any',
} as const
const LIST = { ...FILTER, limit: 'number', cursor: 'string' } as const

/** What became of each event. */
export class Deliveries {
  readonly #call: Call

  /** @internal */
  constructor(call: Call) {
    this.#call = call
  }

  /** Newest first. */
  async list(options: ListOptions & { status?: Delivery['status'] | undefined } = {}): Promise<Page<StoredDelivery>> {
    checkOptions(options, { ...LIST, status: 'string' })
    return recordOf(await this.#call('deliveries', pageRecord(options, options.status)))
  }

  /** One delivery; `not_found` where there is none. */
  async get(id: string): Promise<StoredDelivery> {
    return recordOf(await this.#call('delivery', { id: textOf('id', id) }))
  }

  /** Its attempts, oldest first. */
  async attempts(id: string): Promise<Attempt[]> {
    return recordOf(await this.#call('attempts', { id: textOf('id', id) }))
  }

  /** Attempts a finished delivery again, now and with a fresh schedule. */
  async retry(id: string): Promise<StoredDelivery> {
    return recordOf(await this.#call('retry', { id: textOf('id', id) }))
  }

  /** Gives an unfinished delivery up. An attempt that is under way may still arrive. */
  async cancel(id: string): Promise<StoredDelivery> {
    return recordOf(await this.#call('cancel', { id: textOf('id', id) }))
  }
}

/** The deliveries that were given up. */
export class DeadLetters {
  readonly #call: Call

  /** @internal */
  constructor(call: Call) {
    this.#call = call
  }

  /** Newest first. */
  async list(options: ListOptions = {}): Promise<Page<StoredDelivery>> {
    checkOptions(options, LIST)
    return recordOf(await this.#call('deliveries', pageRecord(options, 'dead')))
  }

  /** Attempts those that the filter means again; answers with how many. A dry run only counts. */
  async retry(options: DeliveryFilter & { dryRun?: boolean | undefined } = {}): Promise<number> {
    checkOptions(options, { ...FILTER, dryRun: 'boolean' })
    return recordOf(await this.#call('retry_dead', { filter: filterRecord(options), dry_run: options.dryRun }))
  }

  /** Deletes those that were given up so many seconds ago; answers with how many. */
  async purge(options: { olderThan: number }): Promise<number> {
    checkOptions(options, { olderThan: 'number' })
    if (options.olderThan === undefined) throw errorOf('invalid_config', 'purge needs the option olderThan, in seconds')
    return recordOf(await this.#call('purge_dead', { older_than: options.olderThan }))
  }
}

function pageRecord(options: ListOptions, status: Delivery['status'] | undefined): object {
  return { filter: { ...filterRecord(options), status }, limit: options.limit ?? 100, cursor: options.cursor }
}

function filterRecord({ eventType, subscription, eventId, tenant, since, until }: DeliveryFilter): object {
  return {
    event_type: eventType, subscription, event_id: eventId, tenant,
    since: wholeSecondsOf('since', since), until: wholeSecondsOf('until', until),
  }
}
