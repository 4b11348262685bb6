// Bundles the edge build: the modules of the package that run without Node, over WebAssembly in place of the addon.
// Twice: dist/edge has the module's bytes in a file of JavaScript, dist/edge/imported imports it as a compiled module.
import { spawnSync } from 'node:child_process'
import { copyFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { build } from 'esbuild'

const folder = join(import.meta.dirname, '..')
const at = (path) => join(folder, path)

/** How tests/swift/toolchain says that it can not run here. */
const SKIPPED = 77

/** The parts of the package that differ by runtime. */
function parts(module) {
  const edge = { 'native.js': 'native.ts', 'platform.js': 'platform.ts', 'module.js': module }
  return {
    name: 'parts',
    setup({ onResolve }) {
      onResolve({ filter: /\/(native|platform|module)\.js$/ }, ({ path }) => ({ path: at(`ts/edge/${edge[path.split('/').at(-1)]}`) }))
      onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, external: true }))
    },
  }
}

const options = {
  entryPoints: { index: at('ts/edge.mts'), hono: at('ts/hono.ts'), next: at('ts/next.ts') },
  bundle: true, splitting: true, format: 'esm', platform: 'neutral', target: 'es2022', charset: 'utf8',
  chunkNames: 'seal-[hash]', outExtension: { '.js': '.mjs' }, loader: { '.wasm': 'binary' }, logLevel: 'warning', absWorkingDir: folder,
}
await rm(at('dist/edge'), { recursive: true, force: true }) // of tsc, whose declarations of the entry stay
await rm(at('dist/edge.mjs'), { force: true })
const { status } = spawnSync(at('wasm/build'), { stdio: 'inherit' })
if (status === SKIPPED) {
  console.error('skipped: the edge build, for want of wasm32 for Rust (its tests count as skipped; it has to be there to publish)')
  process.exit()
}
if (status !== 0) process.exit(1)
await build({ ...options, outdir: at('dist/edge'), plugins: [parts('module.ts')] })
await build({ ...options, outdir: at('dist/edge/imported'), plugins: [parts('module.imported.ts')] })
await copyFile(at('wasm/hookseal.wasm'), at('dist/edge/imported/hookseal.wasm'))
