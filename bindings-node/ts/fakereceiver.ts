import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What a receiver does with a request: a status; a whole answer; `reset` cuts the connection, `silence` never
 * answers; or a function that decides.
 */
export type Answer =
  | number
  | { status: number; headers?: Record<string, string>; body?: string }
  | 'reset'
  | 'silence'
  | ((request: ReceivedRequest) => Answer | Promise<Answer>)

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

export interface FakeReceiverOptions {
  /** One for each request in turn; 204 when they are used up. */
  answers?: Iterable<Answer> | undefined
}

/** A server on loopback that answers as it is told and keeps what it was sent. The sender needs `allowPrivate`. */
export class FakeReceiver {
  /** What came, oldest first. */
  readonly requests: ReceivedRequest[] = []
  readonly #server = createServer()
  readonly #arrivals = new EventEmitter()
  readonly #answers: Answer[]
  #url = ''

  private constructor(answers: Answer[]) {
    this.#answers = answers
    this.#server.on('request', async (request, response) => {
      const body = await buffer(request).catch(() => undefined)
      if (body === undefined) return
      const { method = '', url: path = '', headers, rawHeaders } = request
      await this.#take({ method, path, headers, rawHeaders, body }, response)
    })
  }

  /** Starts one on a free port. */
  static async start({ answers = [] }: FakeReceiverOptions = {}): Promise<FakeReceiver> {
    const receiver = new FakeReceiver([...answers])
    receiver.#server.listen(0, '127.0.0.1')
    await once(receiver.#server, 'listening')
    receiver.#url = `http://127.0.0.1:${(receiver.#server.address() as AddressInfo).port}/`
    return receiver
  }

  /** Where it listens. */
  get url(): string {
    return this.#url
  }

  /** Appends to its answers. */
  answer(...answers: Answer[]): void {
    this.#answers.push(...answers)
  }

  /** Waits until that many requests have come. */
  async received(count: number): Promise<readonly ReceivedRequest[]> {
    while (this.requests.length < count) await once(this.#arrivals, 'request')
    return this.requests
  }

  /** Stops it, and cuts what is still open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #take(request: ReceivedRequest, response: ServerResponse): Promise<void> {
    this.requests.push(request)
    this.#arrivals.emit('request')
    let answer = this.#answers.shift() ?? 204
    while (typeof answer === 'function') answer = await answer(request)
    if (answer === 'silence') return
    if (answer === 'reset') {
      response.socket?.resetAndDestroy()
      return
    }
    const { status, headers = {}, body } = typeof answer === 'number' ? { status: answer } : answer
    response.writeHead(status, headers).end(body)
  }
}
