import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import {
  type Crypto,
  canonicalBytes,
  decodeEnvelope,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import type { Slot } from '../protocol/index.js'
import { policyFault } from './error-table.js'
import { requireSigners } from './signers.js'
import type { TrustRoot } from './trust.js'

const strict = { additionalProperties: false }
const Name = Type.String({ minLength: 1, maxLength: 128 })
const SLOTS = [
  'bearer',
  'countersign-grant',
  'basic-user',
  'project-access-token',
  'aws-sigv4',
] as const satisfies readonly Slot[]

const GrantOrderSchema = Type.Object(
  {
    v: Type.Literal(1),
    /** `<domain>/countersign/<sidecar>` that is to issue it. */
    origin: Name,
    agent: Name,
    environment: Name,
    task: Name,
    owner: Name,
    slot: Type.Union(SLOTS.map(slot => Type.Literal(slot))),
    ttlSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
    /** RFC 9396. */
    authorizationDetails: Type.Optional(
      Type.Array(Type.Unsafe<JsonObject>(Type.Object({})), { maxItems: 64 }),
    ),
    /** Unix milliseconds at which it was signed. */
    t: Type.Integer({ minimum: 0 }),
    nonce: Type.String({ minLength: 16, maxLength: 64 }),
  },
  strict,
)
/** What the holder of an `enrol` key asks the keeper for, once. Payload of a DSSE envelope, JCS. */
export type SignedGrantOrder = Static<typeof GrantOrderSchema>

/** Throws `order_malformed`. */
export function sealGrantOrder(order: SignedGrantOrder, key: SigningKey): Envelope {
  checkOrder(order)
  return signEnvelope(PAYLOAD_TYPES.grantOrder, canonicalBytes(order), [key])
}

/**
 * The order behind an envelope that the `enrol` role signed; reaching the keeper is not enough to get a grant.
 * Origin, age and nonce are the keeper's to check, which remembers them.
 */
export function openGrantOrder(bytes: Uint8Array, trust: TrustRoot, crypto: Crypto): SignedGrantOrder {
  const envelope = decodeEnvelope(bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES.grantOrder)
    throw policyFault('payload_type', envelope.payloadType)
  requireSigners(crypto, envelope, trust, 'enrol')
  const order = parseCanonical(envelope.payload) as unknown as SignedGrantOrder
  checkOrder(order)
  return order
}

function checkOrder(order: SignedGrantOrder): void {
  const problem = [...Value.Errors(GrantOrderSchema, order)][0]
  if (problem !== undefined)
    throw policyFault('order_malformed', `${problem.instancePath}: ${problem.message}`)
}
