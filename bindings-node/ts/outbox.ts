import native = require('../native.js')
import { checkOptions, textOf } from './convert.js'
import { recordOf } from './delivery.js'
import type { Endpoint, EndpointOptions } from './endpoint.js'
import { unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { jsonOf, toSnakeCase } from './json.js'
import type { RetryPolicy } from './policy.js'
import {
  publicationJson, statementFor, storedEndpoint,
  type NamedStatement, type Published, type PublishOptions, type Statement, type StatementOptions,
} from './publication.js'
import { payloadOf, type Payload, type SenderOptions } from './sender.js'
import { DeadLetters, Deliveries, type Call } from './stored.js'
import { Subscriptions } from './subscriptions.js'

/** How workers deliver, with the sender's names. */
type DeliveryOptions = Omit<SenderOptions, 'retry' | 'maxInFlight' | 'maxQueued' | 'maxQueuedBytes' | 'onEvent'>

export interface OutboxOptions extends DeliveryOptions {
  /**
   * Encrypts secrets in the store: 32 random bytes as hex or base64, the same for every program that uses it. SQLite
   * makes the file `PATH.key` unless given; PostgreSQL needs one.
   */
  encryptionKey?: string | undefined
  /** Keys that rows may still be encrypted with. */
  formerEncryptionKeys?: readonly string[] | undefined
  /** When a failed delivery is attempted again, unless its subscription says otherwise: `RetryPolicy.standard()`. */
  retry?: RetryPolicy | undefined
  /** For how many seconds an idempotency key means the event that it was first given with: a day. */
  idempotencyTtl?: number | undefined
  /** For how many seconds delivered and cancelled deliveries are kept: 7 days. */
  retention?: number | undefined
  /** For how many seconds dead ones are: 30 days. */
  deadRetention?: number | undefined
  /** After how many seconds the work of a lost worker is taken over: 60. */
  lease?: number | undefined
  /** How often a worker looks for work that nobody told it of, in seconds: 1. */
  poll?: number | undefined
  /** A subscription that has failed for so many seconds is disabled: 5 days; `null` for never. */
  disableAfter?: number | null | undefined
}

export interface DeliverOptions extends Omit<PublishOptions, 'metadata' | 'tenant'> {}

/** How many rows of each kind there are. */
export interface OutboxStatus {
  /** Events whose deliveries are not all made. */
  readonly eventsWaiting: number
  readonly pending: number
  readonly delivered: number
  readonly dead: number
  /** Deliveries that a worker has taken. */
  readonly inFlight: number
  readonly subscriptions: number
  /** Whether what is accepted survives this process. */
  readonly durable: boolean
}

const DELIVERY = {
  allowPrivate: 'boolean', allowSubnets: 'object', allowPorts: 'object', httpsOnly: 'boolean', timeout: 'number',
  connectTimeout: 'number', maxInFlightPerEndpoint: 'number', rateLimit: 'any', breaker: 'object', extraRoots: 'object',
  userAgent: 'string', identity: 'string', proxy: 'string', http2: 'boolean', headerPrefix: 'string', headerNames: 'object',
} as const

const OWN = {
  encryptionKey: 'string', formerEncryptionKeys: 'object', retry: 'object', idempotencyTtl: 'number', retention: 'number',
  deadRetention: 'number', lease: 'number', poll: 'number', disableAfter: 'any',
} as const

/**
 * Publishes events so that none is lost, and delivers them: what is published is in a database before `publish`
 * returns, and is attempted for every subscription that it fits until it is delivered, dead or cancelled.
 */
export class Outbox extends Owner {
  readonly #uri: string
  readonly subscriptions: Subscriptions
  readonly deliveries: Deliveries
  readonly deadLetters: DeadLetters

  private constructor(handle: number, uri: string) {
    super(handle)
    this.#uri = uri
    const call: Call = (method, params) => this.#call(method, params)
    this.subscriptions = new Subscriptions(call)
    this.deliveries = new Deliveries(call)
    this.deadLetters = new DeadLetters(call)
  }

  /** Opens the store `sqlite:PATH`, `postgres://…` or `memory:`, each with an optional `?prefix=NAME` for its tables. */
  static async open(uri: string, options: OutboxOptions = {}): Promise<Outbox> {
    checkOptions(options, { ...OWN, ...DELIVERY })
    const entries = Object.entries(options)
    const own = Object.fromEntries(entries.filter(([name]) => name in OWN))
    const delivery = Object.fromEntries(entries.filter(([name]) => name in DELIVERY))
    const record = jsonOf(toSnakeCase({ ...own, delivery }), 'invalid_config', 'options')
    const store = textOf('the store', uri)
    return new Outbox(unwrap(await native.outboxOpen(store, record)), store)
  }

  /** Accepts an event: when this returns, it is in one committed, synced transaction. */
  async publish(eventType: string, payload: Payload, options: PublishOptions = {}): Promise<Published> {
    const json = publicationJson(eventType, options)
    return recordOf(unwrap(await native.outboxPublish(handleOf(this), payloadOf(payload), json)))
  }

  /** Accepts an event for this endpoint alone, which needs no subscription. */
  async deliver(
    endpoint: Endpoint | EndpointOptions, eventType: string, payload: Payload, options: DeliverOptions = {},
  ): Promise<Published> {
    const json = publicationJson(eventType, options, storedEndpoint(endpoint))
    return recordOf(unwrap(await native.outboxPublish(handleOf(this), payloadOf(payload), json)))
  }

  /**
   * One statement, with its parameters, that publishes an event inside a transaction of your own connection: the event
   * is accepted if and only if you commit. Where your process uses SQLite itself, take the function `publishStatement`,
   * which opens nothing, and let workers run in another process: two SQLite libraries on one file in one process undo
   * each other's locks.
   */
  publishStatement(eventType: string, payload: Payload, options: StatementOptions<'named'> & { paramStyle: 'named' }): NamedStatement
  publishStatement(eventType: string, payload: Payload, options?: StatementOptions<'qmark' | 'numeric' | 'format'>): Statement
  publishStatement(eventType: string, payload: Payload, options: StatementOptions = {}): Statement | NamedStatement {
    return statementFor(this.#uri, eventType, payload, options)
  }

  /** A worker that makes at most so many attempts at once (64), once it is run. */
  worker(options: { concurrency?: number | undefined } = {}): OutboxWorker {
    checkOptions(options, { concurrency: 'number' })
    return new OutboxWorker(unwrap(native.outboxWorker(handleOf(this), options.concurrency ?? 64)))
  }

  /** How many events and deliveries there are. */
  async status(): Promise<OutboxStatus> {
    return recordOf(await this.#call('status', {}))
  }

  /** Gives up what is too old and forgets what is long finished, as every worker does each minute. */
  async cleanUp(): Promise<void> {
    await this.#call('clean_up', {})
  }

  /** Encrypts with the present key what a former one has encrypted; answers with how many rows. */
  async reencrypt(): Promise<number> {
    return recordOf(await this.#call('reencrypt', {}))
  }

  /** Lets go of the store. A worker keeps it until it is stopped. */
  async close(): Promise<void> {
    native.outboxClose(handleOf(this))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #call(method: string, params: object): Promise<string> {
    return unwrap(await native.outboxCall(handleOf(this), method, jsonOf(params, 'invalid_config', 'options')))
  }
}

/** `outbox.publishStatement` for a store that this process does not open; its tables must be there. */
export function publishStatement(
  uri: string, eventType: string, payload: Payload, options: StatementOptions<'named'> & { paramStyle: 'named' },
): NamedStatement
export function publishStatement(
  uri: string, eventType: string, payload: Payload, options?: StatementOptions<'qmark' | 'numeric' | 'format'>,
): Statement
export function publishStatement(
  uri: string, eventType: string, payload: Payload, options: StatementOptions = {},
): Statement | NamedStatement {
  return statementFor(uri, eventType, payload, options)
}

/** What a worker has done since it was made, and how many rows it has in hand. */
export interface WorkerCounts {
  readonly attempts: number
  readonly delivered: number
  readonly retrying: number
  readonly dead: number
  /** Outcomes that came after their lease had ended, and were refused. */
  readonly stale: number
  readonly inHand: number
}

/** Works on an outbox's deliveries. Any number of workers, in any number of processes, share a store. */
export class OutboxWorker extends Owner {
  /** @internal */
  constructor(handle: number) {
    super(handle)
  }

  /** Works until `stop`, and keeps the process alive; `closed` when it was stopped before. */
  async run(): Promise<void> {
    unwrap(await native.workerRun(handleOf(this)))
  }

  /** Works until nothing is due, for scripts and tests. */
  async runUntilIdle(): Promise<WorkerCounts> {
    return recordOf(unwrap(await native.workerRunUntilIdle(handleOf(this))))
  }

  /** Ends `run`: nothing more is taken, attempts under way end, and what has not started is given back. */
  stop(): void {
    native.workerStop(handleOf(this))
  }

  /** What it has done so far. */
  get counts(): WorkerCounts {
    return recordOf(unwrap(native.workerCounts(handleOf(this))))
  }
}
