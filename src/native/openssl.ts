import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { base64url, keyIdOf, type SigningKey } from '../canon/index.js'

const MAX_CACHED_KEYS = 256
const publicKeys = new Map<string, KeyObject>()

/** OpenSSL's verification: S < L and the equation without the cofactor; the caller refuses bad points. */
export function opensslVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, message, keyObject(publicKey), signature)
  } catch {
    return false
  }
}

/** ECDSA on P-256 with SHA-256, the signature as r ‖ s; the caller refuses points beside the curve. */
export function opensslVerifyP256(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const [x, y] = [base64url(publicKey.subarray(1, 33)), base64url(publicKey.subarray(33))]
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' })
    return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

/** A signing key from its 32-byte seed (RFC 8032 §5.1.5), held by OpenSSL. */
export function opensslSigningKey(seed: Uint8Array, publicKey: Uint8Array): SigningKey {
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
