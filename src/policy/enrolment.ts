import {
  type Crypto,
  canonicalBytes,
  decodeEnvelope,
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
import { couldSign } from './signatures.js'
import type { TrustRoot } from './trust.js'

/** What an instance's keys are for. */
export const INSTANCE_ROLES = ['receipt', 'checkpoint', 'grant'] as const
export type InstanceRole = (typeof INSTANCE_ROLES)[number]

const strict = { additionalProperties: false }
const PublicKey = Type.String({ pattern: '^ed25519:[A-Za-z0-9_-]{43}$' })
export const Origin = Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' })
export const InstanceKeys = Type.Object(
  { receipt: PublicKey, checkpoint: PublicKey, grant: PublicKey },
  strict,
)
const EnrolmentSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Origin,
    keys: InstanceKeys,
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
  readonly keys: Readonly<Record<InstanceRole, string>>
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
 * Opens an enrolment for an instance that is to run: throws what is wrong with the seal, `enrolment_malformed`,
 * `enrolled_key_revoked`, or `enrolment_not_current` outside `notBefore ≤ now < notAfter`.
 */
export function openEnrolment(
  bytes: Uint8Array,
  trust: TrustRoot,
  options: { readonly crypto: Pick<Crypto, 'sha256' | 'verify'>; readonly nowMs: number },
): Enrolment {
  const { payload } = openSigned(bytes, 'enrolment', trust, options.crypto)
  const enrolment = checkEnrolment(payload)
  if (!isEnrolledAt(enrolment, options.nowMs)) {
    throw policyFault('enrolment_not_current', `${enrolment.notBefore} to ${enrolment.notAfter}`)
  }
  const revoked = Object.values(enrolment.keys).find(key => trust.revoked.keys.includes(key))
  if (revoked !== undefined) throw policyFault('enrolled_key_revoked', revoked)
  return enrolment
}

/** True for a time, Unix milliseconds, in which these keys may be used. */
export function isEnrolledAt({ notBefore, notAfter }: Enrolment, ms: number): boolean {
  return (parseUtcMs(notBefore) as number) <= ms && ms < (parseUtcMs(notAfter) as number)
}

/**
 * Opens an enrolment for who reads an old log: any version of the trust root may have certified it, oldest first in
 * `chain`, by keys that the newest has not revoked. Says nothing about times and about the enrolled keys, which are
 * held against what they signed. Throws what the newest version has against it where none accepts it.
 */
export function openPastEnrolment(
  bytes: Uint8Array,
  chain: readonly TrustRoot[],
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): Enrolment {
  const newest = chain.at(-1)
  if (newest === undefined) throw policyFault('trust_root_chain', 'it is empty')
  const envelope = decodeEnvelope(bytes)
  const version = chain.findLast(each => couldSign(each, 'enrol', envelope)) ?? newest
  // INVARIANT: what was revoked since is revoked for what an older version said too.
  const { payload } = openSigned(bytes, 'enrolment', { ...version, revoked: newest.revoked }, crypto)
  return checkEnrolment(payload)
}

function checkEnrolment(payload: JsonObject): Enrolment {
  const enrolment: Enrolment = checkShape(EnrolmentSchema, payload, 'enrolment_malformed')
  const keys = Object.values(enrolment.keys)
  for (const key of keys) parsePublicKey(key)
  // A key that signs grants must not be able to sign a receipt, nor either of them a checkpoint.
  if (new Set(keys).size !== keys.length) throw policyFault('enrolment_malformed', 'one key stands twice')
  const [notBeforeMs, notAfterMs] = [parseUtcMs(enrolment.notBefore), parseUtcMs(enrolment.notAfter)]
  if (notBeforeMs === null || notAfterMs === null || notBeforeMs >= notAfterMs) {
    throw policyFault('enrolment_malformed', 'its times')
  }
  return enrolment
}
