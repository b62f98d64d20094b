import type { ReceiptAnchor, SignedRequest, Verdict } from '../link/index.js'
import { type RequestHead, type StreamCheck, scopeText } from '../protocol/index.js'
import { answerRefusal } from './answer.js'
import type { GateApi } from './api.js'
import { AwsChunks } from './aws-chunks.js'
import type { ReadBody } from './body.js'
import { type BodyCheck, DigestCheck } from './body-check.js'
import type { GateContext } from './context.js'
import { gateFault } from './error-table.js'
import type { Exchange } from './exchange.js'
import type { Holding } from './inspection.js'
import { notSent } from './outcomes.js'
import { refusalOfHalt } from './refusal.js'
import { Transfer } from './transfer.js'
import { Upload } from './upload.js'
import type { Upstream } from './upstream.js'
import { outboundHeaders, signedUpstreamHeaders, upstreamHeaders } from './upstream-headers.js'

/** What was examined, and would go upstream. */
export interface Sendable {
  readonly head: RequestHead
  readonly body: ReadBody
  readonly upstream: Upstream
  /** Null where the client signed nothing. */
  readonly signed: SignedRequest | null
}

export interface SendOrder extends Sendable {
  readonly exchange: Exchange
  readonly api: GateApi
  readonly receipt: ReceiptAnchor
  readonly verdict: Extract<Verdict, { kind: 'forward' }>
  /** Room for what a streamed body must hold until it is verified. */
  readonly holding: Holding
}

/**
 * Sends an admitted request, once: the exact raw target and body bytes that were examined, to the one origin
 * that the sealed policy names, under headers built from nothing. No retry, no redirect. Resolves when the
 * outcome is with the keeper.
 */
export async function send(context: GateContext, order: SendOrder): Promise<void> {
  const { exchange, api, head, body, upstream, receipt, verdict } = order
  const halt = context.cuts.take(receipt.seq)
  if (halt !== null) {
    context.metrics.faulted(api.name, 'agent_halted')
    const refusal = refusalOfHalt(halt.because, 'nothing', receipt)
    answerRefusal(exchange, api.catalog.profile.dialect, refusal, context.keeper.origin())
  }
  if (halt !== null || exchange.agentLeft) {
    await context.outcomes.settle(notSent(receipt.seq))
    return
  }
  const headers = headersOf(order)
  const upload = body.kind === 'stream' ? new Upload(exchange.request, checkOf(body.check, order)) : null
  const transfer = new Transfer(context, {
    exchange,
    api,
    upstream,
    receipt,
    code: verdict.code,
    minted: verdict.headers,
    budgets: verdict.budgets,
    upload,
    storesEncoding: order.signed?.service === 's3',
    awaitMark: verdict.awaitMark,
  })
  context.transfers.add(transfer)
  if (upload !== null) exchange.invite()
  upstream.pool.dispatch(
    {
      path: head.target.raw,
      method: head.method,
      headers,
      body: upload ?? (body.kind === 'whole' ? body.bytes : null),
    },
    transfer,
  )
  await transfer.done
  context.transfers.delete(transfer)
}

function headersOf({ api, head, body, signed, verdict }: SendOrder): string[] {
  if (signed !== null) return signedUpstreamHeaders(signed.outbound, verdict.headers, body)
  const added = api.catalog.addedHeaders(head, verdict.attempt)
  return upstreamHeaders(outboundHeaders(api, head.headers, added), verdict.headers, body)
}

/** What the body is held to on its way. Throws `gate_fault` where its chunks are signed and the keeper gave no key. */
function checkOf(check: StreamCheck | null, { signed, verdict, holding }: SendOrder): BodyCheck | null {
  if (check === null) return null
  if (check.kind === 'sha256') return new DigestCheck(check.hex)
  if (!check.signed) return new AwsChunks(check, null, holding)
  if (signed === null || verdict.chunkKey === null)
    throw gateFault('gate_fault', 'signed chunks without their key')
  const { date, signature: seed } = signed
  const key = Buffer.from(verdict.chunkKey, 'base64')
  return new AwsChunks(check, { key, date, scope: scopeText(signed), seed }, holding)
}
