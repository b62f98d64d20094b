import { CountersignError } from '../canon/index.js'
import { guardedConnector, type LookupAll, undici } from '../native/index.js'
import { keeperFault } from './error-table.js'

/** What a server gave with a document so that it can be asked whether there is a newer one (RFC 9110 §13.1). */
export interface Validators {
  readonly etag: string | null
  readonly lastModified: string | null
}

export type Fetched =
  | { readonly kind: 'document'; readonly bytes: Uint8Array; readonly validators: Validators }
  /** 304: what the validators belong to is still the newest. */
  | { readonly kind: 'unchanged' }
  /** 404, 410, or 403, with which object stores say the same. */
  | { readonly kind: 'absent' }

export interface PolicyFetch {
  /** One GET, bounded in size and time. Throws `policy_unreachable`; its text names host and path, nothing else of the answer. */
  get(url: URL, validators: Validators | null, maxBytes: number): Promise<Fetched>
  close(): Promise<void>
}

export interface PolicyFetchOptions {
  /** From asking to the last byte; 10,000 unless told. */
  readonly timeoutMs?: number
  /** PEM of the authority that issued the server's certificate; replaces the system's. */
  readonly ca?: string
  readonly lookup?: LookupAll
}

const ABSENT: ReadonlySet<number> = new Set([403, 404, 410])
/** Longer or stranger validators are not repeated to the server. */
const VALIDATOR = /^[\x20-\x7e]{1,512}$/

/**
 * Fetches from a static server or an object store. The server is believed nothing: what it sends is verified by
 * its seal or its digest. It can withhold, and that is told from a failure by nobody; so failures are counted, and
 * what is in force expires.
 */
export function policyFetch(options: PolicyFetchOptions = {}): PolicyFetch {
  const timeoutMs = options.timeoutMs ?? 10_000
  const { Agent, request } = undici()
  const agent = new Agent({
    connect: guardedConnector({
      // The operator's own configuration names the host. A name that leads to this link's metadata service stays refused.
      allowPrivate: true,
      connectTimeoutMs: timeoutMs,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
    }),
    connections: 2,
    pipelining: 1,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  return {
    get: async (url, validators, maxBytes) => {
      // ATTACK: a server that sends one byte a second. This bounds the whole exchange, not the pauses.
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        // `request` follows no redirect: the configuration names the place.
        const { statusCode, headers, body } = await request(url, {
          headers: { accept: 'application/json', 'user-agent': 'countersign', ...conditions(validators) },
          dispatcher: agent,
          signal,
        })
        if (statusCode === 200 && isPlain(headers['content-encoding'])) {
          if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLong(maxBytes)
          const bytes = await bounded(body, maxBytes)
          return { kind: 'document', bytes, validators: validatorsOf(headers) }
        }
        await body.dump({ limit: 65_536, signal }).catch(() => undefined)
        if (statusCode === 304 && validators !== null) return { kind: 'unchanged' }
        if (ABSENT.has(statusCode)) return { kind: 'absent' }
        throw keeperFault('policy_unreachable', statusCode === 200 ? 'encoded' : `status ${statusCode}`)
      } catch (error) {
        throw keeperFault('policy_unreachable', `${url.host}${url.pathname}: ${reasonOf(error)}`)
      }
    },
    close: () => agent.destroy(),
  }
}

function conditions(validators: Validators | null): Record<string, string> {
  return {
    ...(validators?.etag == null ? {} : { 'if-none-match': validators.etag }),
    ...(validators?.lastModified == null ? {} : { 'if-modified-since': validators.lastModified }),
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

function validatorsOf(headers: Headers): Validators {
  const validator = (name: string): string | null => {
    const value = headers[name]
    return typeof value === 'string' && VALIDATOR.test(value) ? value : null
  }
  return { etag: validator('etag'), lastModified: validator('last-modified') }
}

function isPlain(encoding: Headers[string]): boolean {
  return encoding === undefined || encoding === 'identity'
}

async function bounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > maxBytes) throw tooLong(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLong(maxBytes: number): CountersignError {
  return keeperFault('policy_unreachable', `longer than ${maxBytes} bytes`)
}

/** Codes and our own words only. */
function reasonOf(error: unknown): string {
  if (error instanceof CountersignError) return error.detail === '' ? error.code : error.detail
  const { errors } = undici()
  const slow =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError ||
    (error instanceof DOMException && error.name === 'TimeoutError')
  if (slow) return 'too slow'
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : 'no answer'
}
