import {
  canonicalBytes,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  preAuthEncoding,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'
import { readSealedMetadata } from './open.js'

/**
 * Seals a compiled policy: a DSSE envelope over its JCS. The content id is the payload's, so that a signature
 * added later doesn't change it. Throws `compiled_policy_malformed` or `expiry_missing` for what nobody could open.
 */
export function sealPolicy(payload: JsonObject, keys: readonly SigningKey[]): Envelope {
  readSealedMetadata(payload)
  return signEnvelope(PAYLOAD_TYPES.policy, canonicalBytes(payload), keys)
}

/** The envelope with this key's signature added, or renewed where it has signed already. */
export function addSignature(envelope: Envelope, key: SigningKey): Envelope {
  const sig = key.sign(preAuthEncoding(envelope.payloadType, envelope.payload))
  const others = envelope.signatures.filter(({ keyid }) => keyid !== key.keyid)
  return { ...envelope, signatures: [...others, { keyid: key.keyid, sig }] }
}
