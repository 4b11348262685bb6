// Builds the addon with plain cargo, so that it shares the target folder with the other packages, and writes native.d.ts
// from what napi-derive has told about its functions.
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { generateTypeDef, parseTriple } from '@napi-rs/cli'

const folder = join(import.meta.dirname, '..')

function output(command, args) {
  const { status, stdout, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 })
  if (status !== 0) throw error ?? new Error(`${command} has failed`)
  return stdout
}

const triple = process.env.CARGO_BUILD_TARGET ?? /^host: (.*)$/m.exec(output('rustc', ['-vV']))[1]
const { platformArchABI } = parseTriple(triple)
const { target_directory } = JSON.parse(output('cargo', ['metadata', '--format-version=1', '--no-deps']))

// The macros write the types while the crate is compiled, so it has to be, whatever was built before.
const types = process.env.NAPI_TYPE_DEF_TMP_FOLDER = join(target_directory, 'napi-types')
await rm(types, { recursive: true, force: true })
await mkdir(types, { recursive: true })
process.env.NAPI_FORCE_BUILD_HOOKSEAL_NODE = String(Date.now())

/** What the outbox has no use for in SQLite: see https://sqlite.org/compile.html. */
const SQLITE = [
  '-USQLITE_ENABLE_COLUMN_METADATA', '-USQLITE_ENABLE_DBSTAT_VTAB', '-USQLITE_ENABLE_FTS3', '-USQLITE_ENABLE_FTS3_PARENTHESIS',
  '-USQLITE_ENABLE_FTS5', '-USQLITE_ENABLE_LOAD_EXTENSION', '-USQLITE_ENABLE_MEMORY_MANAGEMENT', '-USQLITE_ENABLE_RTREE',
  '-USQLITE_ENABLE_STAT4', '-USQLITE_SOUNDEX',
  'SQLITE_OMIT_AUTHORIZATION', 'SQLITE_OMIT_COMPLETE', 'SQLITE_OMIT_DEPRECATED', 'SQLITE_OMIT_DESERIALIZE', 'SQLITE_OMIT_GET_TABLE',
  'SQLITE_OMIT_LOAD_EXTENSION', 'SQLITE_OMIT_PROGRESS_CALLBACK', 'SQLITE_OMIT_SHARED_CACHE', 'SQLITE_OMIT_TCL_VARIABLE', 'SQLITE_OMIT_TRACE',
]

// `addon` is what users download; the tests build faster with the profile that all packages share.
const profile = process.argv.includes('--dist') ? 'addon' : 'release'
if (profile === 'addon') process.env.LIBSQLITE3_FLAGS = SQLITE.join(' ')
const messages = output('cargo', ['build', `--profile=${profile}`, '--package=hookseal-node', '--message-format=json-render-diagnostics'])
const artefacts = messages.trim().split('\n').map((line) => JSON.parse(line))
const { filenames } = artefacts.findLast(({ reason, target }) => reason === 'compiler-artifact' && target.name === 'hookseal_node')
await copyFile(filenames[0], join(folder, `hookseal.${platformArchABI}.node`))

const { dts } = await generateTypeDef({ typeDefDir: types, cwd: folder })
await writeFile(join(folder, 'native.d.ts'), dts)
