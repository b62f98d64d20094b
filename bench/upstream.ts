import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

/**
 * A fast upstream in a process of its own: reads the body and answers 200 with one small JSON document, which also
 * has the members that the Railway minter asks for, so that minting works and costs what it costs once.
 */
const ANSWER = Buffer.from(
  JSON.stringify({
    data: {
      project: { name: 'bench' },
      projectTokenCreate: '5b0e7c1e-3f54-4c5e-9a56-bb1f2a7c9d10',
      projectToken: {
        id: 'b2a0',
        projectId: '3f1c2a54-6f0e-4c52-9a5e-0d8f6a1b7c01',
        environmentId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      },
      projectTokenDelete: true,
      projectTokens: { edges: [], pageInfo: { hasNextPage: false, endCursor: null } },
    },
  }),
)

/** What a large read is answered with. */
const LARGE_ANSWER = Buffer.alloc(1_000_000, 'The quick brown fox jumps over the lazy dog. ')

/** What the soak asks for is answered so late. */
const SLOW_MS = 300

/** What STS answers; asked once, when the first credential is made. */
const SESSION = Buffer.from(
  `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASIABENCHBENCHBENCH1</AccessKeyId><SecretAccessKey>bench-secret-access-key</SecretAccessKey><SessionToken>bench-session-token-0123456789</SessionToken><Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
)

const server = createServer((request, response) => {
  let first: Buffer | null = null
  request.on('data', (part: Buffer) => {
    first ??= part
  })
  request.once('end', () => {
    if (request.url === '/' && first?.includes('Action=AssumeRole')) {
      response.writeHead(200, { 'content-type': 'text/xml', 'content-length': SESSION.length })
      response.end(SESSION)
      return
    }
    if (request.url?.startsWith('/slow/')) {
      setTimeout(() => json(response, ANSWER), SLOW_MS)
      return
    }
    if (request.url?.startsWith('/broken/')) {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length })
      response.write(ANSWER.subarray(0, 10), () => response.destroy())
      return
    }
    const answer = request.url?.startsWith('/exports/') ? LARGE_ANSWER : ANSWER
    json(response, answer)
  })
})

function json(response: ServerResponse, answer: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
  response.end(answer)
}

server.keepAliveTimeout = Number(process.env.COUNTERSIGN_BENCH_IDLE_MS ?? 60_000)
// A sandbox that was made earlier has this port in its sealed policy.
const port = Number(process.env.COUNTERSIGN_BENCH_PORT ?? 0)
server.listen(port, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.once('disconnect', () => process.exit(0))
