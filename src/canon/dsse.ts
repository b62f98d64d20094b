import { base64, concat, fromBase64, utf8 } from './bytes.js'
import type { Crypto, SigningKey } from './crypto.js'
import { canonFault } from './error-table.js'
import { canonicalize } from './jcs.js'
import { parseStrictJson } from './json.js'

/**
 * A Dead Simple Signing Envelope (https://github.com/secure-systems-lab/dsse, protocol 1.0). On the wire, as JCS:
 *
 *     {"payload":"<base64>","payloadType":"application/vnd.countersign.policy.v1+json",
 *      "signatures":[{"keyid":"<RFC 7638 thumbprint>","sig":"<base64 of 64 bytes>"}]}
 */
export interface Envelope {
  readonly payloadType: string
  readonly payload: Uint8Array
  readonly signatures: readonly EnvelopeSignature[]
}

export interface EnvelopeSignature {
  /** A hint: verification never trusts it further than to pick a key that is already trusted. */
  readonly keyid: string
  readonly sig: Uint8Array
}

export const PAYLOAD_TYPES = {
  policy: 'application/vnd.countersign.policy.v1+json',
  trustRoot: 'application/vnd.countersign.trust-root.v1+json',
  enrolment: 'application/vnd.countersign.enrolment.v1+json',
  enrolmentRequest: 'application/vnd.countersign.enrolment-request.v1+json',
  receipt: 'application/vnd.countersign.receipt.v1+json',
  grantOrder: 'application/vnd.countersign.grant-order.v1+json',
  operateOrder: 'application/vnd.countersign.operate-order.v1+json',
  countersignature: 'application/vnd.countersign.countersignature.v1+json',
  recovery: 'application/vnd.countersign.recovery.v1+json',
} as const

const ED25519_BYTES = 64
/** ATTACK: one good signature, repeated by the ten thousand: each is verified over the whole payload. */
const MAX_SIGNATURES = 100

/** Pre-authentication encoding: what is signed (DSSE protocol §"Signature Definition"). */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = utf8(payloadType)
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload)
}

export function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  keys: readonly SigningKey[],
): Envelope {
  const message = preAuthEncoding(payloadType, payload)
  return { payloadType, payload, signatures: keys.map(key => ({ keyid: key.keyid, sig: key.sign(message) })) }
}

/** True when one of the envelope's signatures is by this key. The keyid is not consulted. */
export function isSignedBy(
  crypto: Pick<Crypto, 'verify'>,
  envelope: Envelope,
  publicKey: Uint8Array,
): boolean {
  const message = preAuthEncoding(envelope.payloadType, envelope.payload)
  return envelope.signatures.some(signature => crypto.verify(publicKey, message, signature.sig))
}

export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return utf8(
    canonicalize({
      payload: base64(envelope.payload),
      payloadType: envelope.payloadType,
      signatures: envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: base64(sig) })),
    }),
  )
}

/** Parses an envelope and throws `envelope_malformed` on any unknown member, missing member or wrong size. One trailing newline is allowed. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  return decodeBounded(bytes, ED25519_BYTES)
}

/** The same where a signature of another kind than Ed25519 may stand, of at most `longest` bytes. */
export function decodeEnvelopeUpTo(longest: number, bytes: Uint8Array): Envelope {
  return decodeBounded(bytes, longest)
}

function decodeBounded(bytes: Uint8Array, longest: number): Envelope {
  const value = parseStrictJson(bytes, { maxDepth: 4, integersOnly: true })
  const { payload, payloadType, signatures } = members(value, ['payload', 'payloadType', 'signatures'])
  if (typeof payload !== 'string' || typeof payloadType !== 'string' || !Array.isArray(signatures))
    throw canonFault('envelope_malformed')
  if (signatures.length > MAX_SIGNATURES)
    throw canonFault('envelope_malformed', `more than ${MAX_SIGNATURES} signatures`)
  return {
    payloadType,
    payload: fromBase64(payload),
    signatures: signatures.map(entry => {
      const { keyid, sig } = members(entry, ['keyid', 'sig'])
      if (typeof keyid !== 'string' || typeof sig !== 'string') throw canonFault('envelope_malformed')
      const raw = fromBase64(sig)
      if (raw.length < ED25519_BYTES || raw.length > longest)
        throw canonFault('envelope_malformed', 'an Ed25519 signature has 64 bytes')
      return { keyid, sig: raw }
    }),
  }
}

function members<K extends string>(value: unknown, names: readonly K[]): Record<K, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw canonFault('envelope_malformed')
  const keys = Object.keys(value)
  if (keys.length !== names.length || names.some(name => !keys.includes(name))) {
    throw canonFault('envelope_malformed', `expected exactly the members ${names.join(', ')}`)
  }
  return value as Record<K, unknown>
}
