/** What the edge build uses of it; Node's own types have none of this. */
declare namespace WebAssembly {
  type Exports = Readonly<Record<string, unknown>>
  interface Memory { readonly buffer: ArrayBuffer }
  class Module { constructor(bytes: Uint8Array) }
  class Instance { constructor(module: Module); readonly exports: Exports }
}

declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>
  export default bytes
}

declare module '*.wasm?module' {
  const module: WebAssembly.Module
  export default module
}
