export type { Attempt, AttemptCode, DeadReason, Delivery, SenderEvent } from './delivery.js'
export { Endpoint, type EndpointOptions } from './endpoint.js'
export {
  Outbox, publishStatement,
  type DeliverOptions, type OutboxOptions, type OutboxStatus, type OutboxWorker, type WorkerCounts,
} from './outbox.js'
export { plan, RetryPolicy, type Breaker, type Plan, type PlanOptions, type RateLimit } from './policy.js'
export type {
  NamedStatement, ParamStyle, Published, PublishOptions, SqlValue, Statement, StatementOptions,
} from './publication.js'
export type {
  DeadLetters, Deliveries, DeliveryFilter, ListOptions, Page, StoredDelivery,
} from './stored.js'
export type {
  StoredSecrets, Subscription, SubscriptionOptions, Subscriptions,
} from './subscriptions.js'
export * from './seal.js'
export type { SenderEvents } from './events.js'
export {
  DeliveryHandle, Sender,
  type EventOptions, type FlushOptions, type HeaderNameOptions, type Item, type Payload, type SenderOptions,
  type SendOptions, type WaitOptions,
} from './sender.js'
