import {
  type Crypto,
  canonicalBytes,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { SLOTS, type Slot } from '../protocol/index.js'
import { oneOrMany } from './document-terms.js'
import { policyFault } from './error-table.js'
import { openSigned } from './open-signed.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import type { TrustRoot } from './trust.js'

/** How far an order's time may lie from now, either way: 60 s. */
export const GRANT_ORDER_WINDOW_MS = 60_000

const strict = { additionalProperties: false }
/** Shown to people and written in receipts: no control, format or unassigned character. */
const PlainText = Type.String({ pattern: '^[^\\p{C}]{1,128}$' })
const Names = oneOrMany('')
/** What narrows a grant (RFC 9396): see `coversOperation`, which takes nothing else. */
const Narrowing = Type.Object(
  {
    type: Type.Literal('countersign'),
    api: Type.Optional(Names),
    operations: Type.Optional(Names),
    class: Type.Optional(Names),
    scope: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' }), Names, strict)),
  },
  strict,
)
const GrantOrderSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
    agent: PlainText,
    environment: PlainText,
    task: PlainText,
    owner: PlainText,
    slot: Type.Unsafe<Slot>(Type.Union(SLOTS.map(slot => Type.Literal(slot)))),
    ttlSeconds: Type.Integer({ minimum: 1, maximum: 3_600 }),
    t: Type.Integer({ minimum: 0 }),
    nonce: Type.String({ pattern: '^[A-Za-z0-9_-]{16,64}$' }),
    authorizationDetails: Type.Optional(Type.Array(Narrowing, { minItems: 1 })),
    renews: Type.Optional(PlainText),
  },
  strict,
)

/** Payload of a grant order: a holder of the `enrol` role asks one sidecar for one grant. Reaching the socket isn't enough. */
export interface SignedGrantOrder {
  readonly v: 1
  /** The sidecar that is to issue it. */
  readonly origin: string
  readonly agent: string
  readonly environment: string
  readonly task: string
  readonly owner: string
  readonly slot: Slot
  /** At most 3,600. */
  readonly ttlSeconds: number
  /** When it was signed, Unix milliseconds. */
  readonly t: number
  /** Unique per order: whoever fulfils orders remembers it for the window and refuses a second use. */
  readonly nonce: string
  /** Narrows the grant to operations that one of these covers; absent where the policy alone decides. */
  readonly authorizationDetails?: readonly JsonObject[]
  /** `jti` of an earlier grant whose session this one goes on with; a session that was revoked goes on no more. */
  readonly renews?: string
}

/** Signs an order; throws `grant_order_malformed` for one that nobody could open. */
export function sealGrantOrder(order: SignedGrantOrder, key: SigningKey): Envelope {
  checkShape(GrantOrderSchema, order as unknown as JsonObject, 'grant_order_malformed')
  return signEnvelope(PAYLOAD_TYPES.grantOrder, canonicalBytes(order), [key])
}

/**
 * Opens an order. Throws what is wrong with the seal, `grant_order_malformed`, `grant_order_elsewhere` when it
 * is for another sidecar, or `grant_order_stale` outside the window. INVARIANT: the caller refuses a nonce that it
 * has seen within twice the window.
 */
export function openGrantOrder(
  bytes: Uint8Array,
  options: {
    readonly trust: TrustRoot
    readonly crypto: Pick<Crypto, 'sha256' | 'verify'>
    readonly origin: string
    readonly nowMs: number
  },
): SignedGrantOrder {
  const { payload } = openSigned(bytes, 'grantOrder', options.trust, options.crypto)
  const order: SignedGrantOrder = checkShape(GrantOrderSchema, payload, 'grant_order_malformed')
  if (order.origin !== options.origin) throw policyFault('grant_order_elsewhere')
  if (Math.abs(options.nowMs - order.t) > GRANT_ORDER_WINDOW_MS) throw policyFault('grant_order_stale')
  return order
}
