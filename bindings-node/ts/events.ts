import native = require('../native.js')
import { recordOf, type SenderEvent } from './delivery.js'
import { handleOf, Owner } from './handle.js'

/** The events of a sender: an async iterator that keeps no process alive and holds a bounded number of them. */
export class SenderEvents extends Owner implements AsyncIterableIterator<SenderEvent> {
  readonly #callback: ((event: SenderEvent) => void) | undefined
  #ready: string[] = []
  #waiting: ((result: IteratorResult<SenderEvent, undefined>) => void)[] = []
  #ended = false

  /** @internal */
  constructor(sender: number, callback?: (event: SenderEvent) => void) {
    let self: WeakRef<SenderEvents> | undefined
    super(native.subscription(sender, () => self?.deref()?.tell()))
    self = new WeakRef(this)
    this.#callback = callback
  }

  /** How many events were lost because they were not taken in time. */
  get dropped(): number {
    return native.noticesDropped(handleOf(this))
  }

  async next(): Promise<IteratorResult<SenderEvent, undefined>> {
    if (this.#ready.length === 0 && !this.#ended) this.#ready = native.notices(handleOf(this))
    const event = this.#ready.shift()
    if (event !== undefined) return { done: false, value: recordOf(event) }
    if (this.#ended) return { done: true, value: undefined }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async return(): Promise<IteratorResult<SenderEvent, undefined>> {
    this.end()
    this.#ready = []
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @internal Gives what has happened to those who wait for it. */
  tell(): void {
    if (this.#callback !== undefined) this.#call(this.#callback)
    while (this.#waiting.length > 0) {
      if (this.#ready.length === 0) this.#ready = native.notices(handleOf(this))
      const event = this.#ready.shift()
      if (event === undefined) return
      this.#waiting.shift()!({ done: false, value: recordOf(event) })
    }
  }

  /** @internal */
  end(): void {
    if (this.#ended) return
    this.tell()
    this.#ready.push(...native.notices(handleOf(this)))
    this.#ended = true
    for (const resolve of this.#waiting.splice(0)) resolve({ done: true, value: undefined })
  }

  #call(callback: (event: SenderEvent) => void): void {
    for (const notice of native.notices(handleOf(this))) {
      try {
        callback(recordOf(notice))
      } catch (error) {
        process.emitWarning(`onEvent has thrown: ${error instanceof Error ? error.message : typeof error}`, 'HooksealWarning')
      }
    }
  }
}
