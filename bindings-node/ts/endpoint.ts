import native = require('../native.js')
import { checkOptions } from './convert.js'
import { errorOf, unwrap } from './errors.js'
import { handleOf, Owner } from './handle.js'
import { jsonOf, toSnakeCase } from './json.js'
import type { RateLimit, RetryPolicy } from './policy.js'
import type { Secrets } from './ring.js'
import type { SchemeLike } from './scheme.js'
import { Signer } from './signer.js'

export interface EndpointOptions {
  /** Where to POST. */
  url: string
  /** All live secrets, newest first; or `signer` in place of `secrets` and `scheme`. */
  secrets?: Secrets | undefined
  /** A built-in scheme's name, or a scheme of your own; `hookseal` unless given. */
  scheme?: SchemeLike | undefined
  signer?: Signer | undefined
  /** Extra request headers. */
  headers?: Readonly<Record<string, string>> | undefined
  /** A name of its own; without one the URL tells endpoints apart. */
  id?: string | undefined
  /** The deadline of one attempt, in seconds. */
  timeout?: number | undefined
  retry?: RetryPolicy | undefined
  rateLimit?: RateLimit | undefined
  basicAuth?: { username: string; password: string } | undefined
  bearer?: string | undefined
  /** For mutual TLS: one PEM text with the certificate chain and its private key, in place of the sender's. */
  identity?: string | undefined
}

/** A receiver, checked and with its keys prepared: make it once where many events go to it. */
export class Endpoint extends Owner {
  readonly #options: EndpointOptions

  constructor(options: EndpointOptions) {
    const record = jsonOf(endpointRecord(options), 'invalid_config', 'endpoint')
    super(unwrap(native.endpoint(record, handleOf(signerOf(options.signer, options.secrets, options.scheme)))))
    this.#options = { ...options }
  }

  /** The URL, as it was parsed. */
  get url(): string {
    return native.endpointUrl(handleOf(this))
  }

  /** What its deliveries share their turns, limits and circuit by: the given id, or the URL. */
  get id(): string {
    return native.endpointId(handleOf(this))
  }

  /** @internal What it was made of. */
  static optionsOf(endpoint: Endpoint): EndpointOptions {
    return endpoint.#options
  }
}

/** The options without what signs, as the core reads them. */
export function endpointRecord(options: EndpointOptions): object {
  checkOptions(options, {
    url: 'string', secrets: 'any', scheme: 'any', signer: 'any', headers: 'object', id: 'string', timeout: 'number',
    retry: 'object', rateLimit: 'any', basicAuth: 'object', bearer: 'string', identity: 'string',
  })
  const { secrets: _secrets, scheme: _scheme, signer: _signer, headers, basicAuth, ...others } = options
  return { ...(toSnakeCase(others) as object), ...requestRecord({ headers, basicAuth }) }
}

/** What every request carries, as the core reads it. */
export function requestRecord({ headers, basicAuth }: Pick<EndpointOptions, 'headers' | 'basicAuth'>): object {
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value !== 'string') throw errorOf('invalid_header', `the header ${name} must be a string`)
  }
  if (basicAuth && (typeof basicAuth.username !== 'string' || typeof basicAuth.password !== 'string')) {
    throw errorOf('invalid_config', 'basicAuth must have a username and a password, both strings')
  }
  return { headers: headers ?? {}, basic_auth: basicAuth && [basicAuth.username, basicAuth.password] }
}

function signerOf(signer: unknown, secrets: Secrets | undefined, scheme: SchemeLike | undefined): Signer {
  if (signer === undefined) {
    if (secrets === undefined) throw errorOf('invalid_config', 'an endpoint needs secrets, or a signer')
    return new Signer({ secrets, scheme })
  }
  if (!(signer instanceof Signer)) throw errorOf('invalid_config', 'signer must be a Signer')
  if (secrets === undefined && scheme === undefined) return signer
  throw errorOf('invalid_config', 'a signer stands in place of secrets and scheme; give one of them')
}
