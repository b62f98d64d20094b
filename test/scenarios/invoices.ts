import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly authorization: string
  /** Bytes and digest of the body, when it has ended. */
  readonly body: Promise<{ readonly bytes: number; readonly sha256: string }>
}

/** A small API of the team's own, which remembers what reached it. */
export interface Invoices {
  readonly address: string
  readonly seen: Seen[]
  /** What answers; 200 `{}` after the whole request, unless a scenario sets another. */
  answer: (request: IncomingMessage, response: ServerResponse) => void
}

export async function startInvoices(t: Pick<TestContext, 'after'>): Promise<Invoices> {
  const seen: Seen[] = []
  const server: Server = createServer((request, response) => {
    seen.push({
      method: request.method ?? '',
      path: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body: digestOf(request),
    })
    invoices.answer(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const invoices: Invoices = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answer: (request, response) => {
      request.once('end', () => json(response))
    },
  }
  return invoices
}

export function json(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
}

function digestOf(request: IncomingMessage): Promise<{ bytes: number; sha256: string }> {
  return new Promise(resolve => {
    const hash = createHash('sha256')
    let bytes = 0
    request.on('data', (part: Buffer) => {
      bytes += part.length
      hash.update(part)
    })
    request.once('close', () => resolve({ bytes, sha256: hash.digest('hex') }))
  })
}

export interface PolicyChoices {
  readonly version?: number
  readonly expires?: string
  readonly audience?: string
  /** Class that is allowed; `read` unless told. */
  readonly allow?: string
}

/** A policy for that API alone. */
export function invoicesPolicy(address: string, choices: PolicyChoices = {}): string {
  const { version = 1, expires = '2099-01-01T00:00:00Z', audience = 'sandbox', allow = 'read' } = choices
  return `apiVersion: countersign.dev/v1
kind: RoutePolicy
metadata: { name: invoices, version: ${version}, expires: ${expires}, audience: [${audience}] }
apis:
  billing:
    upstream: http://${address}
    credential: billing
    routes:
      - { route: "GET /invoices/{id}", class: read }
      - { route: "POST /invoices", class: create }
      - { route: "POST /invoices/{id}/void", class: irreversible }
      - { route: "PUT /attachments/{id}", class: read, body: stream }
credentials:
  billing: { minter: jwt, audience: https://billing.internal }
agents:
  coder: { environment: staging, session: 8h }
rules:
  - id: ordinary-work
    allow: { api: billing, class: ${allow} }
    to: coder
  - id: never-void
    deny: { api: billing, operations: ["POST /invoices/{id}/void"] }
    because: A voided invoice can't be reopened.
`
}
