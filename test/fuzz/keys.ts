import { encodeEnvelope, type SigningKey, signEnvelope } from '../../src/canon/index.js'
import { nativeCrypto, nativeSigningKey } from '../../src/native/index.js'
import { keyNamed } from '../policy/trust-fixture.js'

/** The key of that name, signing by OpenSSL: a target signs in every run. */
export function quickKey(name: string): SigningKey {
  return nativeSigningKey(nativeCrypto.sha256(new TextEncoder().encode(name)), keyNamed(name).publicKey)
}

/** The bytes as what the holders of keys have signed, whatever they are. */
export function envelopeOf(
  payloadType: string,
  payload: Uint8Array,
  keys: readonly SigningKey[],
): Uint8Array {
  return encodeEnvelope(signEnvelope(payloadType, payload, keys))
}
