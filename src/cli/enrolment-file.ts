import { existsSync, readFileSync } from 'node:fs'
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
import { replaceExclusively } from './trust-files.js'

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

/** What the holder means to sign for. */
interface Term {
  readonly nowMs: number
  /** From then on. */
  readonly days: number
}

/** Signs what the request asks for into `file`, or adds to what another holder has signed there for the same keys. */
export function enrolInto(
  file: string,
  request: EnrolmentRequest,
  trust: TrustRoot,
  keys: readonly SigningKey[],
  term: Term,
): Enrolling {
  const unsigned = existsSync(file) ? begun(file, request, term) : proposed(request, term)
  const envelope = keys.reduce(addSignature, unsigned)
  const enrolment = parseCanonical(envelope.payload) as unknown as Enrolment
  const complete = isComplete(envelope, trust, term.nowMs)
  replaceExclusively(file, () => encodeEnvelope(envelope))
  return complete
    ? { kind: 'done', enrolment }
    : { kind: 'pending', enrolment, missing: missing(envelope, trust) }
}

function proposed({ origin, keys }: EnrolmentRequest, { nowMs, days }: Term): Envelope {
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

/**
 * ATTACK: whoever can write where enrolments are made begins one that lasts for seventy years, or began before the request; the holder
 * is shown the request alone.
 */
function refuseLonger(
  file: string,
  { notBefore, notAfter }: JsonObject,
  request: EnrolmentRequest,
  term: Term,
) {
  const [from, until] = [Date.parse(String(notBefore)), Date.parse(String(notAfter))]
  if (from >= request.t - 2 * EARLIER_MS && until <= term.nowMs + term.days * DAY_MS) return
  throw new UsageError(
    `${file} exists, and enrols these keys from ${notBefore} to ${notAfter}`,
    'That is more than what you were asked for and --days lets. Ask who began it, or choose another --out.',
  )
}

function begun(file: string, request: EnrolmentRequest, term: Term): Envelope {
  const { origin, keys } = request
  const envelope = decodeEnvelope(readFileSync(file))
  const there = parseCanonical(envelope.payload) as JsonObject
  const same =
    envelope.payloadType === PAYLOAD_TYPES.enrolment &&
    there.origin === origin &&
    INSTANCE_ROLES.every(role => (there.keys as JsonObject)[role] === keys[role])
  if (same) {
    refuseLonger(file, there, request, term)
    return envelope
  }
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
