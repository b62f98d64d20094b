import { readFile } from 'node:fs/promises'
import { type Crypto, canonicalBytes, type JsonObject, parseCanonical, utf8 } from '../../canon/index.js'
import {
  isCheckpointSignedBy,
  parseCheckpoint,
  type SignedCheckpoint,
  type WitnessPolicy,
  witnessedAt,
} from '../../receipt/index.js'
import { ledgerFault } from '../error-table.js'
import { replaceFile } from '../replace-file.js'

/**
 * What the witnesses have said of the ledger, as far as it is known here. One line of JCS, in a file beside the
 * high-water file:
 *
 *     {"checkpoint":"<signed note with cosignatures>","sizes":{"W1":4183}}
 */
export interface Witnessed {
  /** The newest checkpoint that a quorum has cosigned. */
  readonly checkpoint: SignedCheckpoint
  /** The same as text. */
  readonly note: string
  /** What each witness cosigned last, by its name in the policy. A hint: a witness knows it better. */
  readonly sizes: ReadonlyMap<string, number>
}

/** Where it lies. */
export function witnessedBeside(highWater: string): string {
  return `${highWater}.witnessed`
}

/** Null where there is no file yet. Throws `witnessed_invalid` where it isn't what was written: signed by this log's key and by a quorum. */
export async function readWitnessed(
  file: string,
  crypto: Pick<Crypto, 'sha256' | 'verify'>,
  checkpointKeys: readonly Uint8Array[],
  policy: WitnessPolicy,
): Promise<Witnessed | null> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw ledgerFault('witnessed_invalid', `${file}: ${error.code}`)
  })
  if (bytes === null) return null
  const found = decodeWitnessed(bytes)
  if (found === null) throw ledgerFault('witnessed_invalid', file)
  if (!checkpointKeys.some(key => isCheckpointSignedBy(crypto, found.checkpoint, key)))
    throw ledgerFault('witnessed_invalid', `${file}: not signed by this log`)
  // Other witnesses than then: what the former ones said counts for nothing now, and the new ones are asked at once.
  return witnessedAt(crypto, policy, found.checkpoint) === null ? null : found
}

export async function writeWitnessed(file: string, { note, sizes }: Witnessed): Promise<void> {
  await replaceFile(file, canonicalBytes({ checkpoint: note, sizes: Object.fromEntries(sizes) }))
}

function decodeWitnessed(bytes: Uint8Array): Witnessed | null {
  try {
    const { checkpoint: note, sizes, ...rest } = parseCanonical(bytes) as JsonObject
    if (typeof note !== 'string' || Object.keys(rest).length > 0) return null
    const known = Object.entries(sizes as JsonObject)
    if (!known.every((pair): pair is [string, number] => typeof pair[1] === 'number' && pair[1] >= 0))
      return null
    return { checkpoint: parseCheckpoint(utf8(note)), note, sizes: new Map(known) }
  } catch {
    return null
  }
}
