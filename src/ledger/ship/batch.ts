import { type Crypto, hex, utf8 } from '../../canon/index.js'
import { decodeEntry, leafHash, parseCheckpoint } from '../../receipt/index.js'
import { ledgerFault } from '../error-table.js'
import type { Ledger } from '../ledger.js'
import type { Batch } from './sink.js'

export interface BatchBounds {
  readonly entries: number
  /** Of envelopes; a single entry may always go. */
  readonly bytes: number
}

/** What a shipper reads of a ledger. */
export type ShippedLedger = Pick<Ledger, 'chain' | 'head' | 'entries' | 'get' | 'checkpoint' | 'onCommit'>

/** The newest checkpoint of the ledger, with the size that it covers. */
export async function newestCheckpoint(ledger: ShippedLedger): Promise<Batch['checkpoint']> {
  const note = await ledger.checkpoint()
  return { size: parseCheckpoint(utf8(note)).size, note }
}

/**
 * Reads entries from `first` on: up to `end` (exclusive), the bounds, and what the checkpoint covers. Throws
 * `ledger_damaged` where the ledger doesn't hold them without a gap: a copy must not hide one.
 */
export async function readBatch(
  ledger: ShippedLedger,
  first: number,
  end: number,
  checkpoint: Batch['checkpoint'],
  bounds: BatchBounds,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<Batch> {
  const most = Math.min(end, checkpoint.size) - first
  const entries: Uint8Array[] = []
  let bytes = 0
  for await (const entry of ledger.entries(first)) {
    if (entries.length > 0 && bytes + entry.length > bounds.bytes) break
    entries.push(entry)
    bytes += entry.length
    if (entries.length >= Math.min(most, bounds.entries)) break
  }
  const [oldest, newest] = [entries[0], entries.at(-1)]
  const last = first + entries.length - 1
  // Sequence numbers are the keys they are read by, so that the two ends speak for all between them.
  if (oldest === undefined || newest === undefined || seqOf(oldest) !== first || seqOf(newest) !== last)
    throw ledgerFault('ledger_damaged', `entries ${first} to ${last} can’t be read in a row`)
  return { chain: ledger.chain, first, last, leaf: hex(leafHash(crypto, newest)), entries, checkpoint }
}

/** Leaf hash of an entry that is in the ledger, hex; undefined where there is none. */
export async function leafAt(
  ledger: ShippedLedger,
  seq: number,
  crypto: Pick<Crypto, 'sha256'>,
): Promise<string | undefined> {
  const bytes = await ledger.get(seq)
  return bytes === undefined ? undefined : hex(leafHash(crypto, bytes))
}

/** When an entry was written, Unix milliseconds; undefined past the head. */
export async function timeAt(ledger: ShippedLedger, seq: number): Promise<number | undefined> {
  const bytes = await ledger.get(seq)
  return bytes === undefined ? undefined : decodeEntry(bytes).t
}

function seqOf(bytes: Uint8Array): number {
  return decodeEntry(bytes).seq
}
