import { flattenedDecrypt, GeneralEncrypt, type GeneralJWE } from 'jose'
import type { Static } from 'typebox'
import { base64url, CountersignError, canonicalBytes, parseStrictJson } from '../canon/index.js'
import { misfitIn, Type } from '../policy/index.js'
import { credentialFault } from './error-table.js'
import { encodeContents, parseContents, type VaultContents } from './vault-contents.js'
import {
  derivationFor,
  type KeyDerivation,
  keyEncryptionKey,
  keyEncryptionKeyId,
  parseDerivation,
  type VaultKey,
} from './vault-key.js'

/**
 * A vault on disk: a JWE in general JSON form (RFC 7516 §7.2.1) and a newline. One recipient; two while the key is
 * being replaced, so that the file opens with the old and the new one and no moment is without.
 *
 *     {"protected":"<{"enc":"A256GCM","typ":"countersign-vault+v1"}>","iv":"…","ciphertext":"…","tag":"…",
 *      "recipients":[{"encrypted_key":"…","header":{"alg":"A256KW","kid":"…",
 *        "kdf":{"name":"scrypt","N":131072,"r":8,"p":1,"salt":"…"}}}]}      or "kdf":{"name":"raw"}
 */
const PROTECTED = { enc: 'A256GCM', typ: 'countersign-vault+v1' } as const
const MAX_RECIPIENTS = 2

const strict = { additionalProperties: false }
const Encoded = Type.String({ pattern: '^[A-Za-z0-9_-]+$' })
const SealedVault = Type.Object(
  {
    protected: Type.Literal(base64url(canonicalBytes(PROTECTED))),
    iv: Encoded,
    ciphertext: Encoded,
    tag: Encoded,
    recipients: Type.Array(
      Type.Object(
        {
          encrypted_key: Encoded,
          header: Type.Object({ alg: Type.Literal('A256KW'), kid: Encoded, kdf: Type.Unknown() }, strict),
        },
        strict,
      ),
      { minItems: 1, maxItems: MAX_RECIPIENTS },
    ),
  },
  strict,
)
type SealedVault = Static<typeof SealedVault>

export interface OpenedVault {
  readonly contents: VaultContents
  /** Keys that open the file: 1, or 2 in the middle of a rekey. */
  readonly recipients: number
}

/** Encrypts the entries to one or two keys. */
export async function sealVault(contents: VaultContents, keys: readonly VaultKey[]): Promise<Uint8Array> {
  const jwe = new GeneralEncrypt(encodeContents(contents)).setProtectedHeader(PROTECTED)
  for (const key of keys) {
    const kdf = derivationFor(key)
    const kek = (await keyEncryptionKey(key, kdf)) as Uint8Array
    jwe.addRecipient(kek).setUnprotectedHeader({ alg: 'A256KW', kid: keyEncryptionKeyId(kek), kdf })
  }
  const sealed: GeneralJWE = await jwe.encrypt()
  return Buffer.from(`${JSON.stringify(sealed)}\n`)
}

/** Decrypts and checks. Throws `vault_truncated`, `vault_malformed`, `vault_key`, `vault_tampered` or `vault_entry_invalid`. */
export async function unsealVault(bytes: Uint8Array, key: VaultKey): Promise<OpenedVault> {
  const sealed = parseSealed(bytes)
  const { recipient, kek } = await recipientFor(sealed, key)
  const { recipients, ...shared } = sealed
  const plaintext = await decrypted({ ...shared, ...recipient }, kek)
  return { contents: opened(plaintext), recipients: recipients.length }
}

function parseSealed(bytes: Uint8Array): SealedVault {
  let value: unknown
  try {
    value = parseStrictJson(bytes, { maxDepth: 6, integersOnly: true })
  } catch {
    throw credentialFault(endsEarly(bytes) ? 'vault_truncated' : 'vault_malformed')
  }
  if (misfitIn(SealedVault, value) !== null) throw credentialFault('vault_malformed')
  return value as SealedVault
}

function endsEarly(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(-2)).toString('latin1').trimEnd().at(-1) !== '}'
}

async function recipientFor(sealed: SealedVault, key: VaultKey) {
  for (const recipient of sealed.recipients) {
    const derivation: KeyDerivation | undefined = parseDerivation(recipient.header.kdf)
    if (derivation === undefined) throw credentialFault('vault_malformed', 'unknown key derivation')
    const kek = await keyEncryptionKey(key, derivation)
    if (kek !== undefined && keyEncryptionKeyId(kek) === recipient.header.kid) return { recipient, kek }
  }
  throw credentialFault('vault_key')
}

async function decrypted(jwe: Parameters<typeof flattenedDecrypt>[0], kek: Uint8Array): Promise<Uint8Array> {
  try {
    const { plaintext } = await flattenedDecrypt(jwe, kek, {
      keyManagementAlgorithms: ['A256KW'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return plaintext
  } catch {
    // The key's id was right, so what fails to authenticate is the file.
    throw credentialFault('vault_tampered')
  }
}

function opened(plaintext: Uint8Array): VaultContents {
  try {
    return parseContents(plaintext)
  } catch (error) {
    if (error instanceof CountersignError && !error.code.startsWith('vault_'))
      throw credentialFault('vault_malformed')
    throw error
  }
}
