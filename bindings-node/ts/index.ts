export type { Attempt, AttemptCode, DeadReason, Delivery, SenderEvent } from './delivery.js'
export { Endpoint, type EndpointOptions } from './endpoint.js'
export { RetryPolicy, type Breaker, type RateLimit } from './policy.js'
export * from './seal.js'
export type { SenderEvents } from './events.js'
export {
  DeliveryHandle, Sender,
  type EventOptions, type FlushOptions, type HeaderNameOptions, type Item, type Payload, type SenderOptions,
  type SendOptions, type WaitOptions,
} from './sender.js'
