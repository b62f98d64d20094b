import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  base64url,
  formatPublicKey,
  fromBase64url,
  portableSigningKey,
  type SigningKey,
} from '../canon/index.js'
import { nativeSigningKey } from '../native/index.js'
import { UsageError } from './io.js'

/** A private Ed25519 JWK (RFC 8037 §2) as it lies on disk, mode 0600. */
export interface PrivateJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly d: string
  readonly x: string
}

/** Makes a key, writes it with mode 0600, and answers its public form `ed25519:…`. Throws a UsageError when the file exists: a key is never overwritten. */
export function createKeyFile(file: string): string {
  const seed = Uint8Array.from(randomBytes(32))
  const { publicKey } = portableSigningKey(seed)
  const jwk: PrivateJwk = { kty: 'OKP', crv: 'Ed25519', d: base64url(seed), x: base64url(publicKey) }
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, `${JSON.stringify(jwk)}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new UsageError(`${file} exists already`, 'Choose another file; a key is never overwritten.')
  }
  return formatPublicKey(publicKey)
}

/** Reads a private key file that only its owner can read; throws a UsageError otherwise. */
export function readPrivateJwk(file: string): PrivateJwk {
  const { mode } = statOf(file)
  if ((mode & 0o077) !== 0) throw new UsageError(`${file} can be read by others`, `chmod 600 ${file}`)
  const jwk = parse(file)
  const { publicKey } = portableSigningKey(fromBase64url(jwk.d))
  if (base64url(publicKey) !== jwk.x) throw notAKey(file)
  return jwk
}

export function readSigningKey(file: string): SigningKey {
  const jwk = readPrivateJwk(file)
  return nativeSigningKey(fromBase64url(jwk.d), fromBase64url(jwk.x))
}

function statOf(file: string) {
  try {
    return statSync(file)
  } catch {
    throw new UsageError(
      `there is no key file ${file}`,
      'Make one with `countersign trust init`, or pass the right --key.',
    )
  }
}

function parse(file: string): PrivateJwk {
  try {
    const { kty, crv, d, x } = JSON.parse(readFileSync(file, 'utf8')) as Partial<PrivateJwk>
    if (kty === 'OKP' && crv === 'Ed25519' && typeof d === 'string' && typeof x === 'string')
      return { kty, crv, d, x }
  } catch {
    // The file's content must not reach the message.
  }
  throw notAKey(file)
}

function notAKey(file: string): UsageError {
  return new UsageError(
    `${file} is not a private Ed25519 key (JWK)`,
    'Pass a file made by `countersign trust init`.',
  )
}
