export type { Attempt, AttemptCode, DeadReason, Delivery, SenderEvent } from './delivery.js'
export { Endpoint, type EndpointOptions } from './endpoint.js'
export { RetryPolicy, type Breaker, type RateLimit } from './policy.js'
export * from './seal.js'
export {
  DeliveryHandle, Sender, type EventOptions, type Item, type Payload, type SenderOptions,
} from './sender.js'
