import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'

import native = require('../native.js')
import { errorOf } from './errors.js'

export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw errorOf('invalid_config', 'signal must be an AbortSignal')
}

/** Starts what the signal can end the wait for; it keeps the process alive no longer than that. */
export async function until<T>(signal: AbortSignal | undefined, start: (abortion?: number) => Promise<T>): Promise<T> {
  if (signal === undefined) return start()
  signal.throwIfAborted()
  // One signal for many sends is no leak.
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(0, signal)
  const abortion = native.abortion()
  const abort = (): void => native.abort(abortion)
  signal.addEventListener('abort', abort, { once: true })
  try {
    const result = await start(abortion)
    if (typeof result === 'object') signal.throwIfAborted() // a failure: that it was aborted, or another
    return result
  } finally {
    signal.removeEventListener('abort', abort)
    native.free(abortion)
  }
}
