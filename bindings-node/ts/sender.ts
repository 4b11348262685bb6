import native = require('../native.js')
import { checkSignal, until } from './abort.js'
import { bytesOf, checkOptions, isShared, optionalTextOf } from './convert.js'
import { recordOf, type Delivery, type SenderEvent } from './delivery.js'
import { Endpoint, type EndpointOptions } from './endpoint.js'
import { errorOf, unwrap, WebhookError } from './errors.js'
import { SenderEvents } from './events.js'
import { adopt, handleOf, Owner } from './handle.js'
import { jsonOf, toSnakeCase } from './json.js'
import { isArrayBuffer, isUint8Array, utf8Of } from './platform.js'
import type { Breaker, RateLimit, RetryPolicy } from './policy.js'

export interface SenderOptions {
  /** When a failed delivery is attempted again, unless its endpoint says otherwise. */
  retry?: RetryPolicy | undefined
  /** Opens private and loopback addresses, local names and all ports: for development. */
  allowPrivate?: boolean | undefined
  /** Opens these subnets, such as `10.1.0.0/16`. */
  allowSubnets?: readonly string[] | undefined
  /** Opens these ports beside 80, 443 and those from 1024 on. */
  allowPorts?: readonly number[] | undefined
  /** Refuses `http`. */
  httpsOnly?: boolean | undefined
  /** The deadline of one attempt, in seconds: 15, and at most 60. */
  timeout?: number | undefined
  /** How long a lookup, TCP and TLS may take together, in seconds: 5. */
  connectTimeout?: number | undefined
  /** How many attempts may be in flight: 256. */
  maxInFlight?: number | undefined
  /** How many of them to one endpoint: 8. */
  maxInFlightPerEndpoint?: number | undefined
  /** How many unfinished deliveries are held: 100,000, of which one endpoint may have a quarter. */
  maxQueued?: number | undefined
  /** How many bytes their payloads may hold: 64 MiB. */
  maxQueuedBytes?: number | undefined
  rateLimit?: RateLimit | undefined
  /** `null` for none. */
  breaker?: Breaker | null | undefined
  /** Root certificates beside the system's, as PEM texts. */
  extraRoots?: readonly string[] | undefined
  userAgent?: string | undefined
  /** For mutual TLS: one PEM text with the certificate chain and its private key. */
  identity?: string | undefined
  /** A proxy for everything, `http://[user:password@]host[:port]`; it looks the host names up. */
  proxy?: string | undefined
  /** Offers HTTP/2 to `https` receivers. */
  http2?: boolean | undefined
  /** What the names of the sender's own headers begin with: `X-Webhook-`. A scheme's keep their names. */
  headerPrefix?: string | undefined
  /** Full names for some of them. */
  headerNames?: HeaderNameOptions | undefined
  /** Is told what happens; what it throws is reported as a warning of the process. */
  onEvent?: ((event: SenderEvent) => void) | undefined
}

/** Names of the headers that tell a receiver about its delivery. */
export interface HeaderNameOptions {
  /** The delivery's id: `X-Webhook-Id`. */
  id?: string | undefined
  /** The event type: `X-Webhook-Event`. */
  event?: string | undefined
  /** The moment of the attempt: `X-Webhook-Timestamp`. */
  timestamp?: string | undefined
  /** The number of the attempt: `X-Webhook-Attempt`. */
  attempt?: string | undefined
}

/** Bytes and strings are sent as they are; anything else as its `JSON.stringify`. */
export type Payload = unknown

export interface EventOptions {
  /** The delivery's id; without one the sender makes `msg_` and a UUIDv7. */
  id?: string | undefined
  /** `application/json` unless given. */
  contentType?: string | undefined
  /** A W3C Trace Context, sent as the header `traceparent`. */
  traceparent?: string | undefined
}

export interface SendOptions extends EventOptions {
  /** Aborting it rejects the promise with the signal's reason, and nothing more is attempted for the delivery. */
  signal?: AbortSignal | undefined
}

export interface WaitOptions {
  /** Aborting it rejects the promise with the signal's reason. What was waited for goes on. */
  signal?: AbortSignal | undefined
}

export interface FlushOptions extends WaitOptions {
  /** The longest wait, in seconds. */
  timeout?: number | undefined
}

/** One item of `sendMany`: an endpoint, an event type, a payload and options. */
export type Item = readonly [Endpoint | EndpointOptions, string, Payload, EventOptions?]

/** The senders of this process that were not closed: what they leave undone at its end is said on standard error. */
const open = new Set<WeakRef<Sender>>()
let watching = false

/** Delivers events: signed, retried, and without one endpoint holding up another. Keep it, and close it. */
export class Sender extends Owner {
  readonly #told: SenderEvents | undefined
  readonly #followers = new Set<WeakRef<SenderEvents>>()
  readonly #self: WeakRef<Sender>

  constructor(options: SenderOptions = {}) {
    checkOptions(options, {
      retry: 'object', allowPrivate: 'boolean', allowSubnets: 'object', allowPorts: 'object', httpsOnly: 'boolean',
      timeout: 'number', connectTimeout: 'number', maxInFlight: 'number', maxInFlightPerEndpoint: 'number',
      maxQueued: 'number', maxQueuedBytes: 'number', rateLimit: 'any', breaker: 'object', extraRoots: 'object',
      userAgent: 'string', identity: 'string', proxy: 'string', http2: 'boolean', headerPrefix: 'string',
      headerNames: 'object', onEvent: 'function',
    })
    const { onEvent, ...others } = options
    super(unwrap(native.sender(jsonOf(toSnakeCase(others), 'invalid_config', 'options'))))
    this.#told = onEvent && new SenderEvents(handleOf(this), onEvent)
    this.#self = new WeakRef(this)
    watch(this.#self)
  }

  /** Delivers an event and waits for its end; waits for room where the queue is full. */
  async send(
    endpoint: Endpoint | EndpointOptions, eventType: string, payload: Payload, options: SendOptions = {},
  ): Promise<Delivery> {
    const { signal, ...others } = options
    checkSignal(signal)
    const target = endpointOf(endpoint)
    const event = eventOf(eventType, payload, others)
    if (signal !== undefined) return this.#sendUntil(signal, target, event)
    const sending = lend(event, (event) => native.senderSend(handleOf(this), handleOf(target), event))
    return recordOf(await this.#answer(sending))
  }

  async #sendUntil(signal: AbortSignal, target: Endpoint, event: number): Promise<Delivery> {
    const queued = until(signal, (abortion) =>
      lend(event, (event) => native.senderEnqueueWaiting(handleOf(this), handleOf(target), event, abortion)))
    const delivery = adopt(DeliveryHandle, unwrap(await queued))
    try {
      return recordOf(await this.#answer(until(signal, (abortion) => native.deliveryWait(handleOf(delivery), abortion))))
    } finally {
      delivery.cancel() // nothing to do where it is finished
    }
  }

  /**
   * Delivers many events and waits for the end of all; the answers are in the order of the items. All are
   * checked before any is sent. Items that share a payload object share its bytes.
   */
  async sendMany(items: Iterable<Item>): Promise<Delivery[]> {
    return recordOf(await this.#answer(this.#start([...items])))
  }

  #start(items: Item[]): Promise<string | native.Failure> {
    const events = new EventTable()
    try {
      const endpoints = items.map(([endpoint], index) => ofItem(index, () => endpointOf(endpoint)))
      const chosen = items.map(([, ...event], index) => ofItem(index, () => events.get(...event)))
      return native.senderSendMany(handleOf(this), endpoints.map(handleOf), chosen)
    } finally {
      events.free()
    }
  }

  /** Accepts an event for delivery and returns at once; throws `queue_full` where there is no room. */
  enqueue(
    endpoint: Endpoint | EndpointOptions, eventType: string, payload: Payload, options?: EventOptions,
  ): DeliveryHandle {
    const target = endpointOf(endpoint)
    const queued = lend(eventOf(eventType, payload, options), (event) => native.senderEnqueue(handleOf(this), handleOf(target), event))
    return adopt(DeliveryHandle, unwrap(queued))
  }

  /** Waits until nothing is left to deliver; `false` when that takes longer than `timeout` seconds. */
  async flush(options: FlushOptions = {}): Promise<boolean> {
    checkOptions(options, { timeout: 'number', signal: 'any' })
    checkSignal(options.signal)
    return this.#answer(until(options.signal, (abortion) => native.senderFlush(handleOf(this), options.timeout, abortion)))
  }

  /**
   * Takes and starts nothing more, gives the attempts in flight `grace` seconds (30) to end, and returns every
   * delivery that is not finished. `flush` first to wait for those.
   */
  async close(options: { grace?: number | undefined } = {}): Promise<Delivery[]> {
    checkOptions(options, { grace: 'number' })
    const unfinished = await this.#answer(native.senderClose(handleOf(this), options.grace ?? 30))
    open.delete(this.#self)
    for (const events of this.#followers) events.deref()?.end()
    return recordOf(unfinished)
  }

  /** How many accepted deliveries are not finished. */
  get unfinished(): number {
    return native.senderUnfinished(handleOf(this))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = await this.close()
    if (left.length > 0) process.emitWarning(`the sender was closed with ${left.length} unfinished deliveries`, 'HooksealWarning')
  }

  /**
   * What happens from now on, for `for await`, until the sender is closed. A reader that is slow loses the oldest
   * events: see `dropped`. Waiting for events keeps no process alive.
   */
  events(): SenderEvents {
    const events = new SenderEvents(handleOf(this))
    this.#followers.add(new WeakRef(events))
    return events
  }

  /** The result, after its events have been told. */
  async #answer<T extends string | boolean>(promise: Promise<T | native.Failure>): Promise<T> {
    const result = await promise
    this.#told?.tell()
    return unwrap(result)
  }
}

function watch(sender: WeakRef<Sender>): void {
  if (!watching) process.once('exit', warnOfUnfinished)
  watching = true
  for (const other of open) if (other.deref() === undefined) open.delete(other)
  open.add(sender)
}

function warnOfUnfinished(): void {
  const count = [...open].reduce((sum, sender) => sum + (sender.deref()?.unfinished ?? 0), 0)
  if (count > 0) console.error(`hookseal: the process ends with ${count} unfinished deliveries; await sender.flush() or sender.close()`)
}

/** An accepted delivery. */
export class DeliveryHandle extends Owner {
  private constructor(handle: number) {
    super(handle)
  }

  /** The delivery's id. */
  get id(): string {
    return native.deliveryId(handleOf(this))
  }

  /** How it stands now. */
  get delivery(): Delivery {
    return recordOf(unwrap(native.deliveryNow(handleOf(this))))
  }

  /** Waits for its end. */
  async result(options: WaitOptions = {}): Promise<Delivery> {
    checkOptions(options, { signal: 'any' })
    checkSignal(options.signal)
    return recordOf(unwrap(await until(options.signal, (abortion) => native.deliveryWait(handleOf(this), abortion))))
  }

  /** Makes no further attempt; one in flight is finished. `false` when the delivery was finished already. */
  cancel(): boolean {
    return native.deliveryCancel(handleOf(this))
  }
}

/** Events by their content, so that a payload that many items share is copied once. */
class EventTable {
  readonly #handles: number[] = []
  readonly #shared = new Map<Payload, Map<string, number>>()

  get(eventType: string, payload: Payload, options?: EventOptions): number {
    const types = this.#shared.get(payload) ?? new Map<string, number>()
    const known = options === undefined ? types.get(eventType) : undefined
    if (known !== undefined) return known
    const handle = eventOf(eventType, payload, options)
    this.#handles.push(handle)
    if (options === undefined) this.#shared.set(payload, types.set(eventType, handle))
    return handle
  }

  free(): void {
    this.#handles.forEach(native.free)
  }
}

/** Lends an event to a native function, which keeps what it needs. */
export function lend<T>(event: number, use: (event: number) => T): T {
  try {
    return use(event)
  } finally {
    native.free(event)
  }
}

export function endpointOf(endpoint: Endpoint | EndpointOptions): Endpoint {
  return endpoint instanceof Endpoint ? endpoint : new Endpoint(endpoint)
}

export function eventOf(eventType: string, payload: Payload, options: EventOptions = {}): number {
  checkOptions(options, { id: 'string', contentType: 'string', traceparent: 'string' })
  return unwrap(native.event(
    eventTextOf('the event type', eventType),
    payloadOf(payload),
    options.id === undefined ? undefined : eventTextOf('the id', options.id),
    optionalTextOf('contentType', options.contentType),
    options.traceparent === undefined ? undefined : eventTextOf('traceparent', options.traceparent),
  ))
}

export function eventTextOf(name: string, text: unknown): string {
  if (typeof text === 'string') return text
  throw errorOf('invalid_event', `${name} must be a string`)
}

export function payloadOf(payload: Payload): Uint8Array {
  if (typeof payload === 'string') {
    if (payload.isWellFormed()) return utf8Of(payload)
    throw errorOf('invalid_event', 'the payload is a string with a lone surrogate, which has no UTF-8')
  }
  if (isUint8Array(payload) || isArrayBuffer(payload)) return bytesOf(payload)
  if (ArrayBuffer.isView(payload) || isShared(payload)) {
    throw errorOf('invalid_event', 'the payload is binary data of another type than Uint8Array or ArrayBuffer')
  }
  return utf8Of(jsonOf(payload, 'invalid_event', 'payload'))
}

/** What is wrong with an item says with which. */
function ofItem<T>(index: number, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof WebhookError) throw errorOf(error.code, `item ${index}: ${error.message}`)
    throw error
  }
}
