import { createRequire } from 'node:module'
import { keyIdOf, type SigningKey } from '../canon/index.js'

/** The part of `sodium-native` that is used. */
interface Sodium {
  sodium_malloc(bytes: number): Buffer
  crypto_sign_seed_keypair(publicKey: Buffer, secretKey: Buffer, seed: Uint8Array): void
  crypto_sign_detached(signature: Buffer, message: Uint8Array, secretKey: Buffer): void
  crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

let loaded: Sodium | null | undefined

/** libsodium, loaded for the first signature, where its prebuilt binding fits this machine; null elsewhere. */
export function sodium(): Sodium | null {
  if (loaded === undefined) loaded = load()
  return loaded
}

function load(): Sodium | null {
  try {
    return createRequire(import.meta.url)('sodium-native') as Sodium
  } catch {
    return null
  }
}

/**
 * A signing key held by libsodium in guarded memory that is left out of core dumps. Signs and verifies in about half
 * the time that OpenSSL takes through `node:crypto`; Ed25519 is deterministic, so the bytes are the same.
 */
export function sodiumSigningKey(library: Sodium, seed: Uint8Array, publicKey: Uint8Array): SigningKey {
  const secretKey = library.sodium_malloc(64)
  library.crypto_sign_seed_keypair(Buffer.alloc(32), secretKey, seed)
  return {
    keyid: keyIdOf(publicKey),
    publicKey,
    sign: message => {
      const signature = Buffer.allocUnsafe(64)
      library.crypto_sign_detached(signature, message, secretKey)
      return signature
    },
  }
}

/** libsodium's verification: S < L and the equation without the cofactor; the caller refuses bad points. */
export function sodiumVerify(
  library: Sodium,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return library.crypto_sign_verify_detached(signature, message, publicKey)
  } catch {
    return false
  }
}
