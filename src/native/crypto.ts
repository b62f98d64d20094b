import { createHash, createHmac, hash } from 'node:crypto'
import { type Crypto, isAcceptablePoint, isP256Point, type SigningKey } from '../canon/index.js'
import { opensslSigningKey, opensslVerify, opensslVerifyP256 } from './openssl.js'
import { sodium, sodiumSigningKey, sodiumVerify } from './sodium.js'

/** The same answers as `portableCrypto`, about ten times faster: `node:crypto`, and libsodium for Ed25519 where its binding is installed. */
export const nativeCrypto: Crypto = {
  sha256: (...parts) => {
    if (parts.length === 1) return hash('sha256', parts[0] as Uint8Array, 'buffer')
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    // Copying what is short costs less than a hash object: leaves and nodes of the tree are hashed so.
    return length <= SCRATCH.length
      ? hash('sha256', joinedInScratch(parts, length), 'buffer')
      : hashedInParts(parts)
  },
  hmacSha256: (key, ...parts) => {
    const length = parts.reduce((sum, part) => sum + part.length, BLOCK_BYTES)
    return key.length <= BLOCK_BYTES && length <= SCRATCH.length
      ? hmacInScratch(key, parts, length)
      : hmacInParts(key, parts)
  },
  verify: (publicKey, message, signature) => {
    // OpenSSL takes points of small order, and the libraries differ on points that are not canonical.
    if (
      signature.length !== 64 ||
      !isAcceptablePoint(publicKey) ||
      !isAcceptablePoint(signature.subarray(0, 32))
    )
      return false
    const library = sodium()
    return library === null
      ? opensslVerify(publicKey, message, signature)
      : sodiumVerify(library, publicKey, message, signature)
  },
  verifyP256: (publicKey, message, signature) =>
    signature.length === 64 && isP256Point(publicKey) && opensslVerifyP256(publicKey, message, signature),
}

const SCRATCH = new Uint8Array(4_096)

/** What SHA-256 takes at a time, and HMAC fills with the key. */
const BLOCK_BYTES = 64

/** RFC 2104 §2, over two hashes in one go: half the time of an HMAC object. `length`: of a block and all parts. */
function hmacInScratch(key: Uint8Array, parts: readonly Uint8Array[], length: number): Uint8Array {
  padKey(key, 0x36)
  const inner = hash('sha256', joinedInScratch(parts, length, BLOCK_BYTES), 'buffer')
  padKey(key, 0x5c)
  const outer = hash('sha256', joinedInScratch([inner], BLOCK_BYTES + inner.length, BLOCK_BYTES), 'buffer')
  SCRATCH.fill(0, 0, BLOCK_BYTES)
  return outer
}

function padKey(key: Uint8Array, pad: number): void {
  SCRATCH.fill(pad, 0, BLOCK_BYTES)
  for (let i = 0; i < key.length; i++) SCRATCH[i] = (key[i] as number) ^ pad
}

function hmacInParts(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** `from`: how much of the scratch stands before them already. */
function joinedInScratch(parts: readonly Uint8Array[], length: number, from = 0): Uint8Array {
  let at = from
  for (const part of parts) {
    SCRATCH.set(part, at)
    at += part.length
  }
  return SCRATCH.subarray(0, length)
}

function hashedInParts(parts: readonly Uint8Array[]): Uint8Array {
  const joined = createHash('sha256')
  for (const part of parts) joined.update(part)
  return joined.digest()
}

/** A signing key from its 32-byte seed (RFC 8032 §5.1.5), held outside of JavaScript's heap by libsodium or OpenSSL. */
export function nativeSigningKey(seed: Uint8Array, publicKey: Uint8Array): SigningKey {
  const library = sodium()
  return library === null ? opensslSigningKey(seed, publicKey) : sodiumSigningKey(library, seed, publicKey)
}
