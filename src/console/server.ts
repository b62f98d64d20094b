import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { CountersignError, parseStrictJson } from '../canon/index.js'
import { Entrance, type EntranceParts } from './entrance.js'
import { consoleFault } from './error-table.js'
import { adminQuestion, type KeeperPort } from './routes.js'

export interface ConsoleOptions extends EntranceParts {
  /** Null where there is nothing to ask, and the page only registers passkeys. */
  readonly keeper: KeeperPort | null
  /** 0 picks a free one, in whose page no passkey signs that a policy names. */
  readonly port: number
  /** Origin of a proxy with TLS in front of it, `https://…`; null where the page is opened on this machine. */
  readonly behind: string | null
  /** Who halts, for the receipt. */
  readonly by: string
  /** What is served to everybody, by path; nothing in it is about this sidecar. */
  readonly files: ReadonlyMap<string, ConsoleFile>
}

export interface ConsoleFile {
  readonly type: string
  readonly bytes: Uint8Array
}

export interface ConsoleServer {
  /** Opens the console once; the token stands in its fragment. */
  readonly link: string
  readonly origin: string
  /** Of loopback. */
  readonly port: number
  close(): Promise<void>
}

const MAX_BODY_BYTES = 131_072
const MAX_CONNECTIONS = 64
/** Those among them that have shown no session. */
const MAX_STRANGERS = 48
/** Picks of a free port that the other family of addresses has as well. */
const PICKS = 8

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // No text becomes markup, whoever's it is.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/**
 * Serves the operator's page on loopback, and on nothing else. It has no authority: what the page asks goes to the
 * keeper's admin API as it is, where only signatures count. Throws `console_listen_failed`.
 */
export async function serveConsole(options: ConsoleOptions): Promise<ConsoleServer> {
  const servers = await listenOnLoopback(options.port)
  const port = portOf(servers[0] as Server)
  const origins = [`http://localhost:${port}`, ...(options.behind === null ? [] : [options.behind])]
  const door: Door = {
    ...options,
    entrance: new Entrance(options),
    originOf: new Map(origins.map(origin => [origin.replace(/^https?:\/\//, ''), origin])),
    cookieName: `countersign-console-${port}`,
    strangers: new Set(),
  }
  for (const server of servers) {
    holdRoom(server, door.strangers)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      answer(request, response, door).catch(error => refuse(response, error))
    })
  }
  const origin = origins.at(-1) as string
  return {
    link: `${origin}/#${door.entrance.token}`,
    origin,
    port,
    close: async () => {
      await Promise.all(servers.map(stop))
    },
  }
}

interface Door extends ConsoleOptions {
  readonly entrance: Entrance
  /** Origin by what a browser says as Host under it. */
  readonly originOf: ReadonlyMap<string, string>
  readonly cookieName: string
  /** Connections that have shown no session, the oldest first. */
  readonly strangers: Set<Socket>
}

/**
 * ATTACK: another program of this machine holds all connections, and nobody can press the button that halts. The oldest one
 * of a stranger makes room.
 */
function holdRoom(server: Server, strangers: Set<Socket>): void {
  server.on('connection', (socket: Socket) => {
    strangers.add(socket)
    socket.once('close', () => strangers.delete(socket))
    const [oldest] = strangers
    if (strangers.size <= MAX_STRANGERS || oldest === undefined) return
    strangers.delete(oldest)
    oldest.destroy()
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
  const { method = '', url = '', headers } = request
  const origin = door.originOf.get(headers.host ?? '')
  // ATTACK: DNS rebinding. A name that somebody points at this machine is none of ours.
  if (origin === undefined) throw consoleFault('console_host')
  const file = door.files.get(url)
  if (file !== undefined && (method === 'GET' || method === 'HEAD')) {
    response.writeHead(200, { ...HEADERS, 'content-type': file.type, 'content-length': file.bytes.length })
    response.end(method === 'HEAD' ? undefined : file.bytes)
    return
  }
  checkOrigin(request, origin)
  const body = method === 'POST' ? await bodyOf(request) : undefined
  if (method === 'POST' && url === '/api/enter') return enter(response, body, origin, door)
  door.entrance.check(headers, door.cookieName)
  door.strangers.delete(request.socket)
  if (method === 'GET' && url === '/api/self')
    return json(response, 200, { by: door.by, keeper: door.keeper !== null })
  const question = adminQuestion(method, url, body, door.by)
  if (door.keeper === null) throw consoleFault('console_malformed', 'no keeper is asked')
  const { status, value } = await door.keeper
    .ask(question.method, question.path, question.body)
    .catch((error: Error) => {
      throw consoleFault('console_keeper_away', error.message)
    })
  json(response, status, value)
}

/** ATTACK: a page from elsewhere that knows the address, one of another port included, asks with the operator's cookie. */
function checkOrigin({ method, headers }: IncomingMessage, own: string): void {
  const { origin, 'sec-fetch-site': site } = headers
  // A browser names the origin with every POST, and with a GET where it is another's.
  if (origin === undefined ? method !== 'GET' : origin !== own) throw consoleFault('console_origin')
  if (site !== undefined && site !== 'same-origin') throw consoleFault('console_origin')
}

function enter(response: ServerResponse, body: unknown, origin: string, door: Door): void {
  const { token } = (body ?? {}) as { readonly token?: unknown }
  const { cookie, secret } = door.entrance.enter(token)
  const secure = origin.startsWith('https:') ? '; Secure' : ''
  response.setHeader(
    'set-cookie',
    `${door.cookieName}=${cookie}; Path=/api; HttpOnly; SameSite=Strict${secure}`,
  )
  json(response, 200, { secret })
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  // A form of another page can't say that it is JSON.
  if (request.headers['content-type'] !== 'application/json')
    throw consoleFault('console_malformed', 'expected JSON')
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) throw consoleFault('console_malformed', 'too long')
    parts.push(part)
  }
  return parseStrictJson(Buffer.concat(parts), { maxDepth: 16 })
}

function json(response: ServerResponse, status: number, value: unknown): void {
  const bytes = Buffer.from(JSON.stringify(value))
  response.writeHead(status, {
    ...HEADERS,
    'content-type': 'application/json',
    'content-length': bytes.length,
  })
  response.end(bytes)
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const fault = error instanceof CountersignError ? error : consoleFault('console_malformed')
  const { code, message, mend } = fault
  // What a body still has is not read: it may be endless.
  response.setHeader('connection', 'close')
  json(response, fault.status ?? 400, { code, message, mend })
}

/**
 * Both loopback addresses under one port. ATTACK: whoever listens at [::1] under the port of 127.0.0.1 is `localhost`
 * for browsers too, and would be handed the token.
 */
async function listenOnLoopback(wanted: number): Promise<readonly Server[]> {
  for (let pick = 1; ; pick++) {
    const first = await listening('127.0.0.1', wanted)
    try {
      return [first, await listening('::1', portOf(first))]
    } catch (error) {
      const { code } = (error as Error).cause as NodeJS.ErrnoException
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return [first]
      await stop(first)
      if (wanted !== 0 || pick === PICKS) throw error
    }
  }
}

async function listening(host: string, port: number): Promise<Server> {
  const server = createServer({
    requireHostHeader: true,
    maxHeaderSize: 16_384,
    headersTimeout: 10_000,
    requestTimeout: 10_000,
  })
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const fault = consoleFault('console_listen_failed', `${host}:${port}: ${cause.code}`)
      fault.cause = cause
      reject(fault)
    })
    server.listen(port, host, resolve)
  })
  return server
}

function stop(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
