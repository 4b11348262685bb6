// The module's bytes are part of this file: no request, no loader.
import bytes from '../../wasm/hookseal.wasm'

/** Synchronous, as everything that uses it. */
export function instantiate(): WebAssembly.Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports
}
