import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { CountersignError } from '../canon/index.js'
import type { ServerTls } from './authority.js'
import type { Certificates } from './certificates.js'
import { injectorFault } from './error-table.js'
import type { InjectorParts } from './judge.js'
import { answerReview, type ReviewAnswer, type ReviewKind } from './review.js'
import { ReviewBodies } from './review-bodies.js'

/** Facts and one sentence; never a pod's content. */
export interface InjectorLog {
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}

export interface InjectorOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly certificates: Certificates
  /** Asked for every review: the profiles may have changed. */
  readonly parts: () => InjectorParts
  readonly log: InjectorLog
}

export interface InjectorServer {
  /** `https://127.0.0.1:8443` */
  readonly url: string
  /** Says `not ready`, lets open reviews end, and resolves when they did. */
  close(): Promise<void>
}

const REQUEST_MS = 15_000
const MAX_CONNECTIONS = 512
/** ATTACK: who holds all of them locks the API server out. */
const MAX_CONNECTIONS_OF_ONE = 256
const KINDS: Readonly<Record<string, ReviewKind>> = { '/inject': 'inject', '/validate': 'validate' }

/**
 * Serves AdmissionReviews at `/inject` and `/validate`, and `/livez` and `/readyz`. Whatever goes wrong is answered with
 * an error, which the API server takes for a no (`failurePolicy: Fail`). Throws `injector_listen_failed` or
 * `injector_tls_unusable`.
 */
export async function startInjector(options: InjectorOptions): Promise<InjectorServer> {
  const { log, parts, certificates } = options
  const bodies = new ReviewBodies()
  let closing = false
  const server = hardenedServer(certificates.tls)
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response).catch(error => {
      // Who asked has left.
      if (request.destroyed && !request.complete) return
      if (!(error instanceof CountersignError)) log.error({ err: error }, 'a review failed')
      const { code, message, status } =
        error instanceof CountersignError
          ? { ...error, message: error.message, status: error.status ?? 500 }
          : { code: 'unexpected', message: 'The injector failed.', status: 500 }
      // What was not read any more is not waited for.
      response.shouldKeepAlive = false
      if (!response.headersSent) send(response, status, { code, message })
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = ''] = (request.url ?? '').split('?', 1)
    if (path === '/livez') return send(response, 200, { live: true })
    if (path === '/readyz') return send(response, closing ? 503 : 200, { ready: !closing })
    const kind = Object.hasOwn(KINDS, path) ? KINDS[path] : undefined
    if (kind === undefined) throw injectorFault('review_path')
    if (request.method !== 'POST') throw injectorFault('review_method')
    const review = parsed(await bodies.read(request))
    const answered = answerReview(review, kind, parts())
    tell(review, answered, kind)
    send(response, 200, answered)
  }

  function tell(review: unknown, { response }: ReviewAnswer, kind: ReviewKind): void {
    const { namespace, name, operation } = (review as { request: Readonly<Record<string, unknown>> }).request
    const facts = { kind, operation, namespace, name, uid: response.uid }
    if (response.allowed) log.info({ ...facts, changed: response.patch !== undefined }, 'admitted')
    else
      log.warn(
        { ...facts, codes: [...new Set(response.status?.details.causes.map(({ reason }) => reason))] },
        'refused',
      )
  }

  await listen(server, options)
  const unwatch = certificates.watch(tls => replaceTls(server, tls, log))
  const { address, family, port } = server.address() as AddressInfo
  return {
    url: `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: async () => {
      closing = true
      unwatch()
      await new Promise<void>(resolve => {
        // ATTACK: Node looks for requests that take too long no more, and one that never ends would hold up the end.
        const cut = setTimeout(() => server.closeAllConnections(), REQUEST_MS)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        server.closeIdleConnections()
      })
    },
  }
}

function hardenedServer(tls: ServerTls): Server {
  try {
    const server = createServer({
      ...tls,
      minVersion: 'TLSv1.2',
      insecureHTTPParser: false,
      requireHostHeader: true,
      maxHeaderSize: 16_384,
      // The API server waits ten seconds for an answer.
      handshakeTimeout: 5_000,
      headersTimeout: 5_000,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: 5_000,
      keepAliveTimeout: 60_000,
    })
    server.maxConnections = MAX_CONNECTIONS
    limitEachSource(server)
    return server
  } catch (error) {
    throw injectorFault('injector_tls_unusable', String((error as { code?: string }).code ?? ''))
  }
}

function limitEachSource(server: Server): void {
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const source = socket.remoteAddress ?? ''
    const count = (open.get(source) ?? 0) + 1
    open.set(source, count)
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1
      if (left > 0) open.set(source, left)
      else open.delete(source)
    })
    if (count > MAX_CONNECTIONS_OF_ONE) socket.destroy()
  })
}

/** What can't be used leaves the one that is in use. */
function replaceTls(server: Server, tls: ServerTls, log: InjectorLog): void {
  try {
    server.setSecureContext({ ...tls, minVersion: 'TLSv1.2' })
  } catch (error) {
    log.error(
      { code: (error as { code?: string }).code },
      'the certificate stays as it is: TLS refused the next one',
    )
  }
}

async function listen(server: Server, { host, port }: InjectorOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(injectorFault('injector_listen_failed', `${host}:${port}: ${error.code ?? 'error'}`)),
    )
    server.listen({ host, port }, resolve)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw injectorFault('review_malformed', 'no JSON')
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response
    .writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
    })
    .end(body)
}
