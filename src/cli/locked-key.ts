import { CompactEncrypt, compactDecrypt } from 'jose'
import { fromUtf8, type SigningKey, utf8 } from '../canon/index.js'
import { type Io, UsageError } from './io.js'
import {
  newPrivateJwk,
  parsePrivateJwk,
  readPrivateText,
  readSigningKey,
  signingKeyOf,
  writeKeyFile,
} from './keyfile.js'
import { askPassphrase } from './passphrase.js'

/*
 * A key file under a passphrase: the private JWK as a JWE in compact form (RFC 7516 §7.1), its key derived by
 * PBES2-HS512+A256KW (RFC 7518 §4.8).
 */

const ALGORITHM = 'PBES2-HS512+A256KW'
const CIPHER = 'A256GCM'
/** OWASP's figure for PBKDF2 with SHA-512 is 210,000; a signature by a person can wait a little longer. */
const ITERATIONS = 600_000

/** Makes a key and writes it under a passphrase; answers its public form `ed25519:…`. */
export async function createLockedKeyFile(file: string, passphrase: string): Promise<string> {
  const { jwk, publicKey } = newPrivateJwk()
  const jwe = await new CompactEncrypt(utf8(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: ALGORITHM, enc: CIPHER })
    .setKeyManagementParameters({ p2c: ITERATIONS })
    .encrypt(utf8(passphrase))
  writeKeyFile(file, `${jwe}\n`)
  return publicKey
}

/** Reads a signing key, locked or not. The passphrase comes from a file that only its owner can read, or from the terminal. */
export function openSigningKey(
  file: string,
  passphraseFile: string | undefined,
  io: Io,
): Promise<SigningKey> {
  return unlockSigningKey(file, () => readPassphrase(passphraseFile, `Passphrase of ${file}: `, io))
}

/** Reads a signing key; the passphrase is asked for only where the key is locked. */
export async function unlockSigningKey(file: string, passphrase: () => Promise<string>): Promise<SigningKey> {
  const text = readPrivateText(file).trim()
  if (text.startsWith('{')) return readSigningKey(file)
  return signingKeyOf(parsePrivateJwk(await unlock(text, await passphrase(), file), file))
}

/** The passphrase in a file, without the newline at its end, or asked for at the terminal. */
export async function readPassphrase(
  passphraseFile: string | undefined,
  question: string,
  io: Io,
): Promise<string> {
  const passphrase =
    passphraseFile === undefined
      ? await askPassphrase(question, io)
      : readPrivateText(passphraseFile).replace(/\r?\n$/, '')
  if (passphrase === '') throw new UsageError('the passphrase is empty', 'Give one of several words.')
  return passphrase
}

async function unlock(jwe: string, passphrase: string, file: string): Promise<string> {
  try {
    const { plaintext } = await compactDecrypt(jwe, utf8(passphrase), {
      keyManagementAlgorithms: [ALGORITHM],
      contentEncryptionAlgorithms: [CIPHER],
      maxPBES2Count: ITERATIONS,
    })
    return fromUtf8(plaintext)
  } catch {
    throw new UsageError(
      `${file} does not open with this passphrase`,
      'Check the passphrase; the file must be as `countersign trust key` wrote it.',
    )
  }
}
