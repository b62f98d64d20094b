import {
  canonicalBytes,
  type Envelope,
  type JsonObject,
  PAYLOAD_TYPES,
  preAuthEncoding,
  type SigningKey,
  signEnvelope,
} from '../canon/index.js'

/** Seals a compiled policy: its JCS in an envelope, signed by each of the keys. The content id is of the payload, so a further signature doesn't change it. */
export function sealPolicy(payload: JsonObject, keys: readonly SigningKey[]): Envelope {
  return signEnvelope(PAYLOAD_TYPES.policy, canonicalBytes(payload), keys)
}

/** The envelope with this key's signature added, or replaced where the key has signed before. */
export function addSignature(envelope: Envelope, key: SigningKey): Envelope {
  const others = envelope.signatures.filter(({ keyid }) => keyid !== key.keyid)
  const sig = key.sign(preAuthEncoding(envelope.payloadType, envelope.payload))
  return { ...envelope, signatures: [...others, { keyid: key.keyid, sig }] }
}
