import { base64, type Crypto, fromBase64, fromHex, fromUtf8, utf8 } from '../canon/index.js'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.js'
import { receiptFault } from './error-table.js'
import { verifyInclusion } from './proof.js'
import { leafHash } from './tree.js'

/**
 * A proof that an entry is in a log, to be checked without asking anybody (https://c2sp.org/tlog-proof):
 *
 *     c2sp.org/tlog-proof@v1
 *     index 4182
 *     <base64 of a hash, from the leaf's sibling up>
 *     …
 *
 *     <the checkpoint, with all signatures>
 */
export interface TlogProof {
  readonly index: number
  readonly hashes: readonly Uint8Array[]
  readonly checkpoint: SignedCheckpoint
  /** The checkpoint as it was written. */
  readonly note: string
}

const HEAD = 'c2sp.org/tlog-proof@v1'
/** As many as a tree of 2^63 leaves needs. */
const MAX_HASHES = 63

export function formatTlogProof({
  index,
  hashes,
  note,
}: Pick<TlogProof, 'index' | 'hashes' | 'note'>): string {
  return [HEAD, `index ${index}`, ...hashes.map(base64), '', note].join('\n')
}

/** Throws `proof_malformed` or `checkpoint_malformed` unless it would be written back byte for byte. `extra` is refused: nothing authenticates it. */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  const text = proofText(bytes)
  const end = text.indexOf('\n\n')
  if (end < 0) throw receiptFault('proof_malformed', 'no checkpoint')
  const [head, place = '', ...lines] = text.slice(0, end).split('\n')
  const index = Number(/^index (0|[1-9][0-9]{0,15})$/.exec(place)?.[1])
  if (head !== HEAD || !Number.isSafeInteger(index)) throw receiptFault('proof_malformed', 'head')
  if (lines.length > MAX_HASHES) throw receiptFault('proof_malformed', 'too many hashes')
  const note = text.slice(end + 2)
  return { index, hashes: lines.map(hashOf), checkpoint: parseCheckpoint(utf8(note)), note }
}

/** True where the proof leads from this entry to its checkpoint's root. Who signed the checkpoint is another question. */
export function provesEntry(
  crypto: Pick<Crypto, 'sha256'>,
  { index, hashes, checkpoint }: TlogProof,
  entry: Uint8Array,
): boolean {
  const root = fromHex(checkpoint.root) as Uint8Array
  const claim = { index, size: checkpoint.size, leaf: leafHash(crypto, entry), root }
  return verifyInclusion(crypto, claim, hashes)
}

function hashOf(line: string): Uint8Array {
  try {
    const hash = fromBase64(line)
    if (hash.length === 32) return hash
  } catch {
    // named below
  }
  throw receiptFault('proof_malformed', 'hash')
}

function proofText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw receiptFault('proof_malformed', 'not UTF-8')
  }
}
