import { randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  base64url,
  type CountersignError,
  formatPublicKey,
  fromBase64url,
  portableSigningKey,
  type SigningKey,
} from '../canon/index.js'
import { makeFolderSync, nativeSigningKey } from '../native/index.js'
import { cliFault } from './error-table.js'
import { UsageError } from './io.js'

/** A private Ed25519 JWK (RFC 8037 §2) as it lies on disk, mode 0600. */
export type PrivateJwk = {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly d: string
  readonly x: string
}

/** Makes a key, writes it with mode 0600, and answers its public form `ed25519:…`. Throws a UsageError when the file exists: a key is never overwritten. */
export function createKeyFile(file: string): string {
  const { jwk, publicKey } = newPrivateJwk()
  writeKeyFile(file, `${JSON.stringify(jwk)}\n`)
  return publicKey
}

/** A new key, and its public form `ed25519:…`. */
export function newPrivateJwk(): { readonly jwk: PrivateJwk; readonly publicKey: string } {
  const seed = Uint8Array.from(randomBytes(32))
  const { publicKey } = portableSigningKey(seed)
  return {
    jwk: { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(publicKey) },
    publicKey: formatPublicKey(publicKey),
  }
}

/** Writes a new file that only its owner can read. Throws a UsageError when it exists. */
export function writeKeyFile(file: string, text: string): void {
  makeFolderSync(dirname(file), 0o700)
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`${file} exists already`, 'Choose another file; a key is never overwritten.')
  }
}

/** Reads a private key file that only its owner can read; throws `key_unusable` otherwise. */
export function readPrivateJwk(file: string): PrivateJwk {
  return parsePrivateJwk(readPrivateText(file), file)
}

/** The text of a file with a secret in it; throws `key_unusable` where it isn't there or others can read it. */
export function readPrivateText(file: string): string {
  const { mode } = statOf(file)
  if ((mode & 0o077) !== 0) throw cliFault('key_unusable', `${file} can be read by others`)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw cliFault('key_unusable', `${file}: ${(error as NodeJS.ErrnoException).code}`)
  }
}

/** The key behind the text of a key file; throws `key_unusable`, which names the file and nothing of its content. */
export function parsePrivateJwk(text: string, file: string): PrivateJwk {
  const jwk = parse(text)
  if (jwk === undefined) throw notAKey(file)
  return jwk
}

export function readSigningKey(file: string): SigningKey {
  return signingKeyOf(readPrivateJwk(file))
}

export function signingKeyOf(jwk: PrivateJwk): SigningKey {
  return nativeSigningKey(fromBase64url(jwk.d), fromBase64url(jwk.x))
}

function statOf(file: string) {
  try {
    return statSync(file)
  } catch {
    throw cliFault('key_unusable', `there is no file ${file}`)
  }
}

function parse(text: string): PrivateJwk | undefined {
  try {
    const { kty, crv, d, x } = JSON.parse(text) as Partial<PrivateJwk>
    if (kty !== 'OKP' || crv !== 'Ed25519' || typeof d !== 'string' || typeof x !== 'string') return undefined
    const { publicKey } = portableSigningKey(fromBase64url(d))
    return base64url(publicKey) === x ? { kty, crv, d, x } : undefined
  } catch {
    // The file's content must not reach the message.
    return undefined
  }
}

function notAKey(file: string): CountersignError {
  return cliFault('key_unusable', `${file} is not a private Ed25519 key (JWK)`)
}
