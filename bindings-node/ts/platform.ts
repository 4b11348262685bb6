import { inspect, types } from 'node:util'

/** What Node does natively; `edge/platform.ts` has the same names for other runtimes. */

export const { isArrayBuffer, isMap, isUint8Array } = types

export const inspectCustom = inspect.custom

export function utf8Of(text: string): Uint8Array {
  return Buffer.from(text)
}

export function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
