// What the types promise. Compiled, never run, by test/package.test.mjs where the packed package is installed.
import { expectTypeOf } from 'expect-type'
import type * as edge from 'hookseal/edge'
import {
  type ConfigError, type Endpoint, Key, type KeyRing, Outbox, type Page, plan, type Plan, type Published, Sender, type SqlValue, type StoredDelivery, type Subscription, type SendError, type Signer, type StoreError, VerificationError, type Verifier, type WebhookError, diagnose,
  type AttemptCode, type Delivery, type DeliveryHandle, type ErrorCode, type Finding, type KeyStats, type SenderEvent,
  type SenderEvents, type VerificationCode, type Verified,
} from 'hookseal'

declare const signer: Signer
declare const verifier: Verifier
declare const sender: Sender
declare const endpoint: Endpoint

expectTypeOf(signer.sign).returns.toEqualTypeOf<Record<string, string>>()
expectTypeOf(signer.sign).parameter(0).toEqualTypeOf<Uint8Array | ArrayBuffer | string>()
expectTypeOf(signer.sign).parameter(1).exclude<undefined>().toHaveProperty('timestamp').toEqualTypeOf<number | Date | undefined>()

expectTypeOf(verifier.verify).returns.toEqualTypeOf<Verified>()
expectTypeOf<Verified['id']>().toEqualTypeOf<string | undefined>()
expectTypeOf<Verified['timestamp']>().toEqualTypeOf<number | undefined>()
expectTypeOf<Headers>().toExtend<Parameters<Verifier['verify']>[1]>()
expectTypeOf<import('node:http').IncomingHttpHeaders>().toExtend<Parameters<Verifier['verify']>[1]>()
expectTypeOf<[string, string][]>().toExtend<Parameters<Verifier['verify']>[1]>()
expectTypeOf<{ id: number }>().not.toExtend<Parameters<Verifier['verify']>[0]>()
expectTypeOf<bigint>().not.toExtend<NonNullable<NonNullable<Parameters<Verifier['verify']>[2]>['now']>>()
expectTypeOf(verifier.headerNames).toEqualTypeOf<string[]>()

expectTypeOf(sender.send).returns.resolves.toEqualTypeOf<Delivery>()
expectTypeOf(sender.sendMany).returns.resolves.toEqualTypeOf<Delivery[]>()
expectTypeOf(sender.enqueue).returns.toEqualTypeOf<DeliveryHandle>()
expectTypeOf(sender.close).returns.resolves.toEqualTypeOf<Delivery[]>()
expectTypeOf(sender.flush).returns.resolves.toEqualTypeOf<boolean>()
expectTypeOf(sender.events).returns.toEqualTypeOf<SenderEvents>()
expectTypeOf<SenderEvents>().toExtend<AsyncIterable<SenderEvent>>()
expectTypeOf(sender).toExtend<AsyncDisposable>()
sender.send(endpoint, 'a', {}, { id: 'x', traceparent: '00-…', signal: AbortSignal.timeout(1) })
new Sender({ proxy: 'http://proxy', extraRoots: ['PEM'], identity: 'PEM', http2: true, headerPrefix: 'Shop-', headerNames: { id: 'Shop' } })
// @ts-expect-error a signal is for waiting, which enqueue does not
sender.enqueue(endpoint, 'a', {}, { signal: AbortSignal.timeout(1) })
// @ts-expect-error an endpoint needs a URL
sender.enqueue({}, 'a', {})

expectTypeOf<Delivery['status']>().toEqualTypeOf<'pending' | 'delivered' | 'dead' | 'cancelled'>()
expectTypeOf<Delivery['attempts'][number]['error']>().toEqualTypeOf<AttemptCode | undefined>()
expectTypeOf<KeyStats['lastMatch']>().toEqualTypeOf<number | undefined>()
expectTypeOf<KeyRing>().toHaveProperty('rotate')
expectTypeOf(diagnose).returns.toEqualTypeOf<Finding[]>()

declare const outbox: Outbox
expectTypeOf(Outbox.open).returns.resolves.toEqualTypeOf<Outbox>()
expectTypeOf(outbox).toExtend<AsyncDisposable>()
expectTypeOf(outbox.publish).returns.resolves.toEqualTypeOf<Published>()
expectTypeOf(outbox.subscriptions.create).returns.resolves.toEqualTypeOf<Subscription>()
expectTypeOf(outbox.deliveries.list).returns.resolves.toEqualTypeOf<Page<StoredDelivery>>()
expectTypeOf(outbox.deadLetters.retry).returns.resolves.toEqualTypeOf<number>()
expectTypeOf(outbox.publishStatement('a', {}, { paramStyle: 'named' }).params).toEqualTypeOf<Record<string, SqlValue>>()
expectTypeOf(outbox.publishStatement('a', {}).params).toEqualTypeOf<SqlValue[]>()
expectTypeOf(plan).returns.toEqualTypeOf<Plan>()
Outbox.open('sqlite:a.db', { encryptionKey: 'key', allowPrivate: true, disableAfter: null, retry: { maxAttempts: 3 } })
// @ts-expect-error the store is the queue
Outbox.open('sqlite:a.db', { maxQueued: 1 })
// @ts-expect-error a key has times, which a store does not keep
outbox.subscriptions.create({ url: 'https://a.example', secrets: new Key('a') })
// @ts-expect-error a plan is for an outage
plan({}, {})

expectTypeOf<WebhookError['code']>().toEqualTypeOf<ErrorCode>()
expectTypeOf<VerificationError['code']>().toEqualTypeOf<VerificationCode>()
expectTypeOf<ConfigError | SendError | StoreError | VerificationError>().toExtend<WebhookError>()
declare const error: unknown
if (error instanceof VerificationError) {
  expectTypeOf(error.retryable).toEqualTypeOf<boolean>()
  // @ts-expect-error not a code of a verification
  error.code === 'queue_full'
}

expectTypeOf<typeof edge.Verifier>().toEqualTypeOf<typeof Verifier>()
expectTypeOf<typeof edge.Sender>().toEqualTypeOf<new (...args: never[]) => never>()
