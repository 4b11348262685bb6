// Serves the route handler of a module, named on the command line, as Next does.
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'

import { bridge } from './bridge.mjs'

const { POST } = await import(pathToFileURL(process.argv[2]))
createServer(bridge(POST)).listen()
