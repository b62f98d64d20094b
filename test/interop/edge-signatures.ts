import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import { concat, fromHex, utf8 } from '../../src/canon/index.js'
import { nativeCrypto } from '../../src/native/index.js'

/** Order of the base point (RFC 8032 §5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n
/** A point of order 8. */
const TORSION = Point.fromBytes(
  fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a') as Uint8Array,
)
const IDENTITY = Uint8Array.of(1, ...new Uint8Array(31))
/** The same point, its y written as y + p. */
const IDENTITY_TWICE = Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f)

/** A public key for which anybody can sign anything: the identity. */
export const WEAK_KEY = IDENTITY

/** Signatures on which implementations of Ed25519 disagree, made by the holder of the key `name` himself. */
export const edgeSignatures = {
  /** S + L in the place of S: the equation still holds (RFC 8032 §5.1.7 refuses it). */
  'S not below the order of the group': (name: string, message: Uint8Array) => {
    const nonce = scalarFrom('nonce')
    const r = Point.BASE.multiply(nonce).toBytes()
    return concat(r, scalarBytes(response(name, r, message, nonce) + L))
  },
  /** R is the identity: the equation holds, and S gives the private scalar away. */
  'R of small order': (name: string, message: Uint8Array) =>
    concat(IDENTITY, scalarBytes(response(name, IDENTITY, message, 0n))),
  /** The same R in another spelling: who decodes R and compares points takes it. */
  'R not canonical': (name: string, message: Uint8Array) =>
    concat(IDENTITY_TWICE, scalarBytes(response(name, IDENTITY_TWICE, message, 0n))),
  /** R carries a part of order 8: holds when both sides are multiplied by 8, and not otherwise. */
  'holds with the cofactor alone': (name: string, message: Uint8Array) => {
    const nonce = scalarFrom('nonce')
    const r = Point.BASE.multiply(nonce).add(TORSION).toBytes()
    return concat(r, scalarBytes(response(name, r, message, nonce)))
  },
} as const

/** What the weak key says to every message: R and A the identity, S zero. */
export function weakSignature(): Uint8Array {
  return concat(IDENTITY, new Uint8Array(32))
}

/** S = r + H(R ‖ A ‖ M)·a. */
function response(name: string, r: Uint8Array, message: Uint8Array, nonce: bigint): bigint {
  const [scalar, publicKey] = privateScalar(name)
  const k = littleEndian(sha512(concat(r, publicKey, message))) % L
  return (nonce + k * scalar) % L
}

/** The scalar of `keyNamed(name)` (RFC 8032 §5.1.5), and its public key. */
function privateScalar(name: string): readonly [bigint, Uint8Array] {
  const half = sha512(nativeCrypto.sha256(utf8(name))).subarray(0, 32)
  half[0] = (half[0] as number) & 248
  half[31] = ((half[31] as number) & 127) | 64
  const scalar = littleEndian(half) % L
  return [scalar, Point.BASE.multiply(scalar).toBytes()]
}

function scalarFrom(text: string): bigint {
  return littleEndian(sha512(utf8(text))) % L
}

function scalarBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 255n))
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function sha512(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha512').update(bytes).digest())
}
