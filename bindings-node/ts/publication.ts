import native = require('../native.js')
import { checkOptions, optionalTextOf, secondsOf, textOf, type Time } from './convert.js'
import { Endpoint, endpointRecord, type EndpointOptions } from './endpoint.js'
import { errorFrom, errorOf, unwrap } from './errors.js'
import { handleOf } from './handle.js'
import { jsonOf } from './json.js'
import { schemeOf, type SchemeLike } from './scheme.js'
import { Secret } from './secret.js'
import { eventTextOf, payloadOf, type EventOptions, type Payload } from './sender.js'

/** What an event has beside its type and payload. */
export interface PublishOptions extends EventOptions {
  /** What the filters of subscriptions are compared with. */
  metadata?: Readonly<Record<string, string>> | undefined
  /** Whose event it is: only this tenant's subscriptions get it. */
  tenant?: string | undefined
  /** A second event with this key is the first one, for as long as the outbox remembers keys. */
  idempotencyKey?: string | undefined
  /** Each subscription gets the events of one key in order. */
  orderingKey?: string | undefined
  /** Is delivered no earlier than this. */
  deliverAt?: Time | undefined
}

/** An event that the store has; `duplicate` when it had it before. */
export interface Published {
  readonly id: string
  readonly duplicate: boolean
}

/** How a driver writes parameters: `?`, `$1`, `%s` or `:p1`. */
export type ParamStyle = 'qmark' | 'numeric' | 'format' | 'named'

export interface StatementOptions<Style extends ParamStyle = ParamStyle> extends PublishOptions {
  /** `numeric`, as pg takes them, for PostgreSQL, and `qmark` for SQLite, unless given. */
  paramStyle?: Style | undefined
}

export type SqlValue = string | number | Uint8Array | null

/** A statement for your own connection. */
export interface Statement {
  readonly sql: string
  readonly params: SqlValue[]
}

/** A statement whose parameters have names. */
export interface NamedStatement {
  readonly sql: string
  readonly params: Record<string, SqlValue>
}

/** What an event is published with, its payload apart. */
export function publicationJson(eventType: string, options: PublishOptions, endpoint?: object): string {
  checkOptions(options, {
    id: 'string', contentType: 'string', traceparent: 'string', metadata: 'object', tenant: 'string',
    idempotencyKey: 'string', orderingKey: 'string', deliverAt: 'any',
  })
  return jsonOf({
    // A lone surrogate is no JSON; what takes its place is no character of these texts either.
    event_type: eventTextOf('the event type', eventType).toWellFormed(),
    id: options.id?.toWellFormed(),
    traceparent: options.traceparent?.toWellFormed(),
    content_type: options.contentType,
    metadata: options.metadata,
    tenant: options.tenant,
    idempotency_key: options.idempotencyKey,
    ordering_key: options.orderingKey,
    deliver_at: wholeSecondsOf('deliverAt', options.deliverAt),
    endpoint,
  }, 'invalid_config', 'options')
}

/** The statement that publishes an event into the store that the URI names; it opens nothing. */
export function statementFor(
  uri: string, eventType: string, payload: Payload, options: StatementOptions,
): Statement | NamedStatement {
  if (typeof options !== 'object' || options === null) throw errorOf('invalid_config', 'the options must be an object')
  const { paramStyle, ...others } = options
  const json = publicationJson(eventType, others)
  const made = native.outboxStatement(textOf('the store', uri), payloadOf(payload), json, optionalTextOf('paramStyle', paramStyle))
  if ('code' in made) throw errorFrom(made)
  if (paramStyle !== 'named') return made
  return { sql: made.sql, params: Object.fromEntries(made.params.map((value, index) => [`p${index + 1}`, value])) }
}

/** An endpoint as a store keeps it. */
export function storedEndpoint(endpoint: Endpoint | EndpointOptions): object {
  const options = endpoint instanceof Endpoint ? Endpoint.optionsOf(endpoint) : endpoint
  const record = endpointRecord(options)
  if (options.signer !== undefined || options.secrets === undefined) {
    throw errorOf('invalid_config', 'the outbox stores secrets and scheme: give the endpoint these, and no signer')
  }
  return { ...record, secrets: storedSecrets(options.secrets), scheme: storedScheme(options.scheme) }
}

/** The texts of secrets. */
export function storedSecrets(secrets: unknown): string[] {
  return (Array.isArray(secrets) ? secrets : [secrets]).map(storedSecret)
}

export function storedSecret(secret: unknown): string {
  if (secret instanceof Secret) return unwrap(native.secretForStore(handleOf(secret)))
  if (typeof secret === 'string') return unwrap(native.secretForStore(handleOf(new Secret(secret))))
  if (secret === undefined || secret === null) return storedSecret(new Secret(secret as unknown as string))
  throw errorOf('invalid_config', 'the outbox stores secrets as text, without ids and times: give strings')
}

export function storedScheme(scheme: SchemeLike | undefined): unknown {
  return typeof scheme === 'string' || scheme === undefined ? scheme : schemeOf(scheme).toJSON()
}

/** Whole Unix seconds, for the store. */
export function wholeSecondsOf(name: string, time: Time | undefined): number | undefined {
  return time === undefined ? undefined : Math.floor(secondsOf(name, time))
}
