/** The names of `../platform.ts`, made of what every JavaScript runtime has. */

const encoder = new TextEncoder()

/** Getters that answer only for what they belong to, from whatever realm. */
const typedArrayTag = getter(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)
const byteLength = getter(ArrayBuffer.prototype, 'byteLength')
const mapSize = getter(Map.prototype, 'size')

export function isUint8Array(value: unknown): value is Uint8Array {
  return typedArrayTag(value) === 'Uint8Array'
}

export function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return byteLength(value) !== undefined
}

export function isMap(value: unknown): value is Map<unknown, unknown> {
  return mapSize(value) !== undefined
}

export const inspectCustom = Symbol.for('nodejs.util.inspect.custom')

export function utf8Of(text: string): Uint8Array {
  return encoder.encode(text)
}

export function latin1Of(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}

function getter(holder: object, name: PropertyKey): (value: unknown) => unknown {
  const get = Object.getOwnPropertyDescriptor(holder, name)!.get!
  return (value) => {
    try {
      return Reflect.apply(get, value, []) as unknown
    } catch {
      return undefined
    }
  }
}
