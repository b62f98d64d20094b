import { readFile } from 'node:fs/promises'
import {
  type Crypto,
  canonicalBytes,
  type JsonObject,
  parseCanonical,
  type RemoteKey,
  type SigningKey,
  utf8,
} from '../canon/index.js'
import {
  type Checkpoint,
  isCheckpointSignedBy,
  parseCheckpoint,
  signCheckpointWith,
} from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import { replaceFile } from './replace-file.js'

/**
 * The high-water mark: what the ledger has certainly held. One line of JCS in a file on another volume:
 *
 *     {"checkpoint":"<signed note>","leaf":"<64 hex digits>","origin":"…","root":"<64 hex digits>","size":4183}
 */
export interface Mark extends Checkpoint {
  /** Leaf hash of entry `size − 1`, hex; 64 zeros for size 0. */
  readonly leaf: string
}

type MarkCrypto = Pick<Crypto, 'sha256' | 'verify'>

export async function encodeMark(
  crypto: MarkCrypto,
  mark: Mark,
  ...keys: readonly (SigningKey | RemoteKey)[]
): Promise<Uint8Array> {
  return canonicalBytes({ ...mark, checkpoint: await signCheckpointWith(crypto, mark, keys) })
}

/** The parts of a mark; throws `mark_invalid` unless it is canonical, agrees with its own checkpoint and, where keys are given, is signed by one of them. */
export function decodeMark(
  crypto: MarkCrypto,
  bytes: Uint8Array,
  publicKeys: readonly Uint8Array[] | null,
): Mark {
  try {
    const { checkpoint: note, leaf, origin, root, size, ...rest } = parseCanonical(bytes) as JsonObject
    const checkpoint = parseCheckpoint(utf8(note as string))
    const sound =
      Object.keys(rest).length === 0 &&
      typeof leaf === 'string' &&
      /^[0-9a-f]{64}$/.test(leaf) &&
      checkpoint.origin === origin &&
      checkpoint.size === size &&
      checkpoint.root === root
    const believed = publicKeys?.some(key => isCheckpointSignedBy(crypto, checkpoint, key)) ?? true
    if (sound && believed)
      return { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, leaf }
  } catch {
    // named below
  }
  throw ledgerFault('mark_invalid')
}

/** The mark in a file, or null where there is no file. Throws `mark_invalid`. */
export async function readMark(
  file: string,
  crypto: MarkCrypto,
  publicKeys: readonly Uint8Array[] | null,
): Promise<Mark | null> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw ledgerFault('mark_invalid', (error as Error).message)
  }
  return decodeMark(crypto, bytes, publicKeys)
}

/** Replaces the high-water file; see `replaceFile`. */
export function writeMark(file: string, bytes: Uint8Array): Promise<void> {
  return replaceFile(file, bytes)
}
