import { type Crypto, formatPublicKey, hex, parsePublicKey, utf8 } from '../canon/index.js'
import {
  type Checkpoint,
  GrowingTree,
  leafHash,
  type OpenedEntry,
  openEntry,
  rootAt,
} from '../receipt/index.js'
import type { OpenMark } from './commit.js'
import { ledgerFault } from './error-table.js'
import { behind, HEAD_KEY, seqKey, textKey } from './keys.js'
import type { Mark } from './mark.js'
import type { Store, StoredHead } from './store.js'
import type { KeySpan } from './table-file.js'
import { OpenTile, TILE_LEAVES } from './tile.js'

/** Newest entries that are read again at every start, and up to a tile more; `countersign ledger check` reads all. */
export const TAIL_ENTRIES = 1024
/** Of these, so many have their signature verified. */
const TAIL_SIGNATURES = 64

export const EMPTY_LEAF = '0'.repeat(64)

/**
 * Whether a start on a ledger with a mark of this size relies on a block with these keys: the tail, the newest tiles,
 * the head and all state. What it reads beside them is held against the root.
 */
export function isReadAtStart(markedSize: number): (span: KeySpan) => boolean {
  const first = wholeTiles(Math.max(0, markedSize - TAIL_ENTRIES))
  const spaces: readonly (readonly [from: Uint8Array, to: Uint8Array])[] = [
    [seqKey('e', first), behind(utf8('e'))],
    [seqKey('n', Math.max(0, first / TILE_LEAVES - 1)), behind(utf8('n'))],
    [HEAD_KEY, behind(HEAD_KEY)],
    [textKey('s', ''), behind(textKey('s', ''))],
  ]
  return ({ after, upTo }) =>
    spaces.some(
      ([from, to]) => Buffer.compare(upTo, from) >= 0 && (after === null || Buffer.compare(after, to) < 0),
    )
}

/** What reading the tail gives: the tree, and the leaves behind its last full tile. */
export interface SoundTail {
  readonly tree: GrowingTree
  readonly tile: OpenTile
}

/**
 * LevelDB opens cleanly over lost records, so the tail is read again: contiguous, chained, signed by this keeper,
 * ending exactly where the head record says with the root that it says. Throws `ledger_damaged` or `ledger_foreign`.
 */
export async function readTail(
  store: Store,
  head: StoredHead,
  crypto: Crypto,
  receiptKey: Uint8Array,
): Promise<SoundTail> {
  const start = wholeTiles(Math.max(0, head.size - TAIL_ENTRIES))
  const tree = new GrowingTree(crypto, start, await store.frontier(start))
  let prev = start === 0 ? EMPTY_LEAF : hex(await store.node({ level: 0, index: start - 1 }))
  let t = 0
  const leaves: Uint8Array[] = []
  const newest: OpenedEntry[] = []
  for await (const [seq, bytes] of store.entries(start, Number.MAX_SAFE_INTEGER)) {
    if (tree.size === head.size) throw damaged(seq, 'stands behind the head')
    if (seq !== tree.size) throw damaged(tree.size, 'is missing')
    const opened = openOrName(seq, bytes)
    const { entry } = opened
    if (entry.seq !== seq || entry.prev !== prev || entry.t < t) throw damaged(seq, 'does not follow')
    if (entry.chain !== head.chain) throw damaged(seq, 'belongs to another chain')
    if (seq >= head.size - TAIL_SIGNATURES) newest.push(opened)
    const leaf = leafHash(crypto, bytes)
    tree.append(leaf)
    leaves.push(leaf)
    prev = hex(leaf)
    t = entry.t
  }
  if (tree.size !== head.size) throw damaged(tree.size, 'is missing')
  verifyNewest(newest, crypto, receiptKey)
  if (prev !== head.leaf || t !== head.t)
    throw ledgerFault('ledger_damaged', 'the head is not the last entry')
  if (tree.rootHex() !== head.root)
    throw ledgerFault('ledger_damaged', 'the entries do not have the root of the head')
  return { tree, tile: new OpenTile(leaves.slice(wholeTiles(head.size) - start)) }
}

/** From the newest entry back: before an entry that put a key in force, the key that it replaces has signed. */
function verifyNewest(newest: readonly OpenedEntry[], crypto: Crypto, receiptKey: Uint8Array): void {
  let key = receiptKey
  for (const { entry, signed, signature } of newest.toReversed()) {
    key = keyBefore(entry, key)
    if (!crypto.verify(key, signed, signature))
      throw ledgerFault('ledger_foreign', `entry ${entry.seq} is not signed by ${formatPublicKey(key)}`)
  }
}

function keyBefore(entry: OpenedEntry['entry'], key: Uint8Array): Uint8Array {
  if (entry.type !== 'key') return key
  const { action, role, key: next, replaces } = entry.data
  const handsOver = action === 'enrolled' && role === 'receipt' && next === formatPublicKey(key)
  return handsOver && typeof replaces === 'string' ? parsePublicKey(replaces) : key
}

/** The attempts that the head names as open, read again from their entries. Throws `ledger_damaged`. */
export async function readOpen(
  store: Store,
  head: StoredHead,
  crypto: Crypto,
): Promise<Map<number, OpenMark>> {
  const open = new Map<number, OpenMark>()
  for (const seq of head.open) {
    const bytes = await store.entry(seq)
    if (bytes === undefined) throw damaged(seq, 'is missing')
    const { entry } = openOrName(seq, bytes)
    if (entry.type !== 'attempt' || entry.decision.effect !== 'allow')
      throw damaged(seq, 'is not an admitted attempt')
    open.set(seq, { leaf: hex(leafHash(crypto, bytes)), t: entry.t, claimed: false })
  }
  return open
}

/** Ahead of the mark with an equal root at the mark is fine; behind it or different throws `ledger_behind_mark` or `ledger_differs`. */
export async function checkAgainstMark(
  store: Store,
  head: Pick<StoredHead, 'size' | 'chain'>,
  mark: Mark,
  crypto: Crypto,
): Promise<void> {
  if (mark.origin !== head.chain)
    throw ledgerFault('ledger_foreign', `the mark is of ${mark.origin}, the ledger of ${head.chain}`)
  if (mark.size > head.size)
    throw ledgerFault('ledger_behind_mark', `${head.size} entries, the mark covers ${mark.size}`)
  if (hex(await rootAt(crypto, mark.size, store.node)) !== mark.root)
    throw ledgerFault('ledger_differs', `at size ${mark.size}`)
}

/** The same for what witnesses have cosigned, where it is of this epoch; throws `ledger_behind_witness`. */
export async function checkAgainstWitnessed(
  store: Store,
  head: Pick<StoredHead, 'size' | 'chain'>,
  witnessed: Checkpoint | null,
  crypto: Crypto,
): Promise<void> {
  if (witnessed === null || witnessed.origin !== head.chain) return
  if (witnessed.size > head.size)
    throw ledgerFault('ledger_behind_witness', `${head.size} entries, ${witnessed.size} are cosigned`)
  if (hex(await rootAt(crypto, witnessed.size, store.node)) !== witnessed.root)
    throw ledgerFault('ledger_behind_witness', `another root at size ${witnessed.size}`)
}

function wholeTiles(size: number): number {
  return size - (size % TILE_LEAVES)
}

function openOrName(seq: number, bytes: Uint8Array): ReturnType<typeof openEntry> {
  try {
    return openEntry(bytes)
  } catch (error) {
    throw damaged(seq, (error as Error).message)
  }
}

function damaged(seq: number, what: string): Error {
  return ledgerFault('ledger_damaged', `entry ${seq}: ${what}`)
}
