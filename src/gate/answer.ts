import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdmissionCode, ReceiptAnchor } from '../link/index.js'
import type { Dialect } from '../protocol/index.js'
import { budgetHeaders } from './budget-headers.js'
import { DIALECT_FORMS } from './dialect/index.js'
import type { Exchange } from './exchange.js'
import type { Refusal } from './refusal.js'

/** How much of a refused upload is still read, so that the client gets to see the answer (RFC 9112 §9.6). */
const LINGER_BYTES = 1_048_576
const LINGER_MS = 1_000

/** The anchor of a response: `origin="…", seq=123, leaf="…"` (RFC 9651 dictionary). */
export function anchorHeader(origin: string | null, receipt: ReceiptAnchor): string {
  return `origin="${origin ?? ''}", seq=${receipt.seq}, leaf="${receipt.leaf}"`
}

/** What the agent is told of the decision that let its request pass. */
export function admission(code: AdmissionCode): string {
  return `effect=allow, code=${code}`
}

/** Answers a refusal in the API's dialect, and ends the connection where the request was not read to its end. */
export function answerRefusal(
  exchange: Exchange,
  dialect: Dialect,
  refusal: Refusal,
  origin: string | null,
): void {
  const { request, response } = exchange
  if (response.headersSent || response.destroyed) {
    // An answer that was begun can't be taken back, only be cut short.
    if (!response.writableEnded) response.destroy()
    return
  }
  const form = DIALECT_FORMS[dialect](refusal, exchange)
  const body = Buffer.from(form.body)
  const headers = [
    'Content-Type',
    form.contentType,
    'Content-Length',
    String(body.length),
    'Cache-Control',
    'no-store',
    'Countersign-Decision',
    decisionHeader(refusal),
  ]
  headers.push(...budgetHeaders(refusal.budgets))
  if (refusal.receipt !== null) headers.push('Countersign-Receipt', anchorHeader(origin, refusal.receipt))
  if (exchange.preferenceApplied !== null) headers.push('Preference-Applied', exchange.preferenceApplied)
  if (refusal.retryAfterSeconds !== null) headers.push('Retry-After', String(refusal.retryAfterSeconds))
  if (refusal.code === 'grant_missing' && form.status === 401) headers.push('WWW-Authenticate', 'Bearer')
  for (const [name, value] of form.headers) headers.push(name, value)
  endOrKeep(exchange)
  response.writeHead(form.status, headers)
  if (request.method === 'HEAD') response.flushHeaders()
  else response.write(body)
  endAnswer(exchange)
}

/**
 * What becomes of the connection behind an answer; before its head is written. Of a request that wasn't read to its end it
 * ends. Node would also end that of a body that was never asked for and came all the same, over whatever is behind it.
 */
export function endOrKeep(exchange: Exchange): void {
  const { request, response } = exchange
  if (!request.complete) response.shouldKeepAlive = false
  if (response.shouldKeepAlive) exchange.invite()
}

/** Ends an answer whose bytes are written; of a request that wasn't read to its end, the connection with it, see `linger`. */
export function endAnswer({ request, response }: Pick<Exchange, 'request' | 'response'>): void {
  if (request.complete) response.end()
  else linger(request, response)
}

function decisionHeader({ effect, code, rule }: Refusal): string {
  const decision = `effect=${effect}, code=${code}`
  return rule === null ? decision : `${decision}, rule="${rule}"`
}

/**
 * Reads on for a moment and then ends the connection: one that is closed with unread data is reset, and a reset
 * may overtake the answer.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  let left = LINGER_BYTES
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request
    .on('data', (part: Buffer) => {
      left -= part.length
      if (left < 0) end()
    })
    .on('close', end)
    .on('end', end)
    .on('error', end)
  // Behind the end of an upload that the upstream doesn't want any more: it pauses what it is detached from.
  setImmediate(() => request.resume())
}
