import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { CompactEncrypt, compactDecrypt, importJWK, type JWK } from 'jose'
import { utf8 } from '../canon/index.js'
import { openInputs, type SideRecord } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import { writeUint64 } from './keys.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16
const WRAPPING = { alg: 'ECDH-ES+A256KW', enc: 'A256GCM' } as const

/**
 * Encrypts decision inputs so that only the auditor can read them. One data key per start of the keeper, wrapped for
 * the auditor's public key and written into the `boot` entry; the keeper forgets it when it stops.
 */
export interface SideCipher {
  /** Compact JWE with the data key, for the `boot` entry. */
  readonly wrappedKey: string
  /** nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes), AES-256-GCM with the attempt's id as additional data. */
  seal(attemptId: string, record: Uint8Array): Uint8Array
}

/** A fresh data key for one start of the keeper. `auditorKey` is a public JWK for ECDH-ES: EC P-256 or OKP X25519. Throws `side_unreadable` for any other. */
export async function sideCipher(auditorKey: JWK): Promise<SideCipher> {
  const key = randomBytes(32)
  const wrappedKey = await wrap(key, auditorKey)
  let sealed = 0
  return {
    wrappedKey,
    seal: (attemptId, record) => {
      // The key lives for one start, so a counter never repeats a nonce.
      const nonce = Buffer.alloc(NONCE_BYTES)
      writeUint64(nonce, 4, sealed++)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(utf8(attemptId))
      return Buffer.concat([nonce, cipher.update(record), cipher.final(), cipher.getAuthTag()])
    },
  }
}

async function wrap(key: Uint8Array, auditorKey: JWK): Promise<string> {
  if ('d' in auditorKey)
    throw ledgerFault('side_unreadable', 'the keeper takes a public key, never a private one')
  try {
    const recipient = await importJWK(auditorKey, WRAPPING.alg)
    return await new CompactEncrypt(key).setProtectedHeader(WRAPPING).encrypt(recipient)
  } catch (error) {
    throw ledgerFault('side_unreadable', (error as Error).message)
  }
}

/** The auditor's side: opens records with the private key. */
export interface SideReader {
  /** Decision inputs and secret of one attempt. `wrappedKey` is `side_key` of the boot entry that the attempt names. Throws `side_unreadable` or `inputs_malformed`. */
  open(wrappedKey: string, attemptId: string, record: Uint8Array): Promise<SideRecord>
  /** True where the private key opens the key of these records: one that doesn't open then isn't what was written. */
  fits(wrappedKey: string): Promise<boolean>
}

export function openSide(auditorPrivateKey: JWK): SideReader {
  const keys = new Map<string, Promise<Uint8Array>>()
  const keyOf = (wrappedKey: string) => {
    const key = keys.get(wrappedKey) ?? unwrap(wrappedKey, auditorPrivateKey)
    keys.set(wrappedKey, key)
    return key
  }
  return {
    open: async (wrappedKey, attemptId, record) =>
      openInputs(decrypt(await keyOf(wrappedKey), attemptId, record)),
    fits: wrappedKey =>
      keyOf(wrappedKey).then(
        () => true,
        () => false,
      ),
  }
}

async function unwrap(wrappedKey: string, auditorPrivateKey: JWK): Promise<Uint8Array> {
  try {
    const key = await importJWK(auditorPrivateKey, WRAPPING.alg)
    const { plaintext } = await compactDecrypt(wrappedKey, key, {
      keyManagementAlgorithms: [WRAPPING.alg],
      contentEncryptionAlgorithms: [WRAPPING.enc],
    })
    return plaintext
  } catch (error) {
    throw ledgerFault('side_unreadable', (error as Error).message)
  }
}

function decrypt(key: Uint8Array, attemptId: string, record: Uint8Array): Uint8Array {
  try {
    const tag = record.subarray(record.length - TAG_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', key, record.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(utf8(attemptId)).setAuthTag(tag)
    const sealed = record.subarray(NONCE_BYTES, record.length - TAG_BYTES)
    return Buffer.concat([decipher.update(sealed), decipher.final()])
  } catch (error) {
    throw ledgerFault('side_unreadable', (error as Error).message)
  }
}
