import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Connections } from '../../native/index.js'
import { ledgerFault } from '../error-table.js'
import type { Ledger } from '../ledger.js'
import { readTile } from './read-tile.js'
import { parseTilePath } from './tile-path.js'

export interface TilesServerOptions {
  readonly ledger: Pick<Ledger, 'head' | 'node' | 'entries'>
  /** The newest checkpoint, as text. */
  readonly checkpoint: () => Promise<string>
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly onFault: (error: unknown) => void
}

export interface TilesServer {
  /** `http://127.0.0.1:7071` */
  readonly url: string
  close(): Promise<void>
}

const MAX_CONNECTIONS = 64
const IDLE_MS = 60_000
const FOR_EVER = 'public, max-age=31536000, immutable'
const BINARY = 'application/octet-stream'
const zip = promisify(gzip)

/** Serves a log to read (https://c2sp.org/tlog-tiles): `/checkpoint`, `/tile/<L>/<N>[.p/<W>]` and `/tile/entries/<N>[.p/<W>]`. */
export async function serveTiles(options: TilesServerOptions): Promise<TilesServer> {
  const { host, port, onFault } = options
  const server = createServer({
    requireHostHeader: true,
    maxHeaderSize: 8_192,
    headersTimeout: 10_000,
    requestTimeout: 10_000,
    keepAliveTimeout: IDLE_MS,
  })
  new Connections(server, MAX_CONNECTIONS)
  // A client that doesn't read its answer.
  server.timeout = IDLE_MS
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, options).catch(error => {
      onFault(error)
      if (response.headersSent) response.destroy()
      else send(response, request, 500, 'text/plain', 'no-store', Buffer.from('the log could not be read\n'))
    })
  })
  await listen(server, host, port)
  const { address, family, port: taken } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${taken}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(ledgerFault('tiles_listen_failed', `${host}:${port}: ${error.code ?? 'error'}`)),
    )
    server.listen({ host, port }, resolve)
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { ledger, checkpoint }: TilesServerOptions,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return send(response, request, 405, 'text/plain', 'no-store', Buffer.from('use GET\n'))
  }
  if (request.url === '/checkpoint') {
    const note = Buffer.from(await checkpoint())
    return send(response, request, 200, 'text/plain; charset=utf-8', 'max-age=1', note)
  }
  const name = parseTilePath(request.url?.slice(1) ?? '')
  const { size } = ledger.head()
  const log = { size, node: ledger.node, entries: (from: number) => ledger.entries(from) }
  const bytes = name === null ? null : await readTile(log, name)
  // What isn't there now may be there in a moment.
  if (bytes === null)
    return send(response, request, 404, 'text/plain', 'no-store', Buffer.from('not there\n'))
  if (name?.level !== 'entries') return send(response, request, 200, BINARY, FOR_EVER, bytes)
  response.setHeader('Vary', 'Accept-Encoding')
  if (!takesGzip(request)) return send(response, request, 200, BINARY, FOR_EVER, bytes)
  response.setHeader('Content-Encoding', 'gzip')
  return send(response, request, 200, BINARY, FOR_EVER, await zip(bytes))
}

function takesGzip({ headers }: IncomingMessage): boolean {
  return /(^|,)\s*gzip\s*(,|$)/.test(String(headers['accept-encoding'] ?? ''))
}

function send(
  response: ServerResponse,
  request: IncomingMessage,
  status: number,
  type: string,
  cache: string,
  bytes: Uint8Array,
): void {
  response
    .writeHead(status, {
      'Content-Type': type,
      'Content-Length': bytes.length,
      'Cache-Control': cache,
      'X-Content-Type-Options': 'nosniff',
    })
    .end(request.method === 'HEAD' ? undefined : bytes)
}
