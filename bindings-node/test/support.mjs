// What several tests need: other processes, and the scripted receiver.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DEADLINE = 30_000

/** The edge build, and why it is not there where it is not. */
export const edge = await import('hookseal/edge').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
})
export const withoutEdge = edge === undefined && 'the edge build was not built: it needs wasm32 for Rust (bindings-node/wasm/build)'

/**
 * Runs a program and gives what it wrote; a program that does not end by itself is killed and fails: after half a minute, or
 * `within` milliseconds from the moment on when it has written anything.
 */
export async function run(command, args, { input = '', within, ...options } = {}) {
  const child = spawn(command, args, { cwd: PACKAGE, timeout: DEADLINE, killSignal: 'SIGKILL', ...options })
  if (within !== undefined) child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), within).unref())
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) child[stream].setEncoding('utf8').on('data', (text) => { output[stream] += text })
  child.stdin.on('error', () => {}).end(input)
  const [code, signal] = await once(child, 'close')
  return { code, signal, ...output }
}

/** Runs JavaScript in a process of its own, as a module that can import the package. */
export function runScript(source, arg, options) {
  return run(process.execPath, ['--input-type=module', '--expose-gc', '--eval', source, '--', ...[arg ?? []].flat()], options)
}

/** Starts the scripted receiver on a file of spec/scenarios; it ends when `stop` closes its standard input. */
export async function startReceiver(file = 'deliveries') {
  const binary = process.env.HOOKSEAL_RECEIVER
  if (!binary) throw new Error('HOOKSEAL_RECEIVER must name the receiver; tests/node/run builds it and sets it')
  const child = spawn(binary, ['--scenarios', `${ROOT}/spec/scenarios/${file}.json`], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(child.stdout), 'line')
  const { port, tls } = JSON.parse(line)
  const url = `http://127.0.0.1:${port}`
  const records = async (run) => (await (await fetch(`${url}/records/${run}`)).json()).requests
  return { url, tls, records, stop: () => child.stdin.end() }
}
