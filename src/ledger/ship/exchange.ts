import { Agent, type Dispatcher, errors, request } from 'undici'
import { CountersignError } from '../../canon/index.js'
import { guardedConnector, type LookupAll } from '../../native/index.js'
import { ledgerFault } from '../error-table.js'

export interface ExchangeOptions {
  /** PEM of the authority that issued the other side's certificate; replaces the system's. */
  readonly ca?: string
  readonly lookup?: LookupAll
}

export interface ExchangeCall {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body?: Uint8Array
}

export interface ExchangeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** To be read or dumped. */
  readonly body: Dispatcher.ResponseData['body']
}

/** One HTTP exchange with the place that receipts are shipped to or read from: no retry, no redirect, no proxy. */
export interface Exchange {
  /** Throws `ship_unreachable`, `ship_timeout` or `ship_address`. */
  send(call: ExchangeCall, signal: AbortSignal): Promise<ExchangeAnswer>
  close(): Promise<void>
}

const CONNECT_MS = 10_000
/** Between two bytes of an answer; the whole is bounded by the caller's signal. */
const PAUSE_MS = 30_000

export function exchange(options: ExchangeOptions = {}): Exchange {
  const agent = new Agent({
    connect: guardedConnector({
      // The operator's own configuration names the host. A name that leads to this link's metadata service stays refused.
      allowPrivate: true,
      connectTimeoutMs: CONNECT_MS,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    }),
    connections: 2,
    pipelining: 1,
    headersTimeout: PAUSE_MS,
    bodyTimeout: PAUSE_MS,
  })
  return {
    send: async ({ method, url, headers, body }, signal) => {
      try {
        // ATTACK: a sink that redirects to an address inside. `request` follows none.
        const answer = await request(url, {
          method,
          headers: Object.fromEntries([['user-agent', 'countersign'], ...headers]),
          ...(body === undefined ? {} : { body }),
          dispatcher: agent,
          signal,
        })
        return { status: answer.statusCode, headers: answer.headers, body: answer.body }
      } catch (error) {
        throw exchangeFault(error)
      }
    },
    close: () => agent.destroy(),
  }
}

/** The first bytes of an answer, the rest unread; '' where it breaks off. */
export async function beginningOf({ body }: ExchangeAnswer, maxBytes = 65_536): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      length += chunk.length
      if (length >= maxBytes) break
    }
  } catch {
    return ''
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Codes only: a message of the network stack may carry what was sent. */
export function exchangeFault(error: unknown): CountersignError {
  if (error instanceof CountersignError)
    return error.code === 'address_refused' ? ledgerFault('ship_address') : error
  const slow =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError ||
    (error instanceof DOMException && ['AbortError', 'TimeoutError'].includes(error.name))
  if (slow) return ledgerFault('ship_timeout')
  const { code } = error as NodeJS.ErrnoException
  return ledgerFault('ship_unreachable', typeof code === 'string' ? code : '')
}
