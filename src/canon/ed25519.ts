import { etc, getPublicKey, hashes, Point, sign } from '@noble/ed25519'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { base64url, concat, equalBytes, fromBase64url, fromHex, utf8 } from './bytes.js'
import type { SigningKey } from './crypto.js'
import { canonFault } from './error-table.js'

hashes.sha512 = sha512

const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n

/** The y coordinates of the eight points of small order, as encoded; a set sign bit doesn't change the order. */
const SMALL_ORDER: readonly Uint8Array[] = [
  `00${'00'.repeat(31)}`,
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
].map(text => fromHex(text) as Uint8Array)
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set(SMALL_ORDER.map(littleEndian))
/** A byte in the middle in which every encoding that is refused has one of a few values: 0xff where y ≥ p. */
const TELLING_BYTE = 16
const TELLING: ReadonlySet<number | undefined> = new Set([0xff, ...SMALL_ORDER.map(y => y[TELLING_BYTE])])

/**
 * False for the encodings on which implementations disagree: y ≥ p (not canonical, RFC 8032 §5.1.3) and points
 * of small order. Both the public key A and the R of every signature must pass.
 */
export function isAcceptablePoint(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false
  // Asked for every signature: nearly all are through here, without arithmetic.
  if (!TELLING.has(encoded[TELLING_BYTE])) return true
  const masked = Uint8Array.from(encoded)
  masked[31] = (masked[31] as number) & 0x7f
  const y = littleEndian(masked)
  return y < P && !SMALL_ORDER_Y.has(y)
}

/**
 * Strict Ed25519 verification: acceptable A and R, S < L, and the equation without the cofactor
 * ([S]B = R + [k]A), so that OpenSSL, libsodium and this agree. Never throws.
 */
export function portableVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  if (s >= L || !isAcceptablePoint(publicKey) || !isAcceptablePoint(r)) return false
  try {
    const a = Point.fromBytes(publicKey)
    const k = littleEndian(sha512(concat(r, publicKey, message))) % L
    const left = s === 0n ? Point.ZERO : Point.BASE.multiply(s, false)
    const right = k === 0n ? Point.ZERO : a.negate().multiply(k, false)
    return equalBytes(left.add(right).toBytes(), r)
  } catch {
    return false
  }
}

/** A signing key in memory from its 32-byte seed (RFC 8032 §5.1.5), on noble. */
export function portableSigningKey(seed: Uint8Array): SigningKey {
  if (seed.length !== 32) throw canonFault('key_invalid', 'an Ed25519 seed has 32 bytes')
  const publicKey = getPublicKey(seed)
  return { keyid: keyIdOf(publicKey), publicKey, sign: message => sign(message, seed) }
}

/** RFC 7638 thumbprint (base64url SHA-256) of the key as an OKP JWK. A hint for finding the key, never proof. */
export function keyIdOf(publicKey: Uint8Array): string {
  return base64url(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${base64url(publicKey)}"}`)))
}

/** `ed25519:<base64url of 32 bytes>`: how a public key is written in policies, trust roots and configuration. */
export function formatPublicKey(publicKey: Uint8Array): string {
  return `ed25519:${base64url(publicKey)}`
}

/** The raw key behind `ed25519:…`; throws `key_invalid` for anything else, points of small order included. */
export function parsePublicKey(text: string): Uint8Array {
  const encoded = /^ed25519:([A-Za-z0-9_-]{43})$/.exec(text)?.[1]
  if (encoded === undefined) throw canonFault('key_invalid', 'expected ed25519:<43 base64url characters>')
  const publicKey = fromBase64url(encoded)
  if (!isAcceptablePoint(publicKey)) throw canonFault('key_invalid', 'not a canonical point of large order')
  return publicKey
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${etc.bytesToHex(Uint8Array.from(bytes).reverse())}`)
}
