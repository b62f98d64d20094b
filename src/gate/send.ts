import type { ReceiptAnchor, Verdict } from '../link/index.js'
import type { RequestHead } from '../protocol/index.js'
import type { GateApi } from './api.js'
import type { ReadBody } from './body.js'
import type { GateContext } from './context.js'
import type { Exchange } from './exchange.js'
import { notSent } from './outcomes.js'
import { Transfer } from './transfer.js'
import { Upload } from './upload.js'
import type { Upstream } from './upstream.js'
import { upstreamHeaders } from './upstream-headers.js'

/** What was examined, and would go upstream. */
export interface Sendable {
  readonly head: RequestHead
  readonly body: ReadBody
  readonly upstream: Upstream
}

export interface SendOrder extends Sendable {
  readonly exchange: Exchange
  readonly api: GateApi
  readonly receipt: ReceiptAnchor
  readonly verdict: Extract<Verdict, { kind: 'forward' }>
}

/**
 * Sends an admitted request, once: the exact raw target and body bytes that were examined, to the one origin
 * that the sealed policy names, under headers built from nothing. No retry, no redirect. Resolves when the
 * outcome is with the keeper.
 */
export async function send(context: GateContext, order: SendOrder): Promise<void> {
  const { exchange, api, head, body, upstream, receipt, verdict } = order
  if (exchange.agentLeft) {
    await context.outcomes.settle(notSent(receipt.seq))
    return
  }
  const added = api.catalog.addedHeaders(head, verdict.attempt)
  const upload = body.kind === 'stream' ? new Upload(exchange.request) : null
  const transfer = new Transfer(context, {
    exchange,
    api,
    upstream,
    receipt,
    code: verdict.code,
    minted: verdict.headers,
    upload,
    awaitMark: verdict.awaitMark,
  })
  context.transfers.add(transfer)
  if (upload !== null) exchange.invite()
  upstream.pool.dispatch(
    {
      path: head.target.raw,
      method: head.method,
      headers: upstreamHeaders(api, head.headers, added, verdict.headers, body),
      body: upload ?? (body.kind === 'whole' ? body.bytes : null),
    },
    transfer,
  )
  await transfer.done
  context.transfers.delete(transfer)
}
