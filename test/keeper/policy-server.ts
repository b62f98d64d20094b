import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

type Answer = (response: ServerResponse) => void

/** A static file server with ETags, as an object store is one, and a way to make it misbehave. */
export interface PolicyServer {
  readonly origin: string
  /** By path: `/team/policy.sealed.json`. */
  readonly files: Map<string, Uint8Array>
  /** Paths and statuses in the order of the requests. */
  readonly served: { readonly path: string; readonly status: number; readonly headers: IncomingHttpHeaders }[]
  /** Answers instead of the file. */
  readonly instead: Map<string, Answer>
  close(): Promise<void>
}

export async function startPolicyServer(t: TestContext): Promise<PolicyServer> {
  const files = new Map<string, Uint8Array>()
  const instead = new Map<string, Answer>()
  const served: { path: string; status: number; headers: IncomingHttpHeaders }[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    response.once('close', () => served.push({ path, status: response.statusCode, headers: request.headers }))
    const bytes = files.get(path)
    const other = instead.get(path)
    if (other !== undefined) other(response)
    else if (bytes === undefined) response.writeHead(404).end('no such key')
    else {
      const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
      if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end()
      else response.writeHead(200, { etag, 'content-type': 'application/json' }).end(bytes)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let closed: Promise<unknown> | undefined
  const close = async () => {
    closed ??= once(server, 'close')
    server.closeAllConnections()
    server.close()
    await closed
  }
  t.after(close)
  return { origin: `http://127.0.0.1:${port}`, files, served, instead, close }
}
