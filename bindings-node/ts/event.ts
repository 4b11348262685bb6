import type { Time } from './convert.js'
import type { WebhookError } from './errors.js'
import type { Verified } from './verified.js'

/** What every framework's `webhook()` takes. */
export interface WebhookOptions<T = unknown, Request = unknown> {
  /** Checks the JSON of the body, after its signature: a schema of zod, valibot, arktype or another Standard Schema. */
  schema?: StandardSchema<T> | undefined
  /** The largest body, in bytes; 1 MiB unless given. */
  maxBody?: number | undefined
  /** Scheme and authority as registered at the provider, such as `https://shop.example.com`, for schemes that sign the URL. */
  publicUrl?: string | undefined
  /** Gives the moment against which timestamps are judged; the clock unless given. */
  now?: (() => Time) | undefined
  /** Is told why a request was refused; writes one line to standard error unless given. */
  onRefused?: ((error: WebhookError | InvalidPayload, request: Request) => void) | undefined
}

/** A verified request. */
export interface WebhookEvent<T = unknown> {
  /** Set only where the signature covers it. */
  readonly id: string | undefined
  /** Set only where the signature covers it. */
  readonly type: string | undefined
  /** When it was signed, in Unix seconds. */
  readonly timestamp: number | undefined
  /** The body as received; in Node a `Buffer`. */
  readonly body: Uint8Array
  readonly verified: Verified
  /** The body as text. */
  text(): string
  /** What the schema made of the body's JSON; without a schema the JSON itself, or a `SyntaxError` where it is none. */
  json<U extends T = T>(): U
}

/** The interface that validation libraries share: https://standardschema.dev */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>
  }
}

type Validated<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

/** What a schema found wrong, and where. */
export interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** An authentic request whose body is not what the schema says. */
export class InvalidPayload extends Error {
  override readonly name = 'InvalidPayload'
  readonly code = 'invalid_payload'
  readonly issues: readonly Issue[]

  constructor(issues: readonly Issue[]) {
    super(issues.map(describe).join('; '))
    this.issues = issues
  }
}

function describe({ message, path = [] }: Issue): string {
  const steps = path.map((step) => String(typeof step === 'object' ? step.key : step))
  return steps.length > 0 ? `${steps.join('.')}: ${message}` : message
}
