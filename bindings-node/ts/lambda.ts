import type { WebhookEvent, WebhookOptions } from './event.js'
import { consumed, Receiver, Refusal } from './receive.js'
import type { Verifier } from './verifier.js'

export * from './event.js'

/** A request as API Gateway (payload 1.0 and 2.0), a function URL or a load balancer hands it to a function. */
export interface LambdaRequest {
  headers?: Readonly<Record<string, string | undefined>> | null | undefined
  multiValueHeaders?: Readonly<Record<string, string[] | undefined>> | null | undefined
  body?: string | null | undefined
  isBase64Encoded?: boolean | undefined
  /** Payload 2.0. */
  rawPath?: string | undefined
  rawQueryString?: string | undefined
  /** Payload 1.0, and load balancers. */
  path?: string | undefined
  queryStringParameters?: Readonly<Record<string, string | undefined>> | null | undefined
  multiValueQueryStringParameters?: Readonly<Record<string, string[] | undefined>> | null | undefined
  requestContext?: { path?: string | undefined; elb?: unknown } | undefined
}

export interface LambdaResponse {
  statusCode: number
  headers?: Record<string, string>
  multiValueHeaders?: Record<string, string[]>
  body?: string
  isBase64Encoded?: boolean
}

const CONSUMED = 'The body of the event is no string: leave this function out of middleware that parses it'

/**
 * A Lambda function behind API Gateway, a function URL or a load balancer.
 *
 * What does not verify is answered here, uniformly. A handler that returns nothing answers 204; one that throws, or
 * answers other than 2xx, has its event released from the replay guard. Let API Gateway pass binary types on as
 * base64, else it changes bodies that are not UTF-8.
 */
export function webhook<T = unknown, Request extends LambdaRequest = LambdaRequest, Context = unknown>(
  verifier: Verifier,
  handle: (event: WebhookEvent<T>, request: Request, context: Context) => LambdaResponse | void | Promise<LambdaResponse | void>,
  options?: WebhookOptions<T, Request>,
): (request: Request, context: Context) => Promise<LambdaResponse> {
  const receiver = new Receiver(verifier, options)
  return async (request, context) => {
    const event = await accept(receiver, request)
    if (event instanceof Refusal) return responseOf(event, request)
    const run = async (): Promise<LambdaResponse> => (await handle(event, request, context)) ?? { statusCode: 204 }
    return receiver.handle(event, run, ({ statusCode }) => statusCode >= 200 && statusCode < 300)
  }
}

async function accept<T, Request extends LambdaRequest>(
  receiver: Receiver<T, Request>, request: Request,
): Promise<WebhookEvent<T> | Refusal> {
  try {
    return await receiver.accept(bodyOf(request), request.multiValueHeaders ?? request.headers ?? {}, targetOf(request))
  } catch (error) {
    const refusal = receiver.refuse(error, request)
    if (refusal === undefined) throw error
    return refusal
  }
}

function bodyOf({ body, isBase64Encoded }: LambdaRequest): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0)
  if (typeof body !== 'string') throw consumed(CONSUMED)
  return Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
}

/** Path and query: as they came in payload 2.0, put together again from the older ones. */
function targetOf(request: LambdaRequest): string {
  if (request.rawPath !== undefined) return request.rawPath + (request.rawQueryString ? `?${request.rawQueryString}` : '')
  const { requestContext, multiValueQueryStringParameters, queryStringParameters } = request
  const encode = isLoadBalanced(request) ? (text: string) => text : encodeURIComponent // a load balancer decodes nothing
  const query = Object.entries(multiValueQueryStringParameters ?? queryStringParameters ?? {}).flatMap(([name, values]) => {
    return [values ?? []].flat().map((value) => `${encode(name)}=${encode(value)}`)
  })
  return (requestContext?.path ?? request.path ?? '') + (query.length > 0 ? `?${query.join('&')}` : '')
}

/** A load balancer that hands over lists of header values wants such lists back. */
function responseOf({ status, headers, body }: Refusal, request: LambdaRequest): LambdaResponse {
  const { Connection: _, ...own } = headers
  const response = { statusCode: status, body, isBase64Encoded: false }
  if (!isLoadBalanced(request) || !request.multiValueHeaders) return { ...response, headers: own }
  return { ...response, multiValueHeaders: Object.fromEntries(Object.entries(own).map(([name, value]) => [name, [value]])) }
}

function isLoadBalanced({ requestContext }: LambdaRequest): boolean {
  return requestContext?.elb !== undefined
}
