// For runtimes that compile WebAssembly only when they are deployed: there the import gives the compiled module.
import module from './hookseal.wasm?module'

export function instantiate(): WebAssembly.Exports {
  return new WebAssembly.Instance(module).exports
}
