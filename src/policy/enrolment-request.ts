import {
  type Crypto,
  canonicalBytes,
  contentId,
  decodeEnvelope,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  parseCanonical,
  parsePublicKey,
  type SigningKey,
  signEnvelope,
  utf8,
} from '../canon/index.js'
import { type Enrolment, INSTANCE_ROLES, InstanceKeys, type InstanceRole, Origin } from './enrolment.js'
import { policyFault } from './error-table.js'
import { Type } from './schema-type.js'
import { checkShape } from './shape.js'
import { signersOf } from './signatures.js'

const RequestSchema = Type.Object(
  {
    v: Type.Literal(1),
    origin: Origin,
    keys: InstanceKeys,
    replaces: Type.Union([Type.String(), Type.Null()]),
    t: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
)

/**
 * What an instance asks the holder of an `enrol` key for, as JCS in a DSSE envelope that every key in it has signed,
 * the old ones and the new ones: whoever sends it holds them all.
 *
 *     {"keys":{"checkpoint":"ed25519:…","grant":"ed25519:…","receipt":"ed25519:…"},"origin":"acme.dev/countersign/edge",
 *      "replaces":"<enrolment envelope>","t":1790000000000,"v":1}
 */
export interface EnrolmentRequest {
  readonly v: 1
  readonly origin: string
  readonly keys: Readonly<Record<InstanceRole, string>>
  /** The enrolment that is in force, as it lies on disk; null for an instance that has none. */
  readonly replaces: string | null
  /** When it was made, Unix milliseconds. */
  readonly t: number
}

/** Seals a request with every key that it names; throws what `openEnrolmentRequest` would throw. */
export function sealEnrolmentRequest(
  request: EnrolmentRequest,
  keys: readonly SigningKey[],
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): Envelope {
  const envelope = signEnvelope(PAYLOAD_TYPES.enrolmentRequest, canonicalBytes(request), keys)
  checkRequest(envelope, crypto)
  return envelope
}

/**
 * Opens a request and answers it with its content id. Proves that the sender holds all its keys, and nothing about
 * who that is: the enrolment that it replaces has to be opened against a trust root, or the content id compared over
 * another way. Throws `enrolment_request_malformed`, `enrolment_request_unproven`, `signature_invalid` or
 * `signing_key_unknown`.
 */
export function openEnrolmentRequest(
  bytes: Uint8Array,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
): { readonly id: string; readonly request: EnrolmentRequest } {
  const envelope = decodeEnvelope(bytes)
  return { id: contentId(crypto, envelope.payload), request: checkRequest(envelope, crypto) }
}

function checkRequest(envelope: Envelope, crypto: Pick<Crypto, 'verify'>): EnrolmentRequest {
  if (envelope.payloadType !== PAYLOAD_TYPES.enrolmentRequest) throw policyFault('payload_type_wrong')
  const request: EnrolmentRequest = checkShape(
    RequestSchema,
    parseCanonical(envelope.payload),
    'enrolment_request_malformed',
  )
  const asked = Object.values(request.keys)
  for (const key of asked) parsePublicKey(key)
  if (new Set(asked).size !== asked.length)
    throw policyFault('enrolment_request_malformed', 'one key stands twice')
  const before = request.replaces === null ? null : enrolmentIn(utf8(request.replaces))
  if (before !== null && before.origin !== request.origin)
    throw policyFault('enrolment_request_malformed', `it replaces the enrolment of ${before.origin}`)
  refuseOtherUse(request, before)
  const needed = [...new Set([...asked, ...Object.values(before?.keys ?? {})])]
  const signers = signersOf(crypto, envelope, needed)
  const missing = needed.find(key => !signers.has(key))
  if (missing !== undefined) throw policyFault('enrolment_request_unproven', missing)
  return request
}

/** ATTACK: yesterday's grant key as tomorrow's receipt key: what it has signed would mean something else. */
function refuseOtherUse({ keys }: EnrolmentRequest, before: Enrolment | null): void {
  for (const role of INSTANCE_ROLES) {
    const elsewhere = INSTANCE_ROLES.some(other => other !== role && before?.keys[other] === keys[role])
    if (elsewhere) throw policyFault('enrolment_request_malformed', `the ${role} key was another role’s`)
  }
}

/** What an enrolment says, its seal not looked at: for finding the keys that must have signed. Throws `enrolment_malformed`. */
export function enrolmentIn(bytes: Uint8Array): Enrolment {
  try {
    const { payloadType, payload } = decodeEnvelope(bytes)
    const value = parseCanonical(payload) as JsonObject
    const enrolment = value as unknown as Enrolment
    if (payloadType === PAYLOAD_TYPES.enrolment && typeof enrolment.origin === 'string') {
      for (const role of INSTANCE_ROLES) parsePublicKey(enrolment.keys[role])
      return enrolment
    }
  } catch {
    // named below
  }
  throw policyFault('enrolment_malformed', 'the one to be replaced')
}
