import { randomUUID } from 'node:crypto'

import type { Delivery } from './delivery.js'
import type { Endpoint, EndpointOptions } from './endpoint.js'
import { errorOf } from './errors.js'
import { DeliveryHandle, endpointOf, eventOf, lend, payloadOf, Sender, type EventOptions, type Item, type Payload, type SendOptions } from './sender.js'

/** What was given to a `RecordingSender`. */
export interface RecordedEvent {
  /** The delivery's id. */
  readonly id: string
  readonly endpoint: Endpoint
  readonly eventType: string
  /** The bytes that would be sent. */
  readonly body: Uint8Array
  readonly options: EventOptions
  /** The body's JSON. */
  json<T = unknown>(): T
}

export interface RecordingSenderOptions {
  /** What becomes of an event, such as `{ status: 'dead', reason: 'gone' }`; it is delivered unless given. */
  outcome?: ((event: RecordedEvent) => Partial<Delivery>) | undefined
}

/** A sender that sends nothing: it checks events as a sender does, keeps them, and says at once what became of them. */
export class RecordingSender extends Sender {
  /** What was given to it, oldest first. */
  readonly sent: RecordedEvent[] = []
  readonly #outcome: (event: RecordedEvent) => Partial<Delivery>
  #isClosed = false

  constructor({ outcome = () => ({}) }: RecordingSenderOptions = {}) {
    super()
    this.#outcome = outcome
  }

  override async send(
    endpoint: Endpoint | EndpointOptions, eventType: string, payload: Payload, { signal, ...options }: SendOptions = {},
  ): Promise<Delivery> {
    signal?.throwIfAborted()
    return this.#record([endpoint, eventType, payload, options])
  }

  override async sendMany(items: Iterable<Item>): Promise<Delivery[]> {
    return [...items].map((item) => this.#record(item))
  }

  override enqueue(
    endpoint: Endpoint | EndpointOptions, eventType: string, payload: Payload, options?: EventOptions,
  ): DeliveryHandle {
    const delivery = this.#record([endpoint, eventType, payload, options])
    return Object.create(DeliveryHandle.prototype, {
      id: { value: delivery.id },
      delivery: { value: delivery },
      result: { value: async () => delivery },
      cancel: { value: () => false },
    }) as DeliveryHandle
  }

  override async flush(): Promise<boolean> {
    return true
  }

  override async close(): Promise<Delivery[]> {
    this.#isClosed = true
    return super.close()
  }

  #record([endpoint, eventType, payload, options = {}]: readonly [Item[0], Item[1], Payload, (EventOptions | undefined)?]): Delivery {
    if (this.#isClosed) throw errorOf('closed', 'the sender is closed')
    const target = endpointOf(endpoint)
    lend(eventOf(eventType, payload, options), () => {})
    const body = payloadOf(payload).slice()
    const id = options.id ?? `msg_${randomUUID().replaceAll('-', '')}`
    const event: RecordedEvent = { id, endpoint: target, eventType, body, options, json: () => JSON.parse(new TextDecoder().decode(body)) }
    this.sent.push(event)
    return { id, eventType, endpoint: target.id, status: 'delivered', reason: undefined, attempts: [], ...this.#outcome(event) }
  }
}
