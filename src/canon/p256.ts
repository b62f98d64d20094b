import { p256 } from '@noble/curves/nist.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, concat, fromBase64url, hex, utf8 } from './bytes.js'
import { canonFault } from './error-table.js'

/** Field prime and coefficient of P-256: y² = x³ − 3x + b (SP 800-186 §3.2.1.3). */
const P = 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** Whether these are the 65 bytes `04 ‖ x ‖ y` of a point on the curve (SEC 1 §2.3.3), the only form that is taken. */
export function isP256Point(encoded: Uint8Array): boolean {
  if (encoded.length !== 65 || encoded[0] !== 0x04) return false
  const [x, y] = [bigEndian(encoded.subarray(1, 33)), bigEndian(encoded.subarray(33))]
  // The order is prime, so that every point has it; infinity has no such encoding.
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n
}

/**
 * ECDSA on P-256 over the message's SHA-256 (FIPS 186-5 §6.4.2): a key as `isP256Point` takes it and a signature of 64
 * bytes, r ‖ s with 0 < r, s < n. Both values of s count, because authenticators make either. Never throws.
 */
export function portableVerifyP256(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== 64 || !isP256Point(publicKey)) return false
  try {
    return p256.verify(signature, message, publicKey, { lowS: false })
  } catch {
    return false
  }
}

/**
 * r ‖ s, 64 bytes, of a DER `ECDSA-Sig-Value` (RFC 3279 §2.2.3); undefined for every encoding but the one that DER
 * has for these numbers, and for numbers of more than 32 bytes.
 */
export function p256SignatureOfDer(der: Uint8Array): Uint8Array | undefined {
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 72) return undefined
  const r = integerAt(der, 2)
  const s = r === undefined ? undefined : integerAt(der, r.end)
  if (r === undefined || s === undefined || s.end !== der.length) return undefined
  return concat(r.bytes, s.bytes)
}

function integerAt(der: Uint8Array, at: number) {
  const length = der[at + 1]
  const content = der.subarray(at + 2, at + 2 + (length ?? 0))
  if (der[at] !== 0x02 || length === undefined || length === 0 || content.length !== length) return undefined
  const [first, second] = content as unknown as readonly [number, number | undefined]
  // Not negative, and no zero in front but the one that keeps it from being so.
  if (first >= 0x80 || (first === 0 && second !== undefined && second < 0x80)) return undefined
  const number = first === 0 ? content.subarray(1) : content
  if (number.length > 32) return undefined
  return { bytes: concat(new Uint8Array(32 - number.length), number), end: at + 2 + length }
}

/** RFC 7638 thumbprint (base64url SHA-256) of the key as an EC JWK. A hint for finding the key, never proof. */
export function p256KeyIdOf(publicKey: Uint8Array): string {
  const [x, y] = [base64url(publicKey.subarray(1, 33)), base64url(publicKey.subarray(33))]
  return base64url(sha256(utf8(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`)))
}

/** `es256:<base64url of 65 bytes>`: how the public key of a passkey on P-256 is written in policies. */
export function formatP256Key(publicKey: Uint8Array): string {
  return `es256:${base64url(publicKey)}`
}

/** The point behind `es256:…`, 65 bytes; throws `key_invalid` for anything else, points beside the curve included. */
export function parseP256Key(text: string): Uint8Array {
  const encoded = /^es256:([A-Za-z0-9_-]{87})$/.exec(text)?.[1]
  if (encoded === undefined) throw canonFault('key_invalid', 'expected es256:<87 base64url characters>')
  const publicKey = fromBase64url(encoded)
  if (!isP256Point(publicKey)) throw canonFault('key_invalid', 'not an uncompressed point of P-256')
  return publicKey
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${hex(bytes)}`)
}
