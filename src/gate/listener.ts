import { lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { connect, type ListenOptions, type Socket } from 'node:net'
import { Connections } from '../native/index.js'
import { gateFault } from './error-table.js'
import { type Entrance, Exchange } from './exchange.js'
import type { GateLimits } from './limits.js'
import { OpenAnswers } from './open-answers.js'
import { keepRoom } from './room.js'

const MIN_TLS = 'TLSv1.2'

export interface ListenerTls {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

export interface ListenerOptions {
  readonly entrance: Entrance
  /** `host:port`, `[ipv6]:port` or `unix:/path`; port 0 picks a free one. */
  readonly address: string
  readonly tls: ListenerTls | null
  readonly limits: GateLimits
  readonly onExchange: (exchange: Exchange) => void
  /** A request that is none of the APIs', answered at once; false where it is not. */
  readonly onProbe: (request: IncomingMessage, response: ServerResponse) => boolean
  /** What came wasn't HTTP. */
  readonly onMalformed: () => void
  /** A connection was closed because there were as many as there may be. */
  readonly onCrowded: () => void
  /** A connection couldn't be taken; the others go on. */
  readonly onError: (error: Error) => void
}

/** One door for agents: an HTTP/1.1 server with every bound set, over TCP, TLS or a Unix socket. */
export class Listener {
  /** Base URL of what listens: `http://127.0.0.1:7070`, or `unix:/path`. */
  readonly url: string
  private readonly server: Server
  private readonly answers: OpenAnswers
  private closing = false

  private constructor(server: Server, answers: OpenAnswers, url: string) {
    this.server = server
    this.answers = answers
    this.url = url
    for (const event of ['request', 'checkContinue', 'checkExpectation'])
      server.prependListener(event, (_request: IncomingMessage, response: ServerResponse) => {
        if (this.closing) endAfter(response)
      })
  }

  /** Throws `listen_invalid` or `listen_failed`. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const where = parseAddress(options.address)
    const answers = new OpenAnswers()
    const server = serverOf(options, answers)
    if (where.path !== undefined) await removeDeadSocket(where.path)
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) =>
        reject(gateFault('listen_failed', `${options.address}: ${error.code ?? 'error'}`))
      server.once('error', fail)
      // The agent may be another user: who reaches the socket is the folder's business.
      server.listen({ ...where, readableAll: true, writableAll: true }, () => {
        server.off('error', fail)
        server.on('error', options.onError)
        resolve()
      })
    })
    return new Listener(server, answers, urlOf(server, options.tls !== null))
  }

  /** Shows another certificate from the next connection on. Throws where TLS can't use it; the one before stays then. */
  useCertificate(tls: ListenerTls): void {
    ;(this.server as TlsServer).setSecureContext({ cert: tls.cert, key: tls.key, minVersion: MIN_TLS })
  }

  /** Takes no further connection and lets go of idle ones; resolves when the last request is answered. */
  close(): Promise<void> {
    this.closing = true
    return new Promise(resolve => {
      this.server.close(() => resolve())
      this.server.closeIdleConnections()
      for (const response of this.answers) endAfter(response)
    })
  }

  /** Cuts whatever is still connected. */
  cut(): void {
    this.server.closeAllConnections()
  }
}

/** A certificate or key that can't be used shows here. */
function serverOf(options: ListenerOptions, answers: OpenAnswers): Server {
  try {
    return hardenedServer(options, answers)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw gateFault('listen_failed', `${options.address}: ${code ?? 'error'}`)
  }
}

function hardenedServer(options: ListenerOptions, answers: OpenAnswers): Server {
  const { limits, tls, entrance } = options
  const settings = {
    insecureHTTPParser: false,
    requireHostHeader: true,
    rejectNonStandardBodyWrites: true,
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
    noDelay: true,
  }
  const take = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    // ATTACK: a request behind a refused one whose answer ends the connection. It would be executed, and what came of it
    // told nobody, who would then send it again (RFC 9112 §9.6).
    if (!answers.hasMore(request.socket)) return
    if (!options.onProbe(request, response))
      options.onExchange(new Exchange(entrance, request, response, awaitsContinue))
  }
  const server =
    tls === null
      ? createServer(settings)
      : createTlsServer({
          ...settings,
          handshakeTimeout: limits.headersMs,
          cert: tls.cert,
          key: tls.key,
          minVersion: MIN_TLS,
        })
  if (entrance.kind === 'probes') keepRoom(server, limits.maxConnections)
  else new Connections(server, limits.maxConnections, options.onCrowded)
  answers.follow(server)
  // ATTACK: what comes behind the first 2,000 headers would be left out unseen. `maxHeaderSize` bounds them all.
  server.maxHeadersCount = 0
  // An idle agent, or one that doesn't read its answer, lets go of its connection after the upstream would have.
  server.timeout = limits.upstreamMs + limits.keepAliveMs
  server.on('request', take(false))
  server.on('checkContinue', take(true))
  server.on('checkExpectation', take(false))
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    // ATTACK: CONNECT behind a request without its answer. A connection carries one answer at a time, and from here on
    // Node leaves this one alone: who waits for its drain or its time-out would wait for ever.
    const response = answers.isFree(socket) ? responseOn(socket, request) : null
    if (response === null) {
      options.onMalformed()
      socket.destroy()
      return
    }
    // ATTACK: an agent that never closes its side holds the connection, and a gate that stops waits for it.
    response.once('finish', () => socket.destroySoon())
    socket.on('error', () => socket.destroy())
    options.onExchange(new Exchange(entrance, request, response, false))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // A client that uses the connection at this moment after all would take a 408 for the answer to its request.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      socket.destroy()
      return
    }
    options.onMalformed()
    // ATTACK: bytes that are no request, behind one that is: the agent would take what they are answered for its answer.
    if (UNANSWERABLE.has(error.code ?? '') || !socket.writable || !answers.isFree(socket)) socket.destroy()
    else socket.end(MALFORMED_ANSWERS[error.code ?? ''] ?? plainAnswer('400 Bad Request'))
  })
  return server
}

/**
 * CONNECT comes without a response object; it gets one, so that its refusal is recorded like any other. Null where the
 * connection has one already. ATTACK: a request without Host and CONNECT in one packet. Node answers the first by itself,
 * without a word to anybody, and throws over a second answer; one such packet would end the gate.
 */
function responseOn(socket: Socket, request: IncomingMessage): ServerResponse | null {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  try {
    response.assignSocket(socket)
  } catch {
    return null
  }
  return response
}

/** An agent that keeps its connection would hold up the end of a gate that has nothing left to do. */
function endAfter(response: ServerResponse): void {
  const { socket } = response
  if (response.headersSent) response.once('finish', () => socket?.end())
  else response.shouldKeepAlive = false
}

function plainAnswer(status: string): string {
  return `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
}

/** ATTACK: what is written before the end of a handshake waits for that end, and so would the connection, for ever. */
const UNANSWERABLE: ReadonlySet<string> = new Set(['ECONNRESET', 'ERR_TLS_HANDSHAKE_TIMEOUT'])

const MALFORMED_ANSWERS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: plainAnswer('431 Request Header Fields Too Large'),
  ERR_HTTP_REQUEST_TIMEOUT: plainAnswer('408 Request Timeout'),
}

/** Throws `listen_invalid`. */
function parseAddress(text: string): ListenOptions {
  if (text.startsWith('unix:/')) return { path: text.slice('unix:'.length) }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw gateFault('listen_invalid', text)
  return { host: (match[1] ?? match[2]) as string, port }
}

function urlOf(server: Server, tls: boolean): string {
  const address = server.address()
  if (address === null || typeof address === 'string') return `unix:${address ?? ''}`
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `${tls ? 'https' : 'http'}://${host}:${address.port}`
}

/** A socket file that nobody listens on any more is left from a crash; one that answers stays, and listening fails. */
async function removeDeadSocket(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => null)
  if (stat?.isSocket() !== true) return
  const alive = await new Promise<boolean>(resolve => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    // Only a refusal says that nobody listens: one who is too busy to take another connection is alive.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'))
  })
  if (!alive) await unlink(path)
}
