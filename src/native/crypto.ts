import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { base64url, type Crypto, isAcceptablePoint, keyIdOf, type SigningKey } from '../canon/index.js'

const MAX_CACHED_KEYS = 256
const publicKeys = new Map<string, KeyObject>()

/** The same answers as `portableCrypto`, about ten times faster, on `node:crypto`. */
export const nativeCrypto: Crypto = {
  sha256: (...parts) => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  hmacSha256: (key, ...parts) => {
    const hmac = createHmac('sha256', key)
    for (const part of parts) hmac.update(part)
    return hmac.digest()
  },
  verify: (publicKey, message, signature) => {
    // OpenSSL checks S < L and the equation without the cofactor, but takes points of small order.
    if (
      signature.length !== 64 ||
      !isAcceptablePoint(publicKey) ||
      !isAcceptablePoint(signature.subarray(0, 32))
    )
      return false
    try {
      return verify(null, message, keyObject(publicKey), signature)
    } catch {
      return false
    }
  },
}

/** A signing key from its 32-byte seed (RFC 8032 §5.1.5), held by OpenSSL. */
export function nativeSigningKey(seed: Uint8Array, publicKey: Uint8Array): SigningKey {
  const key = createPrivateKey({
    key: { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(publicKey) },
    format: 'jwk',
  })
  return { keyid: keyIdOf(publicKey), publicKey, sign: message => sign(null, message, key) }
}

function keyObject(publicKey: Uint8Array): KeyObject {
  const x = base64url(publicKey)
  const known = publicKeys.get(x)
  if (known !== undefined) return known
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  if (publicKeys.size >= MAX_CACHED_KEYS) publicKeys.clear()
  publicKeys.set(x, key)
  return key
}
