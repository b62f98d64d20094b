import { createHash } from 'node:crypto'
import { equalBytes } from '../../canon/index.js'
import type { Header } from '../../protocol/index.js'
import { ledgerFault } from '../error-table.js'
import { beginningOf, type Exchange, type ExchangeAnswer, exchangeFault } from './exchange.js'
import { checkpointName, entriesName } from './object-name.js'
import { type Batch, linesOf, type Sink } from './sink.js'

/** A bucket of an object store that speaks the S3 API, addressed by path. */
export interface S3Place {
  /** `https://host[:port]` */
  readonly endpoint: string
  readonly bucket: string
  /** Without a slash at either end; may be empty. */
  readonly prefix: string
}

export interface S3Request {
  readonly method: 'GET' | 'PUT'
  readonly origin: string
  /** Raw path and query. */
  readonly target: string
  /** Everything that is sent, names in lower case; all of it is signed. */
  readonly headers: readonly Header[]
  /** Hex of SHA-256 of the body. */
  readonly payload: string
}

/** Signs a request with SigV4; answers the headers to add. The secret stays behind it. */
export type S3Sign = (request: S3Request) => readonly Header[]

export interface S3SinkOptions extends S3Place {
  readonly exchange: Exchange
  readonly sign: S3Sign
  readonly nowMs: () => number
  /** Object lock; null where the bucket's default or nothing retains. */
  readonly retain: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | null
  /** `If-None-Match: *`: an object that is there is read and compared, never replaced. */
  readonly neverOverwrite: boolean
}

const DAY_MS = 86_400_000

/**
 * Ships to an object store: one object per batch and one per checkpoint, see `object-name.ts`. An object that the store
 * confirms is durable there; https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
 */
export function s3Sink(options: S3SinkOptions): Sink {
  const { endpoint, exchange, sign, retain, neverOverwrite, nowMs } = options

  async function put(name: string, type: string, body: Uint8Array, same: Same, signal: AbortSignal) {
    const digest = createHash('sha256').update(body).digest()
    const headers: Header[] = [
      ['content-type', type],
      // Object lock asks for one of the two; older stores know only the first.
      ['content-md5', createHash('md5').update(body).digest('base64')],
      ['x-amz-checksum-sha256', digest.toString('base64')],
      ...(neverOverwrite ? [['if-none-match', '*'] as const] : []),
      ...(retain === null ? [] : retainHeaders(retain, nowMs())),
    ]
    const call = { method: 'PUT' as const, origin: endpoint, target: targetOf(options, name), headers }
    const signed = [...headers, ...sign({ ...call, payload: digest.toString('hex') })]
    const answer = await exchange.send(
      { method: 'PUT', url: endpoint + call.target, headers: signed, body },
      signal,
    )
    const text = await beginningOf(answer)
    if (answer.status === 412 && neverOverwrite) return compare(name, body, same, signal)
    if (answer.status < 200 || answer.status > 299) throw s3Fault(answer, text)
  }

  /** Somebody put an object of this name there before: ourselves, unless the log has been forked. */
  async function compare(name: string, body: Uint8Array, same: Same, signal: AbortSignal): Promise<void> {
    const answer = await s3Get(options, exchange, sign, targetOf(options, name), signal)
    if (answer.status === 403)
      throw ledgerFault(
        'ship_refused',
        'an object is there already, and the credential may not read it to compare',
      )
    if (answer.status !== 200) throw s3Fault(answer, await beginningOf(answer))
    const there: Uint8Array[] = []
    let length = 0
    try {
      for await (const chunk of answer.body) {
        there.push(chunk)
        length += chunk.length
        // Checkpoints may have gained cosignatures; nothing else grows.
        if (length > body.length + 65_536) break
      }
    } catch (error) {
      throw exchangeFault(error)
    }
    if (!same(Buffer.concat(there), body)) throw ledgerFault('ship_conflict', name)
  }

  return {
    kind: 's3',
    to: `${endpoint}${targetOf(options, '')}`.replace(/\/$/, ''),
    acknowledges: true,
    send: async ({ chain, first, last, entries, checkpoint }: Batch, signal) => {
      await put(entriesName(chain, first, last), 'application/x-ndjson', linesOf(entries), equalBytes, signal)
      if (last + 1 === checkpoint.size) {
        const note = Buffer.from(checkpoint.note)
        await put(checkpointName(chain, checkpoint.size), 'text/plain; charset=utf-8', note, sameBody, signal)
      }
      return { kind: 'stored' }
    },
    close: () => exchange.close(),
  }
}

type Same = (there: Uint8Array, ours: Uint8Array) => boolean

/** Two notes over the same text; signatures of witnesses may differ. */
function sameBody(there: Uint8Array, ours: Uint8Array): boolean {
  const [a, b] = [there, ours].map(bytes => Buffer.from(bytes).toString('utf8').split('\n\n')[0])
  return a === b
}

/** A signed GET. Throws what `Exchange.send` throws. */
export function s3Get(
  { endpoint }: S3Place,
  exchange: Exchange,
  sign: S3Sign,
  target: string,
  signal: AbortSignal,
): Promise<ExchangeAnswer> {
  const signed = sign({ method: 'GET', origin: endpoint, target, headers: [], payload: EMPTY_SHA256 })
  return exchange.send({ method: 'GET', url: endpoint + target, headers: signed }, signal)
}

/** Path of an object; bucket, prefix and name hold no character that would have to be encoded. */
export function targetOf({ bucket, prefix }: S3Place, name: string): string {
  return `/${[bucket, prefix, name].filter(part => part !== '').join('/')}`
}

/** The fault behind an answer that isn't a success: its status, and S3's own code where it is one of the known. */
export function s3Fault({ status }: ExchangeAnswer, text: string): Error {
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1]
  const detail =
    code !== undefined && S3_CODES.includes(code) ? `status ${status}, ${code}` : `status ${status}`
  const refused = status >= 400 && status < 500 && ![408, 409, 429].includes(status)
  return ledgerFault(refused ? 'ship_refused' : 'ship_answer', detail)
}

const EMPTY_SHA256 = createHash('sha256').digest('hex')

/** Codes that may be repeated in a log; other words of an answer may hold what was sent. */
const S3_CODES: readonly string[] = [
  'AccessDenied',
  'AuthorizationHeaderMalformed',
  'BadDigest',
  'ExpiredToken',
  'InternalError',
  'InvalidAccessKeyId',
  'InvalidArgument',
  'InvalidDigest',
  'InvalidRequest',
  'InvalidToken',
  'NoSuchBucket',
  'NotImplemented',
  'PermanentRedirect',
  'PreconditionFailed',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SignatureDoesNotMatch',
  'SlowDown',
  'TemporaryRedirect',
]

function retainHeaders(
  { mode, days }: NonNullable<S3SinkOptions['retain']>,
  nowMs: number,
): readonly Header[] {
  return [
    ['x-amz-object-lock-mode', mode],
    ['x-amz-object-lock-retain-until-date', new Date(nowMs + days * DAY_MS).toISOString()],
  ]
}
