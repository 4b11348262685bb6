import native = require('../native.js')
import { errorOf } from './errors.js'

export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw errorOf('invalid_config', 'signal must be an AbortSignal')
}

/** The waits that each signal ends: one listener serves them all, however many sends share a signal. */
const waits = new WeakMap<AbortSignal, Set<number>>()

function waitsOf(signal: AbortSignal): Set<number> {
  const known = waits.get(signal)
  if (known !== undefined) return known
  const made = new Set<number>()
  waits.set(signal, made)
  signal.addEventListener('abort', () => made.forEach(native.abort), { once: true })
  return made
}

/** Starts what the signal can end the wait for; it keeps the process alive no longer than that. */
export async function until<T>(signal: AbortSignal | undefined, start: (abortion?: number) => Promise<T>): Promise<T> {
  if (signal === undefined) return start()
  signal.throwIfAborted()
  const abortion = native.abortion()
  const all = waitsOf(signal).add(abortion)
  try {
    const result = await start(abortion)
    if (typeof result === 'object') signal.throwIfAborted() // a failure: that it was aborted, or another
    return result
  } finally {
    all.delete(abortion)
    native.free(abortion)
  }
}
