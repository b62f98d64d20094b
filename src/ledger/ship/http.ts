import { createHash } from 'node:crypto'
import { type JsonObject, parseStrictJson } from '../../canon/index.js'
import type { Header } from '../../protocol/index.js'
import { ledgerFault } from '../error-table.js'
import { beginningOf, type Exchange } from './exchange.js'
import { type Batch, type Delivery, linesOf, type Sink } from './sink.js'

/** What a request says, for whoever signs it. */
export interface HttpFacts {
  readonly chain: string
  readonly first: number
  readonly last: number
  /** Hex. */
  readonly bodySha256: string
  /** Base64 of the note, as in its header. */
  readonly checkpoint: string
}

export interface HttpSinkOptions {
  readonly url: string
  readonly exchange: Exchange
  /** Headers that prove who sends; the secret stays behind it. */
  readonly authorize: (facts: HttpFacts) => readonly Header[]
}

/** Ships to a collector by POST. docs/shipping.md is the contract. */
export function httpSink({ url, exchange, authorize }: HttpSinkOptions): Sink {
  const { origin, pathname } = new URL(url)
  return {
    kind: 'http',
    to: origin + pathname,
    acknowledges: true,
    send: async (batch: Batch, signal) => {
      const body = linesOf(batch.entries)
      const digest = createHash('sha256').update(body).digest()
      const { chain, first, last } = batch
      const checkpoint = Buffer.from(batch.checkpoint.note).toString('base64')
      const headers: Header[] = [
        ['content-type', 'application/x-ndjson'],
        // RFC 9530 §2
        ['content-digest', `sha-256=:${digest.toString('base64')}:`],
        ['countersign-chain', chain],
        ['countersign-first', String(first)],
        ['countersign-last', String(last)],
        ['countersign-checkpoint', checkpoint],
        ...authorize({ chain, first, last, checkpoint, bodySha256: digest.toString('hex') }),
      ]
      const answer = await exchange.send({ method: 'POST', url, headers, body }, signal)
      return deliveryOf(answer.status, await beginningOf(answer))
    },
    close: () => exchange.close(),
  }
}

function deliveryOf(status: number, text: string): Delivery {
  if (status >= 200 && status <= 299) return { kind: 'stored' }
  if (status === 409) return elsewhere(text)
  const refused = status >= 400 && status < 500 && ![408, 429].includes(status)
  throw ledgerFault(refused ? 'ship_refused' : 'ship_answer', `status ${status}`)
}

/** `{"next":4096,"leaf":"<64 hex digits of entry 4095>"}`, `leaf` optional. */
function elsewhere(text: string): Delivery {
  try {
    const { next, leaf = null } = parseStrictJson(text, { maxDepth: 4 }) as JsonObject
    const known = leaf === null || (typeof leaf === 'string' && /^[0-9a-f]{64}$/.test(leaf))
    if (typeof next === 'number' && Number.isSafeInteger(next) && next >= 0 && known)
      return { kind: 'elsewhere', next, leaf: leaf as string | null }
  } catch {
    // named below
  }
  throw ledgerFault('ship_answer', 'status 409 without the entry that it wants next')
}
