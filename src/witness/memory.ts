import {
  type Crypto,
  canonicalBytes,
  equalBytes,
  hex,
  type JsonObject,
  parseCanonical,
  utf8,
} from '../canon/index.js'
import { parseCheckpoint, type SignedCheckpoint } from '../receipt/index.js'
import { witnessFault } from './error-table.js'

/**
 * All that a witness has to remember: for each log the checkpoint that it cosigned last. One line of JCS:
 *
 *     {"advances":7,"logs":["<signed note>",…],"sum":"<64 hex digits>","v":1,"witness":"<verifier key>"}
 *
 * A note holds the log's own signature, and the witness's cosignature once it was given. `sum` is the SHA-256 of the
 * JCS of `logs`: a damaged file is told from a whole one before anything in it is believed.
 */
export interface Memory {
  /** How often a log has moved on since the witness was made. */
  readonly advances: number
  /** By origin. */
  readonly logs: ReadonlyMap<string, Remembered>
}

export interface Remembered {
  readonly checkpoint: SignedCheckpoint
  /** The same as text. */
  readonly note: string
}

/**
 * The mark: which memory is the newest, in a file that belongs on another volume, so that a memory that was rolled
 * back is noticed. One line of JCS:
 *
 *     {"advances":7,"digest":"<64 hex digits>","v":1,"witness":"<verifier key>"}
 */
export interface MemoryMark {
  readonly advances: number
  readonly digest: string
}

export const NOTHING_SEEN: Memory = { advances: 0, logs: new Map() }

type Hash = Pick<Crypto, 'sha256'>

export function encodeMemory(crypto: Hash, { advances, logs }: Memory, witness: string): Uint8Array {
  const notes = [...logs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { note }]) => note)
  const sum = hex(crypto.sha256(canonicalBytes(notes)))
  return canonicalBytes({ advances, logs: notes, sum, v: 1, witness })
}

/** Throws `witness_state_damaged`, or `witness_key_differs` where it is another witness's. */
export function decodeMemory(crypto: Hash, bytes: Uint8Array, witness: string): Memory {
  const { advances, logs, v, witness: owner } = canonicalObject(bytes, 'witness_state_damaged')
  if (v === 1 && typeof owner === 'string' && owner !== witness)
    throw witnessFault('witness_key_differs', owner)
  const notes = Array.isArray(logs) ? logs.map(rememberedNote) : []
  const known = new Map(notes.map(each => [each.checkpoint.origin, each]))
  const memory = { advances: isCount(advances) ? advances : 0, logs: known }
  if (!equalBytes(encodeMemory(crypto, memory, witness), bytes))
    throw witnessFault('witness_state_damaged', 'it is not what was written')
  return memory
}

/** What the witness has said of each log, whatever it has signed since to say it again. */
export function markOf(crypto: Hash, { advances, logs }: Memory): MemoryMark {
  const heads = [...logs.values()]
    .map(({ checkpoint: { origin, size, root } }) => [origin, size, root] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return { advances, digest: hex(crypto.sha256(canonicalBytes(heads))) }
}

export function encodeMark({ advances, digest }: MemoryMark, witness: string): Uint8Array {
  return canonicalBytes({ advances, digest, v: 1, witness })
}

/** Throws `witness_mark_missing`. */
export function decodeMark(bytes: Uint8Array, witness: string): MemoryMark {
  const { advances, digest, v, witness: owner, ...rest } = canonicalObject(bytes, 'witness_mark_missing')
  const sound =
    v === 1 &&
    owner === witness &&
    isCount(advances) &&
    typeof digest === 'string' &&
    /^[0-9a-f]{64}$/.test(digest) &&
    Object.keys(rest).length === 0
  if (!sound) throw witnessFault('witness_mark_missing', 'not a mark of this witness')
  return { advances, digest }
}

/**
 * Throws `witness_state_behind` unless the memory is the marked one or a newer one. Newer it is where a crash fell
 * between the two writes; nothing was cosigned then.
 */
export function checkAgainstMark(crypto: Hash, memory: Memory, mark: MemoryMark): void {
  const own = markOf(crypto, memory)
  if (own.advances < mark.advances)
    throw witnessFault('witness_state_behind', `${own.advances} steps, the mark has ${mark.advances}`)
  if (own.advances === mark.advances && own.digest !== mark.digest)
    throw witnessFault('witness_state_behind', 'the same number of steps, to other checkpoints')
}

function canonicalObject(
  bytes: Uint8Array,
  code: 'witness_state_damaged' | 'witness_mark_missing',
): JsonObject {
  try {
    const value = parseCanonical(bytes)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch {
    // named below
  }
  throw witnessFault(code, 'not canonical JSON')
}

function rememberedNote(note: unknown): Remembered {
  try {
    if (typeof note === 'string') return { checkpoint: parseCheckpoint(utf8(note), 'taken'), note }
  } catch {
    // named below
  }
  throw witnessFault('witness_state_damaged', 'a checkpoint')
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
