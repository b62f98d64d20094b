import type { Agent } from 'undici'
import {
  CountersignError,
  fromUtf8,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
} from '../canon/index.js'
import { guardedConnector, isPrivateAddress, type LookupAll, undici } from '../native/index.js'
import { credentialFault } from './error-table.js'

/** One call of a minter to an API that makes, shows or ends credentials. */
export interface OutboundCall {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** The sealed policy names this private upstream. */
  readonly privateUpstream: boolean
  /** Ends the call before its time. */
  readonly signal?: AbortSignal
}

export interface OutboundAnswer {
  readonly status: number
  /** The body as JSON; null where it is empty or something else. */
  readonly body: JsonValue
  /** The body as it came, for what isn't JSON; empty where it is no UTF-8. */
  readonly text: string
}

/** The minters' one way to the network. One attempt, no redirect, no proxy; faults `mint_address mint_unreachable mint_timeout mint_answer`. */
export interface Outbound {
  send(call: OutboundCall): Promise<OutboundAnswer>
  close(): Promise<void>
}

export interface OutboundOptions {
  /** Takes `http://` to this host: stand-in clouds of a test audience. Everything else is https. */
  readonly allowPlaintextLoopback?: boolean
  /** PEM of an authority to trust instead of the system's; a test audience's. */
  readonly ca?: string
  /** For the whole call; 10,000 unless told. */
  readonly timeoutMs?: number
  /** Of an answer; 2 MiB unless told. */
  readonly maxAnswerBytes?: number
  readonly lookup?: LookupAll
}

const MAX_ANSWER_BYTES = 2_097_152
const MAX_CONNECTIONS = 16
const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

export function outbound(options: OutboundOptions = {}): Outbound {
  const timeoutMs = options.timeoutMs ?? 10_000
  const agents = new Map<'public' | 'private', Agent>()

  /** Made for the first call. */
  function agent(kind: 'public' | 'private'): Agent {
    const known = agents.get(kind)
    if (known !== undefined) return known
    const { Agent } = undici()
    const made = new Agent({
      connect: guardedConnector({
        allowPrivate: kind === 'private',
        connectTimeoutMs: timeoutMs,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
      }),
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      maxResponseSize: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
    agents.set(kind, made)
    return made
  }

  return {
    send: async call => {
      checkScheme(call.url, options.allowPlaintextLoopback ?? false)
      try {
        const { statusCode, body } = await undici().request(call.url, {
          method: call.method,
          headers: { accept: 'application/json', 'user-agent': 'countersign', ...call.headers },
          ...(call.body === undefined ? {} : { body: call.body }),
          dispatcher: agent(call.privateUpstream ? 'private' : 'public'),
          signal: signalOf(timeoutMs, call.signal),
        })
        const bytes = await body.bytes()
        return { status: statusCode, body: jsonOf(bytes), text: textOf(bytes) }
      } catch (error) {
        throw faultOf(error)
      }
    },
    close: async () => {
      await Promise.all([...agents.values()].map(each => each.destroy()))
    },
  }
}

function signalOf(timeoutMs: number, signal: AbortSignal | undefined): AbortSignal {
  const timeout = AbortSignal.timeout(timeoutMs)
  return signal === undefined ? timeout : AbortSignal.any([timeout, signal])
}

function checkScheme(url: string, allowPlaintextLoopback: boolean): void {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return
  if (protocol === 'http:' && allowPlaintextLoopback && LOOPBACK_HOSTS.includes(hostname)) return
  throw credentialFault('mint_address', `${protocol}//${hostname}`)
}

/** True where the URL itself says a private address, so that whoever sealed it named it. */
export function namesPrivateHost(url: string): boolean {
  const hostname = new URL(url).hostname
  if (hostname === 'localhost') return true
  const bare = hostname.replace(/^\[|\]$/g, '')
  return /^[0-9.]+$|:/.test(bare) && isPrivateAddress(bare)
}

/**
 * The JSON object of a successful answer. Throws `mint_refused` where the upstream says that it won't (400, 401,
 * 403, 404, 422), `mint_answer` for anything else, redirects included.
 */
export function grantedObject(answer: OutboundAnswer): JsonObject {
  const { status, body } = answer
  if ([400, 401, 403, 404, 422].includes(status)) throw credentialFault('mint_refused', `status ${status}`)
  if (status < 200 || status > 299) throw credentialFault('mint_answer', `status ${status}`)
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw credentialFault('mint_answer', 'not a JSON object')
  return body
}

/** A member that goes into a header; throws `mint_answer` where it isn't a token of plain visible characters. */
export function headerSecret(value: JsonValue | undefined): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{8,8192}$/.test(value))
    throw credentialFault('mint_answer', 'no credential in it')
  return value
}

function jsonOf(bytes: Uint8Array): JsonValue {
  if (bytes.length === 0) return null
  try {
    return parseStrictJson(bytes)
  } catch {
    // An error page; its status decides, and its text may echo what was sent.
    return null
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

/** Codes only: a message of the network stack may carry addresses, one of an upstream what was sent to it. */
function faultOf(error: unknown): CountersignError {
  if (error instanceof CountersignError)
    return error.code === 'address_refused' ? credentialFault('mint_address') : error
  const { errors } = undici()
  const timedOut =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError ||
    (error instanceof DOMException && error.name === 'TimeoutError')
  if (timedOut) return credentialFault('mint_timeout')
  if (error instanceof errors.ResponseExceededMaxSizeError) return credentialFault('mint_answer', 'too long')
  const { code } = error as NodeJS.ErrnoException
  return credentialFault('mint_unreachable', typeof code === 'string' ? code : '')
}
