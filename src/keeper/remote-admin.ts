import { constants } from 'node:crypto'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { CountersignError } from '../canon/index.js'
import { type AdminParts, type AdminServer, adminApp, routeForPeople } from './admin.js'
import { keeperFault } from './error-table.js'
import type { Log } from './ports.js'

/** PEM, all of it. */
export interface RemoteTls {
  readonly cert: string
  readonly key: string
  /** Issues the clients' certificates; no other CA counts. */
  readonly ca: string
}

/** Where the keeper is served to people on other machines, over mutual TLS. */
export interface RemoteAdminOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Reads the files anew; throws a CountersignError for what can't be used. */
  readonly tls: () => RemoteTls
  /** Calls back after a change of the files; the answer ends it. */
  readonly watch: (onChange: () => void) => () => void
}

const MAX_CONNECTIONS = 64
/** ATTACK: who holds all of them keeps everybody else from halting, with one certificate, or from one address with none. */
const MAX_CONNECTIONS_OF_ONE = 16
/** Of all that are within their handshake. ATTACK: who has many addresses holds all connections from them, with no certificate. */
const MAX_STRANGERS = 48
const MAX_HEADER_BYTES = 8_192
const HANDSHAKE_MS = 10_000
const HEADERS_MS = 10_000
const REQUEST_MS = 30_000
const KEEP_ALIVE_MS = 60_000
const REQUESTS_PER_CONNECTION = 100

/**
 * Serves of the admin API what people do from another machine; everything else is `not_remote`. A client certificate
 * of the named CA opens the connection, and approves nothing. Throws `remote_listen_failed`, or what `tls` throws.
 */
export async function serveRemoteAdmin(options: RemoteAdminOptions, parts: AdminParts): Promise<AdminServer> {
  const { log } = parts
  const server = hardenedServer(options.tls())
  const connected = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connected.add(socket)
    socket.once('close', () => connected.delete(socket))
  })
  const app = await adminApp(log, handler => server.on('request', handler))
  // Before the routes: a hook holds for what comes behind it.
  noteWhoAsks(app, log)
  const connections = new Connections(server)
  partFrom(connections, app)
  routeForPeople(app, parts)
  app.setNotFoundHandler(() => {
    throw keeperFault('not_remote')
  })
  await app.ready()
  await listen(server, options)
  const unwatch = options.watch(() => replaceTls(server, connections, options.tls, log))
  log.info({ at: urlOf(server) }, 'the keeper is served to other machines')
  return {
    close: async () => {
      unwatch()
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        // Those too that are within their handshake: the server doesn't count them yet.
        for (const socket of connected) socket.destroy()
      })
      await app.close()
    },
  }
}

/** ATTACK: whoever reaches the port. Without a certificate of the one CA nobody gets as far as HTTP. */
function hardenedServer(tls: RemoteTls): Server {
  const server = createServer({
    ...contextOf(tls),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: HANDSHAKE_MS,
    insecureHTTPParser: false,
    requireHostHeader: true,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 5_000,
  })
  server.maxConnections = MAX_CONNECTIONS
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION
  // A client that doesn't read its answer.
  server.timeout = KEEP_ALIVE_MS
  limitEach(server)
  return server
}

/** Counts by address what is within its handshake, and by certificate what has it behind itself. */
function limitEach(server: Server): void {
  const holders = new Map<string, string>()
  const place = (socket: Socket, holder: string): void => {
    const end = endOf(socket)
    holders.delete(end)
    const held = [...holders.values()].filter(each => each === holder).length
    if (held >= MAX_CONNECTIONS_OF_ONE) return void socket.destroy()
    holders.set(end, holder)
    socket.once('close', () => {
      if (holders.get(end) === holder) holders.delete(end)
    })
  }
  const strangers = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    place(socket, `address ${socket.remoteAddress}`)
    if (!socket.destroyed) makeRoom(strangers, socket)
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    strangers.delete(endOf(socket))
    place(socket, `certificate ${socket.getPeerCertificate().fingerprint256}`)
  })
}

/** The oldest that has shown no certificate goes for the newest. */
function makeRoom(strangers: Map<string, Socket>, socket: Socket): void {
  const end = endOf(socket)
  strangers.set(end, socket)
  socket.once('close', () => {
    if (strangers.get(end) === socket) strangers.delete(end)
  })
  const [oldest] = strangers
  if (strangers.size <= MAX_STRANGERS || oldest === undefined) return
  strangers.delete(oldest[0])
  oldest[1].destroy()
}

/** By address and port at the other end: with its handshake a socket becomes another one. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Without tickets no session is resumed: each connection shows a certificate, to the CA and at the time of now. */
function contextOf({ cert, key, ca }: RemoteTls): ServerOptions {
  return { cert, key, ca, minVersion: 'TLSv1.3', secureOptions: constants.SSL_OP_NO_TICKET }
}

/** What can't be used now leaves the certificate that is in use, and its CA. */
function replaceTls(server: Server, connections: Connections, tls: () => RemoteTls, log: Log): void {
  try {
    server.setSecureContext(contextOf(tls()))
    connections.outdate()
    server.closeIdleConnections()
    log.info({}, 'the certificates for other machines were replaced')
  } catch (error) {
    const { code } = error as { code?: string }
    const sentence = error instanceof CountersignError ? error.message : 'TLS refused them'
    log.error({ code }, `the certificates for other machines stay as they were: ${sentence}`)
  }
}

async function listen(server: Server, { host, port }: RemoteAdminOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(keeperFault('remote_listen_failed', `${host}:${port}: ${error.code ?? 'error'}`)),
    )
    server.listen({ host, port }, resolve)
  })
}

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo
  return `https://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}

/**
 * Who stopped or signed is what they say themselves; the log keeps beside it whose certificate it came with.
 * ATTACK: who asks and hangs up before the answer. It is noted before anything is done.
 */
function noteWhoAsks(app: FastifyInstance, log: Log): void {
  app.addHook('onRequest', async request => {
    const { method, routeOptions } = request
    const isKnown = routeOptions.url !== undefined
    if (method === 'GET' && isKnown) return
    log.info({ ...clientOf(request), method, route: routeOptions.url ?? null }, 'another machine asks')
  })
}

function clientOf({ raw }: FastifyRequest): { client: string | null; fingerprint: string | null } {
  // What the types don't say: null once the connection is closed; and a name may be given several times.
  const certificate: Partial<PeerCertificate> | null = (raw.socket as TLSSocket).getPeerCertificate()
  const name: unknown = certificate?.subject?.CN
  return {
    client: name === undefined ? null : String(name),
    fingerprint: certificate?.fingerprint256 ?? null,
  }
}

/** Which connections showed their certificate to the CA of now. */
class Connections {
  private since = 0
  private readonly began = new WeakMap<object, number>()

  constructor(server: Server) {
    server.on('secureConnection', socket => this.began.set(socket, this.since))
  }

  outdate(): void {
    this.since++
  }

  isOutdated(socket: object): boolean {
    return this.began.get(socket) !== this.since
  }
}

/** ATTACK: a client whose CA was replaced, and that never pauses. Its answer is the last on its connection. */
function partFrom(connections: Connections, app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply) => {
    if (connections.isOutdated(request.raw.socket)) reply.header('connection', 'close')
  })
}
