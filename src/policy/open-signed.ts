import {
  type Crypto,
  contentId,
  decodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { requireSignatures } from './signatures.js'
import type { TrustRole, TrustRoot } from './trust.js'

/** What a role of the trust root said, and the content id of it. */
export interface SignedPayload {
  readonly cid: string
  readonly payload: JsonObject
}

/** Which payload types there are beside the trust root itself, and whose word they are. */
const SIGNED_BY = {
  policy: 'policy',
  enrolment: 'enrol',
  grantOrder: 'enrol',
  operateOrder: 'operate',
  recovery: 'recover',
} as const satisfies Partial<Record<keyof typeof PAYLOAD_TYPES, TrustRole>>

/**
 * Opens an envelope whose payload is an object in canonical form, said by the role that may say it. The bytes
 * are not parsed before the signatures hold. Throws `envelope_malformed`, `payload_type_wrong`, what is wrong
 * with the signatures, `not_canonical`, or `content_revoked`.
 */
export function openSigned(
  bytes: Uint8Array,
  type: keyof typeof SIGNED_BY,
  trust: TrustRoot,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): SignedPayload {
  const envelope = decodeEnvelope(bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES[type]) throw policyFault('payload_type_wrong')
  requireSignatures(crypto, envelope, trust, SIGNED_BY[type])
  const payload = parseCanonical(envelope.payload)
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
    throw policyFault('payload_type_wrong', 'the payload is not an object')
  }
  const cid = contentId(crypto, envelope.payload)
  if (trust.revoked.ids.includes(cid)) throw policyFault('content_revoked', cid)
  return { cid, payload }
}
