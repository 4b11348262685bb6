/** A listener of `node:http` for a function from `Request` to `Response`: what Next does around a route handler. */
export function bridge(handler) {
  return async (request, response) => {
    const headers = new Headers()
    for (let at = 0; at < request.rawHeaders.length; at += 2) headers.append(request.rawHeaders[at], request.rawHeaders[at + 1])
    const body = new ReadableStream({
      start(controller) {
        request.on('data', (chunk) => controller.enqueue(new Uint8Array(chunk)))
        request.on('end', () => controller.close())
        request.on('close', () => { if (!request.complete) controller.error(new Error('aborted')) })
      },
      cancel: () => request.pause(),
    })
    try {
      const answer = await handler(new Request(`http://127.0.0.1${request.url}`, { method: request.method, headers, body, duplex: 'half' }), {})
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
    } catch (error) {
      response.writeHead(500).end(error.code)
    }
  }
}
