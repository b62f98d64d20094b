import { createHmac, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { base64url, fromBase64url } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import { readOwnFile, replaceOwnFile } from './own-file.js'
import { Secret } from './secret.js'

/** Where the vault's key is kept; as in the configuration. */
export type VaultKeySource =
  | { readonly file: string }
  | { readonly env: string }
  | { readonly systemd: string }

/** A key of 32 bytes, used as it is, or a passphrase, stretched with scrypt. */
export type VaultKey =
  | { readonly kind: 'raw'; readonly key: Secret<Uint8Array> }
  | { readonly kind: 'passphrase'; readonly passphrase: Secret<string> }

/** How the key encryption key is made; stands in the vault's header. `N`, `r` and `p` as in RFC 7914 §2. */
export type KeyDerivation =
  | { readonly name: 'raw' }
  | {
      readonly name: 'scrypt'
      readonly N: number
      readonly r: number
      readonly p: number
      readonly salt: string
    }

const MIN_PASSPHRASE_CHARS = 16
const SCRYPT = { N: 131_072, r: 8, p: 1 } as const
const stretch = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt)

/**
 * Reads the key from its place: a file of mode 0600, an environment variable, or systemd's credential folder
 * (systemd.exec(5), `$CREDENTIALS_DIRECTORY`). Throws `vault_key_missing`, `vault_mode` or `vault_key_weak`.
 */
export async function readVaultKey(
  source: VaultKeySource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<VaultKey> {
  if ('file' in source) return vaultKey(await readOwnFile(source.file, 'vault_key_missing'))
  if ('systemd' in source) {
    const folder = env.CREDENTIALS_DIRECTORY
    if (folder === undefined || folder === '' || !/^[A-Za-z0-9._-]+$/.test(source.systemd))
      throw credentialFault('vault_key_missing', `systemd credential ${source.systemd}`)
    // systemd lets the service's group read; the folder itself is closed to everybody else.
    return vaultKey(await readOwnFile(join(folder, source.systemd), 'vault_key_missing', 0o037))
  }
  const value = env[source.env]
  if (value === undefined || value === '')
    throw credentialFault('vault_key_missing', `environment variable ${source.env}`)
  return vaultKey(Buffer.from(value))
}

/**
 * A key from its stored form: 32 bytes raw, as 64 hex digits or as base64, or any other text of at least 16
 * characters as a passphrase. Throws `vault_key_weak`.
 */
export function vaultKey(stored: Uint8Array): VaultKey {
  const text = Buffer.from(stored).toString('latin1')
  if (stored.length === 32 && !/^[\x20-\x7e\s]*$/.test(text))
    return { kind: 'raw', key: new Secret(Uint8Array.from(stored)) }
  const line = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(line)) return { kind: 'raw', key: new Secret(Buffer.from(line, 'hex')) }
  if (/^[A-Za-z0-9_-]{43}$/.test(line) || /^[A-Za-z0-9+/]{43}=$/.test(line))
    return { kind: 'raw', key: new Secret(Buffer.from(line, 'base64url')) }
  const passphrase = Buffer.from(stored).toString('utf8').trim()
  if (passphrase.length < MIN_PASSPHRASE_CHARS) throw credentialFault('vault_key_weak')
  return { kind: 'passphrase', passphrase: new Secret(passphrase) }
}

/** A new random key in the text form that `vaultKey` reads. */
export function newVaultKeyText(): string {
  return `${base64url(randomBytes(32))}\n`
}

/** How a new vault derives its key encryption key from this key. */
export function derivationFor(key: VaultKey): KeyDerivation {
  return key.kind === 'raw'
    ? { name: 'raw' }
    : { name: 'scrypt', ...SCRYPT, salt: base64url(randomBytes(16)) }
}

/** The 32-byte key encryption key (RFC 7518 §4.4), or undefined where this key is not of the kind that the derivation starts from. */
export async function keyEncryptionKey(
  key: VaultKey,
  derivation: KeyDerivation,
): Promise<Uint8Array | undefined> {
  if (key.kind === 'raw') return derivation.name === 'raw' ? key.key.reveal() : undefined
  if (derivation.name !== 'scrypt') return undefined
  const { N, r, p, salt } = derivation
  return stretch(key.passphrase.reveal(), fromBase64url(salt), 32, { N, r, p, maxmem: 256 * N * r })
}

/** The derivation in a vault's header; undefined unless it is one that this version writes. */
export function parseDerivation(value: unknown): KeyDerivation | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name, N, r, p, salt, ...rest } = value as Record<string, unknown>
  if (Object.keys(rest).length > 0) return undefined
  if (name === 'raw')
    return [N, r, p, salt].every(member => member === undefined) ? { name: 'raw' } : undefined
  // ATTACK: cost parameters out of a changed file would eat the keeper's memory, or make guessing cheap.
  const ours = name === 'scrypt' && N === SCRYPT.N && r === SCRYPT.r && p === SCRYPT.p
  return ours && typeof salt === 'string' && /^[A-Za-z0-9_-]{21}[AQgw]$/.test(salt)
    ? { name: 'scrypt', ...SCRYPT, salt }
    : undefined
}

/** Names a key encryption key without giving it away, so that a wrong key and a changed vault can be told apart. */
export function keyEncryptionKeyId(kek: Uint8Array): string {
  return createHmac('sha256', kek)
    .update('countersign vault key id')
    .digest()
    .subarray(0, 12)
    .toString('base64url')
}

/** Puts a new key in the place of the one in the file, whole or not at all, mode 0600; checks that it reads as a key. */
export async function replaceVaultKeyFile(file: string, text: string): Promise<void> {
  const bytes = Buffer.from(text)
  vaultKey(bytes)
  await replaceOwnFile(file, async () => bytes)
}
