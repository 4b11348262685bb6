// The edge build, which is there where Rust has wasm32.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { PACKAGE } from './support.mjs'

const FOLDER = join(PACKAGE, 'dist/edge')

/** Defines tests over a module of the edge build and its classes, or one that says why they are skipped. */
export async function onEdge(name, define) {
  if (!existsSync(join(FOLDER, 'index.mjs'))) return test(`hookseal/${name} on the edge build`, { skip: 'the edge build was not made here' })
  return define(await import(join(FOLDER, `${name}.mjs`)), await import(join(FOLDER, 'index.mjs')))
}
