import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import {
  CountersignError,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import { nativeCrypto } from '../native/index.js'
import {
  addSignature,
  type Enrolment,
  type EnrolmentRequest,
  INSTANCE_ROLES,
  keysOfRole,
  openEnrolment,
  openPastEnrolment,
  revokedSinceMs,
  sealEnrolment,
  signersOf,
  type TrustRoot,
} from '../policy/index.js'
import { UsageError } from './io.js'

/** A clock may be behind the one of the holder who signs. */
const EARLIER_MS = 3_600_000
const DAY_MS = 86_400_000

/** What the holder of an `enrol` key has to know before signing. */
export interface RequestReview {
  /** Null where the old keys prove nothing, and why. */
  readonly unproven: string | null
  /** The enrolment that is replaced; null where there is none that this trust root certified. */
  readonly before: Enrolment | null
}

/**
 * What the request's old keys prove: that it comes from the instance that an `enrol` key certified before. Where they
 * don't, only its id, compared over another way, tells it from anybody else's.
 */
export function reviewRequest(
  request: EnrolmentRequest,
  versions: readonly TrustRoot[],
  nowMs: number,
): RequestReview {
  if (request.replaces === null) return { unproven: 'the instance has no enrolment yet', before: null }
  let before: Enrolment
  try {
    before = openPastEnrolment(utf8(request.replaces), versions, nativeCrypto)
  } catch (error) {
    if (!(error instanceof CountersignError)) throw error
    return { unproven: `the enrolment that it replaces doesn’t count: ${error.code}`, before: null }
  }
  const newest = versions.at(-1) as TrustRoot
  const revoked = INSTANCE_ROLES.find(role => revokedSinceMs(newest, before.keys[role]) !== null)
  if (revoked !== undefined) return { unproven: `its old ${revoked} key is revoked`, before }
  if (Date.parse(before.notAfter) <= nowMs)
    return { unproven: `the enrolment that it replaces ended ${before.notAfter}`, before }
  return { unproven: null, before }
}

/** An enrolment that is complete, or one that waits in its file for further holders. */
export type Enrolling =
  | { readonly kind: 'done'; readonly enrolment: Enrolment }
  | { readonly kind: 'pending'; readonly enrolment: Enrolment; readonly missing: readonly string[] }

/** Signs what the request asks for into `file`, or adds to what another holder has signed there for the same keys. */
export function enrolInto(
  file: string,
  request: EnrolmentRequest,
  trust: TrustRoot,
  keys: readonly SigningKey[],
  term: { readonly nowMs: number; readonly days: number },
): Enrolling {
  const unsigned = existsSync(file) ? begun(file, request) : proposed(request, term)
  const envelope = keys.reduce(addSignature, unsigned)
  const enrolment = parseCanonical(envelope.payload) as unknown as Enrolment
  const complete = isComplete(envelope, trust, term.nowMs)
  writeFileSync(`${file}.new`, encodeEnvelope(envelope), { mode: 0o644 })
  renameSync(`${file}.new`, file)
  return complete
    ? { kind: 'done', enrolment }
    : { kind: 'pending', enrolment, missing: missing(envelope, trust) }
}

function proposed(
  { origin, keys }: EnrolmentRequest,
  { nowMs, days }: { nowMs: number; days: number },
): Envelope {
  return sealEnrolment(
    {
      v: 1,
      origin,
      keys,
      notBefore: new Date(nowMs - EARLIER_MS).toISOString(),
      notAfter: new Date(nowMs + days * DAY_MS).toISOString(),
    },
    [],
  )
}

function begun(file: string, { origin, keys }: EnrolmentRequest): Envelope {
  const envelope = decodeEnvelope(readFileSync(file))
  const there = parseCanonical(envelope.payload) as JsonObject
  const same =
    envelope.payloadType === PAYLOAD_TYPES.enrolment &&
    there.origin === origin &&
    INSTANCE_ROLES.every(role => (there.keys as JsonObject)[role] === keys[role])
  if (same) return envelope
  throw new UsageError(`${file} exists and is no enrolment of these keys`, 'Choose another --out.')
}

/** Short of signatures is no fault yet; everything else that is wrong is. */
function isComplete(envelope: Envelope, trust: TrustRoot, nowMs: number): boolean {
  try {
    openEnrolment(encodeEnvelope(envelope), trust, { crypto: nativeCrypto, nowMs })
    return true
  } catch (error) {
    if (error instanceof CountersignError && error.code === 'signatures_short') return false
    throw error
  }
}

function missing(envelope: Envelope, trust: TrustRoot): readonly string[] {
  const signers = signersOf(nativeCrypto, envelope, keysOfRole(trust, 'enrol'))
  return trust.roles.enrol.keys.filter(name => !signers.has(trust.keys[name] as string))
}
