import {
  type Crypto,
  canonicalBytes,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parsePublicKey,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { parseUtcMs } from './duration.js'
import { policyFault } from './error-table.js'
import { openSigned } from './open-signed.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import type { TrustRoot } from './trust.js'

const strict = { additionalProperties: false }
const PublicKey = Type.String({ pattern: '^ed25519:[A-Za-z0-9_-]{43}$' })
const EnrolmentSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
    keys: Type.Object({ receipt: PublicKey, checkpoint: PublicKey, grant: PublicKey }, strict),
    notBefore: Type.String(),
    notAfter: Type.String(),
  },
  strict,
)

/** Payload of an enrolment: certifies an instance's keys for one origin. Signed by the `enrol` role. */
export interface Enrolment {
  readonly v: 1
  /** `<domain>/countersign/<sidecar>`: the epoch is added by the ledger. */
  readonly origin: string
  /** `ed25519:…` keys, all different. */
  readonly keys: { readonly receipt: string; readonly checkpoint: string; readonly grant: string }
  /** RFC 3339, UTC. */
  readonly notBefore: string
  readonly notAfter: string
}

/** Seals an enrolment; throws `enrolment_malformed` for one that nobody could open. */
export function sealEnrolment(enrolment: Enrolment, keys: readonly SigningKey[]): Envelope {
  checkEnrolment(enrolment as unknown as JsonObject)
  return signEnvelope(PAYLOAD_TYPES.enrolment, canonicalBytes(enrolment), keys)
}

/**
 * Opens an enrolment. Throws what is wrong with the seal, `enrolment_malformed`, or `enrolment_not_current`
 * outside `notBefore ≤ now < notAfter`. Who verifies an old ledger passes the time of its entries.
 */
export function openEnrolment(
  bytes: Uint8Array,
  trust: TrustRoot,
  options: { readonly crypto: Pick<Crypto, 'sha256' | 'verify'>; readonly nowMs: number },
): Enrolment {
  const { payload } = openSigned(bytes, 'enrolment', trust, options.crypto)
  const { enrolment, notBeforeMs, notAfterMs } = checkEnrolment(payload)
  if (options.nowMs < notBeforeMs || options.nowMs >= notAfterMs) {
    throw policyFault('enrolment_not_current', `${enrolment.notBefore} to ${enrolment.notAfter}`)
  }
  const revoked = Object.values(enrolment.keys).find(key => trust.revoked.keys.includes(key))
  if (revoked !== undefined) throw policyFault('enrolled_key_revoked', revoked)
  return enrolment
}

function checkEnrolment(payload: JsonObject): {
  readonly enrolment: Enrolment
  readonly notBeforeMs: number
  readonly notAfterMs: number
} {
  const enrolment: Enrolment = checkShape(EnrolmentSchema, payload, 'enrolment_malformed')
  const keys = Object.values(enrolment.keys)
  for (const key of keys) parsePublicKey(key)
  // A key that signs grants must not be able to sign a receipt, nor either of them a checkpoint.
  if (new Set(keys).size !== keys.length) throw policyFault('enrolment_malformed', 'one key stands twice')
  const [notBeforeMs, notAfterMs] = [parseUtcMs(enrolment.notBefore), parseUtcMs(enrolment.notAfter)]
  if (notBeforeMs === null || notAfterMs === null || notBeforeMs >= notAfterMs) {
    throw policyFault('enrolment_malformed', 'its times')
  }
  return { enrolment, notBeforeMs, notAfterMs }
}
