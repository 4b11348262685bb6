// What the sender speaks beside plain HTTP/1.1: TLS, with a certificate of its own too, HTTP/2, and to a proxy.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'

import { Sender } from 'hookseal'
import { playDeliveries } from './scenarios.mjs'
import { startReceiver } from './support.mjs'

let receiver
let root
let identity
before(async () => {
  receiver = await startReceiver('deliveries-tls')
  const read = async (path) => (await fetch(`${receiver.url}/${path}`)).text()
  root = await read('root.pem')
  identity = await read('identity.pem')
})
after(() => receiver.stop())

/** Sends one event to a URL, and gives its only attempt. */
async function attemptOf(options, url, more) {
  const sender = new Sender({ allowPrivate: true, extraRoots: [root], retry: { maxAttempts: 1 }, ...options })
  try {
    const { attempts } = await sender.send({ url, secrets: 'whsec_demo', ...more }, 'order.paid', { id: 42 })
    assert.equal(attempts.length, 1)
    return attempts[0]
  } finally {
    await sender.close({ grace: 0 })
  }
}

/** An address behind TLS that answers 200. */
const secure = (server) => `https://localhost:${receiver.tls[server]}/s/tls-trusted/${randomUUID()}/hook`

/** Lets a server of Node's listen while it is used. */
async function serving(server, use) {
  const sockets = new Set()
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    return await use(server.address().port)
  } finally {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}

test('every delivery over TLS ends as it must', () => {
  const origins = { clear: receiver.url.replace('http:', 'https:') }
  const originOf = (server) => origins[server] ?? `https://localhost:${receiver.tls[server]}`
  return playDeliveries('deliveries-tls', receiver, { originOf, extraRoots: [root] })
})

test('a receiver that asks who the sender is gets the certificate of the endpoint, or else of the sender', async () => {
  const url = secure('client_certificate')
  assert.equal((await attemptOf({ identity }, url)).statusCode, 200)
  assert.equal((await attemptOf({}, url, { identity })).statusCode, 200)
  assert.equal((await attemptOf({}, url)).error, 'tls_handshake')
})

test('HTTP/2 is spoken where both sides want it', async () => {
  const seen = []
  const server = createSecureServer({ key: identity, cert: identity, allowHTTP1: true }, (request, response) => {
    seen.push([request.httpVersion, request.headers['x-webhook-attempt']])
    response.writeHead(204).end()
  })
  await serving(server, async (port) => {
    for (const http2 of [true, false]) assert.equal((await attemptOf({ http2 }, `https://localhost:${port}/`)).statusCode, 204)
  })
  assert.deepEqual(seen, [['2.0', '1'], ['1.1', '1']])
  assert.equal((await attemptOf({ http2: true }, secure('trusted'))).statusCode, 200) // which has no HTTP/2
})

test('a proxy carries everything, and opens a tunnel for https', async () => {
  const asked = []
  const proxy = createServer(({ method, url, headers }, response) => {
    asked.push([method, url, headers['proxy-authorization']])
    response.writeHead(204).end()
  })
  proxy.on('connect', ({ method, url, headers }, socket) => {
    asked.push([method, url, headers['proxy-authorization']])
    const onward = connect(url.split(':').at(-1), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    for (const side of [socket, onward]) side.on('error', () => {})
  })
  const login = `Basic ${btoa('user:p@ss')}`
  await serving(proxy, async (port) => {
    const options = { proxy: `http://user:p%40ss@127.0.0.1:${port}` }
    assert.equal((await attemptOf(options, 'http://hooks.invalid:8080/in?x=1')).statusCode, 204)
    assert.equal((await attemptOf(options, secure('trusted'))).statusCode, 200)
    assert.equal((await attemptOf(options, secure('wrong_name'))).error, 'tls_name_mismatch')
  })
  assert.deepEqual(asked, [
    ['POST', 'http://hooks.invalid:8080/in?x=1', login],
    ['CONNECT', `localhost:${receiver.tls.trusted}`, login],
    ['CONNECT', `localhost:${receiver.tls.wrong_name}`, login],
  ])
})
