// Programs that serve, each in a process of its own: the examples, and the apps that the READMEs show.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { PACKAGE, ROOT } from './support.mjs'

/**
 * Runs a program until `stop`. `line` waits for the next line of its standard output, `logged` for what matches in
 * all that it wrote; after `stop`, `lines` are those that nobody waited for.
 */
export async function serve(program, { cwd, args = [], env = {} } = {}) {
  const child = fork(program, args, {
    cwd, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: ['--import', join(PACKAGE, 'test/listening.mjs')],
    env: { ...process.env, NODE_ENV: 'development', HOOKSEAL_SECRET: 'whsec_demo', ...env },
  })
  const server = { log: '', lines: [] }
  createInterface(child.stdout).on('line', (line) => server.lines.push(line))
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { server.log += text })
  const [port] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => { throw new Error(server.log) })])
  server.url = `http://127.0.0.1:${port}/hooks`
  server.line = async () => {
    while (server.lines.length === 0) await once(child.stdout, 'data')
    return server.lines.shift()
  }
  server.logged = async (pattern) => {
    while (!pattern.test(server.log)) await Promise.race([once(child.stderr, 'data'), once(child.stdout, 'data')])
  }
  server.stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const closed = once(child, 'close')
    child.kill()
    await closed
  }
  return server
}

/** The app that a README shows for a framework: the block that starts with "```js FRAMEWORK". */
export async function appIn(readme, framework, language = 'js') {
  const text = await readFile(join(ROOT, readme), 'utf8')
  const [, block] = text.match(new RegExp(`^\`\`\`${language} ${framework}\\n([^]*?)^\`\`\`$`, 'm')) ?? []
  if (block === undefined) throw new Error(`${readme} shows no app for ${framework}`)
  return block
}

/** Writes a program into a folder of its own, where it can import this package and the named ones that its tests have. */
export async function written(source, packages) {
  const folder = await mkdtemp(join(tmpdir(), 'hookseal-'))
  const link = async (name, target) => {
    await mkdir(join(folder, 'node_modules', name, '..'), { recursive: true })
    await symlink(target, join(folder, 'node_modules', name))
  }
  await link('hookseal', PACKAGE)
  for (const name of packages) await link(name, join(PACKAGE, 'node_modules', name))
  await writeFile(join(folder, 'app.mjs'), source)
  return { path: join(folder, 'app.mjs'), remove: () => rm(folder, { recursive: true, force: true }) }
}
