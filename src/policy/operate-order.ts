import {
  type Crypto,
  canonicalBytes,
  decodeEnvelope,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { openSigned } from './open-signed.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import { couldSign } from './signatures.js'
import { revokedSinceMs, type TrustRoot } from './trust.js'

/** How far an order's time may lie from now, either way: 60 s. */
export const OPERATE_ORDER_WINDOW_MS = 60_000

const strict = { additionalProperties: false }
/** Shown to people and written in receipts: no control, format or unassigned character. */
const PlainText = Type.String({ pattern: '^[^\\p{C}]{1,500}$' })
const common = {
  v: Type.Literal(1),
  origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
  by: PlainText,
  because: PlainText,
  t: Type.Integer({ minimum: 0 }),
  nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{16,64}$' }),
}
const OperateOrderSchema = Type.Union([
  Type.Object(
    {
      ...common,
      action: Type.Literal('erase'),
      attempts: Type.Array(Type.Integer({ minimum: 0 }), { minItems: 1, maxItems: 1_000 }),
    },
    strict,
  ),
  Type.Object(
    {
      ...common,
      action: Type.Literal('resume'),
      of: Type.Union([
        Type.Object({ scope: Type.Literal('agent'), agent: PlainText }, strict),
        Type.Object({ scope: Type.Literal('task'), task: PlainText }, strict),
        Type.Object({ scope: Type.Literal('all') }, strict),
      ]),
    },
    strict,
  ),
  Type.Object({ ...common, action: Type.Literal('thaw') }, strict),
  Type.Object(
    {
      ...common,
      action: Type.Literal('archive'),
      size: Type.Integer({ minimum: 1 }),
      folder: Type.String({ pattern: '^/[^\\p{C}]{1,4000}$' }),
    },
    strict,
  ),
])

/** Payload of an operate order: a holder of the `operate` role has one sidecar do what reaching its socket isn't enough for. */
export type SignedOperateOrder = { [A in OperateAction]: OperateOrder<A> }[OperateAction]

export type OperateAction = keyof OperateTerms

export type OperateOrder<A extends OperateAction> = OperateTerms[A] & {
  readonly v: 1
  /** The sidecar that is to do it. */
  readonly origin: string
  readonly action: A
  /** The person who orders it, and why; both stand in the receipt. */
  readonly by: string
  readonly because: string
  /** When it was signed, Unix milliseconds. */
  readonly t: number
  /** Unique per order: whoever fulfils orders remembers it for the window and refuses a second use. */
  readonly nonce: string
}

/** What each action needs to know. */
interface OperateTerms {
  /** Delete the decision inputs and the secret of attempts, so that nobody can open their commitments any more; `seq` of each. */
  readonly erase: { readonly attempts: readonly number[] }
  /** End a halt. */
  readonly resume: {
    readonly of:
      | { readonly scope: 'agent'; readonly agent: string }
      | { readonly scope: 'task'; readonly task: string }
      | { readonly scope: 'all' }
  }
  /** End a freeze. */
  readonly thaw: object
  /** Move the entries before `size` into a folder, an absolute path, and delete them from the ledger. */
  readonly archive: { readonly size: number; readonly folder: string }
}

/** Signs an order; throws `operate_order_malformed` for one that nobody could open. */
export function sealOperateOrder(order: SignedOperateOrder, keys: readonly SigningKey[]): Envelope {
  checkOrder(order as unknown as JsonObject)
  return signEnvelope(PAYLOAD_TYPES.operateOrder, canonicalBytes(order), keys)
}

/**
 * Opens an order. Throws what is wrong with the seal, `operate_order_malformed`, `operate_order_elsewhere` when it
 * is for another sidecar, or `operate_order_stale` outside the window. INVARIANT: the caller refuses a nonce that it
 * has seen within twice the window.
 */
export function openOperateOrder(
  bytes: Uint8Array,
  options: {
    readonly trust: TrustRoot
    readonly crypto: Pick<Crypto, 'sha256' | 'verify'>
    readonly origin: string
    readonly nowMs: number
  },
): SignedOperateOrder {
  const { payload } = openSigned(bytes, 'operateOrder', options.trust, options.crypto)
  const order = checkOrder(payload)
  if (order.origin !== options.origin) throw policyFault('operate_order_elsewhere')
  if (Math.abs(options.nowMs - order.t) > OPERATE_ORDER_WINDOW_MS) throw policyFault('operate_order_stale')
  return order
}

/**
 * Opens an order that was fulfilled at this time, Unix milliseconds: any version of the trust root may have vouched for it,
 * oldest first, and no key that the newest one revokes since then or before. Throws as `openOperateOrder` does, its window apart.
 */
export function openPastOperateOrder(
  bytes: Uint8Array,
  chain: readonly TrustRoot[],
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  ms: number,
): SignedOperateOrder {
  const newest = chain.at(-1)
  if (newest === undefined) throw policyFault('trust_root_chain', 'it is empty')
  const envelope = decodeEnvelope(bytes)
  const version = chain.findLast(each => couldSign(each, 'operate', envelope)) ?? newest
  const keys = newest.revoked.keys.filter(key => {
    const since = revokedSinceMs(newest, key)
    return since !== null && Number.isFinite(since) && since <= ms
  })
  const { payload } = openSigned(bytes, 'operateOrder', { ...version, revoked: { keys, ids: [] } }, crypto)
  return checkOrder(payload)
}

function checkOrder(payload: JsonObject): SignedOperateOrder {
  const order = checkShape(OperateOrderSchema, payload, 'operate_order_malformed') as SignedOperateOrder
  if (order.action === 'erase' && new Set(order.attempts).size < order.attempts.length)
    throw policyFault('operate_order_malformed', 'an attempt twice')
  return order
}
