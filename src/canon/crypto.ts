import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concat, hex } from './bytes.js'
import { portableVerify } from './ed25519.js'
import { portableVerifyP256 } from './p256.js'

/**
 * The primitives that the pure rooms need, passed in so that a browser serves them with noble and Node with
 * `node:crypto`. Both implementations answer the same for every input; a differential test holds them to it.
 */
export interface Crypto {
  /** SHA-256 (FIPS 180-4) of the parts joined; 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array
  /** HMAC-SHA-256 (RFC 2104) of the parts joined; 32 bytes. */
  hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array
  /** Strict Ed25519 (see `portableVerify`). */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** ECDSA on P-256 with SHA-256, for passkeys (see `portableVerifyP256`). */
  verifyP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** An Ed25519 private key that can be used but not read. */
export interface SigningKey {
  /** RFC 7638 thumbprint, see `keyIdOf`. */
  readonly keyid: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes (RFC 8032 §5.1.6). */
  sign(message: Uint8Array): Uint8Array
}

/**
 * An Ed25519 private key that is held elsewhere (a token, an agent, another process): the signer port. What it answers
 * was verified under `publicKey`; it rejects where nothing good comes back, and the caller fails closed.
 */
export interface RemoteKey {
  readonly keyid: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** False while it is known that nobody would answer. */
  available(): boolean
  /** 64 bytes for each message, in order. */
  signAll(messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]>
}

export function isRemoteKey(key: SigningKey | RemoteKey): key is RemoteKey {
  return 'signAll' in key
}

/** One signature by either kind of key. */
export async function signWith(key: SigningKey | RemoteKey, message: Uint8Array): Promise<Uint8Array> {
  return isRemoteKey(key) ? ((await key.signAll([message]))[0] as Uint8Array) : key.sign(message)
}

const sha256Of: Crypto['sha256'] = (...parts) =>
  sha256(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts))
const hmacOf: Crypto['hmacSha256'] = (key, ...parts) => hmac(sha256, key, concat(...parts))

/** Those that need no curve: what only hashes is bundled without one. */
export const portableDigests: Pick<Crypto, 'sha256' | 'hmacSha256'> = { sha256: sha256Of, hmacSha256: hmacOf }

export const portableCrypto: Crypto = {
  sha256: sha256Of,
  hmacSha256: hmacOf,
  verify: portableVerify,
  verifyP256: portableVerifyP256,
}

/** Content id `sha256:<64 hex digits>` of the bytes. */
export function contentId(crypto: Pick<Crypto, 'sha256'>, bytes: Uint8Array): string {
  return `sha256:${hex(crypto.sha256(bytes))}`
}

export const CONTENT_ID = /^sha256:[0-9a-f]{64}$/
