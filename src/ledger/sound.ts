import { type Crypto, equalBytes, formatPublicKey, hex } from '../canon/index.js'
import { leafHash, openEntry, rootAt, rootOf } from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import type { Mark } from './mark.js'
import type { Store, StoredHead } from './store.js'

/** Newest entries that are read again at every start; `countersign ledger check` reads all. */
const TAIL_ENTRIES = 1024
/** Of these, so many have their signature verified. */
const TAIL_SIGNATURES = 64

export const EMPTY_LEAF = '0'.repeat(64)

/**
 * LevelDB opens cleanly over lost records, so the tail is read again: contiguous, chained, hashed as the tree says,
 * signed by this keeper, ending exactly where the head record says. Throws `ledger_damaged` or `ledger_foreign`.
 */
export async function checkTail(
  store: Store,
  head: StoredHead,
  crypto: Crypto,
  receiptKey: Uint8Array,
): Promise<void> {
  let expected = Math.max(0, head.size - TAIL_ENTRIES)
  let prev = expected === 0 ? EMPTY_LEAF : hex(await store.node({ level: 0, index: expected - 1 }))
  let t = 0
  for await (const [seq, bytes] of store.entries(expected, Number.MAX_SAFE_INTEGER)) {
    if (expected === head.size) throw damaged(seq, 'stands behind the head')
    if (seq !== expected) throw damaged(expected, 'is missing')
    const { entry, signed, signature } = openOrName(seq, bytes)
    const leaf = leafHash(crypto, bytes)
    if (entry.seq !== seq || entry.prev !== prev || entry.t < t) throw damaged(seq, 'does not follow')
    if (entry.chain !== head.chain) throw damaged(seq, 'belongs to another chain')
    if (!equalBytes(leaf, await store.node({ level: 0, index: seq })))
      throw damaged(seq, 'is not in the tree')
    if (seq >= head.size - TAIL_SIGNATURES && !crypto.verify(receiptKey, signed, signature))
      throw ledgerFault('ledger_foreign', `entry ${seq} is not signed by ${formatPublicKey(receiptKey)}`)
    prev = hex(leaf)
    t = entry.t
    expected++
  }
  if (expected !== head.size) throw damaged(expected, 'is missing')
  if (prev !== head.leaf || t !== head.t)
    throw ledgerFault('ledger_damaged', 'the head is not the last entry')
  if (hex(rootOf(crypto, await store.frontier(head.size))) !== head.root)
    throw ledgerFault('ledger_damaged', 'the tree does not have the root of the head')
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
