import Type from 'typebox'
import { Value } from 'typebox/value'
import {
  type Crypto,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  type Envelope,
  PAYLOAD_TYPES,
  parseCanonical,
  parsePublicKey,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { policyFault } from './error-table.js'
import { requireSigners } from './signers.js'
import type { Enrolment, TrustRoot } from './trust.js'

const strict = { additionalProperties: false }
const EnrolmentSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Type.String({ pattern: '^[a-z0-9.-]+/countersign/[a-z0-9-]+$' }),
    keys: Type.Object({ receipt: Type.String(), checkpoint: Type.String(), grant: Type.String() }, strict),
    notBefore: Type.String(),
    notAfter: Type.String(),
  },
  strict,
)
/** RFC 3339 in UTC, with seconds. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/

/** Certifies an instance's keys for its origin, by keys of the `enrol` role. Throws `enrolment_malformed`. */
export function sealEnrolment(enrolment: Enrolment, keys: readonly SigningKey[]): Envelope {
  checkEnrolment(enrolment)
  return signEnvelope(PAYLOAD_TYPES.enrolment, canonicalBytes(enrolment), keys)
}

/**
 * The enrolment behind an envelope, when the trust root's `enrol` role signed it and neither it nor one of its keys
 * is revoked. With `nowMs` null its times are not checked: a verifier of old receipts holds them against the entries'.
 */
export function openEnrolment(
  bytes: Uint8Array,
  trust: TrustRoot,
  { crypto, nowMs }: { readonly crypto: Crypto; readonly nowMs: number | null },
): Enrolment {
  const envelope = decodeEnvelope(bytes)
  if (envelope.payloadType !== PAYLOAD_TYPES.enrolment)
    throw policyFault('payload_type', envelope.payloadType)
  requireSigners(crypto, envelope, trust, 'enrol')
  const enrolment = parseCanonical(envelope.payload) as unknown as Enrolment
  checkEnrolment(enrolment)
  const revoked = [contentId(crypto, envelope.payload), ...Object.values(enrolment.keys)]
  if (revoked.some(id => trust.revoked.ids.includes(id) || trust.revoked.keys.includes(id)))
    throw policyFault('enrolment_revoked')
  if (
    nowMs !== null &&
    (nowMs < Date.parse(enrolment.notBefore) || nowMs >= Date.parse(enrolment.notAfter))
  ) {
    throw policyFault('enrolment_time', `${enrolment.notBefore} to ${enrolment.notAfter}`)
  }
  return enrolment
}

function checkEnrolment(enrolment: Enrolment): void {
  const problem = [...Value.Errors(EnrolmentSchema, enrolment)][0]
  if (problem !== undefined)
    throw policyFault('enrolment_malformed', `${problem.instancePath}: ${problem.message}`)
  for (const time of [enrolment.notBefore, enrolment.notAfter]) {
    if (!TIME.test(time) || Number.isNaN(Date.parse(time)))
      throw policyFault('enrolment_malformed', 'a time is not RFC 3339 in UTC')
  }
  const keys = Object.values(enrolment.keys)
  for (const key of keys) parsePublicKey(key)
  // One key in two roles would let a signature for one be shown as one for the other.
  if (new Set(keys).size !== keys.length)
    throw policyFault('enrolment_malformed', 'the three keys must differ')
}
