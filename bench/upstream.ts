import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

/** A fast local upstream in a process of its own: reads the body, answers 200 with a small JSON document. Reports its port to the parent. */
const ANSWER = Buffer.from(
  JSON.stringify({
    id: 'it_1',
    object: 'item',
    data: { serviceInstanceRedeploy: true },
    note: 'x'.repeat(180),
  }),
)

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
    response.end(ANSWER)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.once('disconnect', () => process.exit(0))
