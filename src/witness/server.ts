import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { CountersignError } from '../canon/index.js'
import { Connections } from '../native/index.js'
import { MAX_ADD_CHECKPOINT_BYTES } from '../receipt/index.js'
import { witnessFault } from './error-table.js'
import type { AddAnswer, Witness, WitnessLog } from './witness.js'

export interface WitnessServerOptions {
  readonly witness: Pick<Witness, 'add' | 'newest'>
  /** False once it cosigns nothing more. */
  readonly isHealthy: () => boolean
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** Path before the specification's own; empty, or `/…` without a slash at the end. */
  readonly prefix: string
  /** PEM; null for plain HTTP: everything that matters is signed. */
  readonly tls: { readonly cert: string; readonly key: string } | null
  readonly log: WitnessLog
  /** From the first byte of a request to its last; 10,000 unless told. */
  readonly requestMs?: number
  /** 1,024 unless told; one more takes the place of the one that was idle for longest. */
  readonly maxConnections?: number
}

export interface WitnessServer {
  /** `http://127.0.0.1:7080/prefix`, the submission and the monitoring prefix. */
  readonly url: string
  /** Takes nothing more; resolves when what was taken is answered. */
  close(): Promise<void>
}

const TEXT = 'text/plain; charset=utf-8'
const MAX_CONNECTIONS = 1_024
const IDLE_MS = 60_000

/** Serves `POST <prefix>/add-checkpoint`, `GET <prefix>/<origin hash>/checkpoint` and `GET /healthz`. */
export async function serveWitness(options: WitnessServerOptions): Promise<WitnessServer> {
  const requestMs = options.requestMs ?? 10_000
  const settings = {
    requireHostHeader: true,
    maxHeaderSize: 8_192,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: Math.min(requestMs, 5_000),
  }
  const { tls } = options
  const server = serverOf(settings, options)
  const connections = new Connections(server, options.maxConnections ?? MAX_CONNECTIONS)
  // A client that doesn't read its answer.
  server.timeout = IDLE_MS
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, options).catch(error => fail(error, response, options.log))
  })
  await listen(server, options)
  const { address, port, family } = server.address() as AddressInfo
  const host = family === 'IPv6' ? `[${address}]` : address
  return {
    url: `${tls === null ? 'http' : 'https'}://${host}:${port}${options.prefix}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        connections.closeIdle()
      }),
  }
}

/** A certificate or key that can't be used shows here. */
function serverOf(settings: ServerOptions, { tls }: WitnessServerOptions): Server {
  if (tls === null) return createServer(settings)
  try {
    return createTlsServer({ ...settings, ...tls, minVersion: 'TLSv1.2' })
  } catch (error) {
    throw witnessFault(
      'witness_listen_failed',
      `certificate: ${(error as NodeJS.ErrnoException).code ?? 'error'}`,
    )
  }
}

async function listen(server: Server, { host, port }: WitnessServerOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // `on`: behind the listening it is a connection that can't be taken, which is no reason to end.
    server.on('error', (error: NodeJS.ErrnoException) =>
      reject(witnessFault('witness_listen_failed', `${host}:${port}: ${error.code ?? 'error'}`)),
    )
    server.listen({ host, port }, resolve)
  })
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: WitnessServerOptions,
): Promise<void> {
  const { witness, prefix, isHealthy } = options
  const { method = '', url = '' } = request
  if (url === '/healthz') {
    const healthy = isHealthy()
    return send(response, healthy ? 200 : 503, TEXT, healthy ? 'ok\n' : 'halted\n')
  }
  const path = url.startsWith(`${prefix}/`) ? url.slice(prefix.length) : null
  if (path === '/add-checkpoint') {
    if (method !== 'POST') return notAllowed(response, 'POST')
    const body = await bodyOf(request, response)
    return body === null ? undefined : sendAdded(response, await witness.add(body), options.log)
  }
  const [, originHash] = /^\/([0-9a-f]{64})\/checkpoint$/.exec(path ?? '') ?? []
  if (originHash === undefined) return send(response, 404, TEXT, 'there is nothing here\n')
  if (method !== 'GET' && method !== 'HEAD') return notAllowed(response, 'GET, HEAD')
  const note = witness.newest(originHash)
  if (note === null) return send(response, 404, TEXT, 'no checkpoint of this log was cosigned\n')
  return send(response, 200, TEXT, method === 'HEAD' ? '' : note)
}

/** Null where the request was answered already. ATTACK: a body without an end. */
async function bodyOf(request: IncomingMessage, response: ServerResponse): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of request) {
    length += (part as Buffer).length
    if (length > MAX_ADD_CHECKPOINT_BYTES) {
      const { status, message } = witnessFault('add_checkpoint_too_large')
      response.setHeader('Connection', 'close')
      send(response, status as number, TEXT, `${message}\n`)
      request.destroy()
      return null
    }
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts)
}

function sendAdded(response: ServerResponse, added: AddAnswer, log: WitnessLog): void {
  switch (added.kind) {
    case 'cosigned':
      send(response, 200, TEXT, added.lines)
      break
    case 'conflict':
      send(response, 409, 'text/x.tlog.size', `${added.size}\n`)
      break
    case 'refused': {
      const { code, status, message } = added.fault
      log.warn({ code }, 'refused')
      send(response, status ?? 400, TEXT, `${message}\n`)
    }
  }
}

function notAllowed(response: ServerResponse, methods: string): void {
  response.setHeader('Allow', methods)
  send(response, 405, TEXT, `use ${methods}\n`)
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response
    .writeHead(status, {
      'Content-Type': type,
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    .end(text)
}

function fail(error: unknown, response: ServerResponse, log: WitnessLog): void {
  const fault = error instanceof CountersignError ? error : null
  // A client that left isn't worth a line.
  if (fault === null && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return
  log.error(fault === null ? { err: error } : { code: fault.code, detail: fault.detail }, 'a request failed')
  if (response.headersSent) response.destroy()
  else send(response, fault?.status ?? 500, TEXT, `${fault?.message ?? 'the witness failed'}\n`)
}
