import { base64, fromBase64, fromUtf8, utf8 } from '../canon/index.js'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.js'
import { receiptFault } from './error-table.js'

/**
 * What a log asks a witness (https://c2sp.org/tlog-witness, "add-checkpoint"): to cosign a checkpoint, with the proof
 * that it contains the one that the witness cosigned last.
 *
 *     old 20852014
 *     <base64 of a hash of the consistency proof>
 *     …
 *
 *     <the checkpoint, with its signatures>
 */
export interface AddCheckpoint {
  readonly oldSize: number
  readonly hashes: readonly Uint8Array[]
  readonly checkpoint: SignedCheckpoint
}

/** As many as a tree of 2^63 leaves needs; the specification allows no more. */
const MAX_HASHES = 63
/** Room for a proof, and for a checkpoint with sixteen signatures of a post-quantum kind. */
export const MAX_ADD_CHECKPOINT_BYTES = 262_144

export function formatAddCheckpoint({
  oldSize,
  hashes,
  note,
}: Pick<AddCheckpoint, 'oldSize' | 'hashes'> & { readonly note: string }): string {
  return [`old ${oldSize}`, ...hashes.map(base64), '', note].join('\n')
}

/** Throws `add_checkpoint_malformed` unless it would be written back byte for byte. Nothing is verified. */
export function parseAddCheckpoint(bytes: Uint8Array): AddCheckpoint {
  const text = requestText(bytes)
  const end = text.indexOf('\n\n')
  if (end < 0) throw malformed('no empty line')
  const [old = '', ...lines] = text.slice(0, end).split('\n')
  if (lines.length > MAX_HASHES) throw malformed('more than 63 hashes')
  const oldSize = Number(/^old (0|[1-9][0-9]{0,15})$/.exec(old)?.[1])
  if (!Number.isSafeInteger(oldSize)) throw malformed('old size')
  const checkpoint = checkpointIn(text.slice(end + 2))
  if (oldSize > checkpoint.size) throw malformed('the old size is above the new one')
  return { oldSize, hashes: lines.map(hashIn), checkpoint }
}

/** Of any log, extension lines included. */
function checkpointIn(note: string): SignedCheckpoint {
  try {
    return parseCheckpoint(utf8(note), 'taken')
  } catch (error) {
    throw malformed((error as Error).message)
  }
}

function hashIn(line: string): Uint8Array {
  try {
    const hash = fromBase64(line)
    if (hash.length === 32) return hash
  } catch {
    // named below
  }
  throw malformed('a line of the proof')
}

function requestText(bytes: Uint8Array): string {
  if (bytes.length > MAX_ADD_CHECKPOINT_BYTES) throw malformed('larger than it may be')
  try {
    return fromUtf8(bytes)
  } catch {
    throw malformed('not UTF-8')
  }
}

function malformed(detail: string): Error {
  return receiptFault('add_checkpoint_malformed', detail)
}
