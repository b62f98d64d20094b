import type { CountersignError } from '../canon/index.js'
import type { AttemptBody, Entry, EntryBody, NodeReader } from '../receipt/index.js'
import type { Archived } from './archive/archived.js'
import type { Archiving } from './archive/archiving.js'
import type { FullCheckStatus } from './full-check/full-check.js'
import type { KeySuccession } from './succession.js'

/** The durable, append-only, signed log of one keeper. One active writer; see `openLedger`. Reads see what is durable. */
export interface Ledger {
  /** Origin with epoch, as in every entry's `chain`. */
  readonly chain: string
  head(): LedgerHead
  /**
   * Resolves when the entry, its tree nodes and the companion's changes are on disk (`sync: true`), in one
   * batch. Rejects with a ledger fault when they are not; from then on every append rejects.
   */
  append(body: EntryBody, companion?: Companion): Promise<Appended>
  /** Envelope bytes of one entry, or undefined past the head. */
  get(seq: number): Promise<Uint8Array | undefined>
  /** Entries in order, as envelope bytes, from `from` to the head at call time. */
  entries(from?: number): AsyncIterable<Uint8Array>
  /** Admitted attempts that are durable and for which no outcome was given. */
  openAttempts(): Promise<readonly OpenAttempt[]>
  /** Durable state of the use cases, changed only through companions. */
  readonly state: StateReader
  /** Encrypted decision inputs by attempt id; written only through companions. */
  readonly side: SideStore
  /** Hashes of complete subtrees, for proofs. Throws `ledger_damaged` past the head. */
  readonly node: NodeReader
  /** C2SP signed note over the current head, signed after its batch was committed. */
  checkpoint(): Promise<string>
  /**
   * Hands the log over to other keys: its entries are durable in one batch when it resolves, and everything behind
   * them is signed by the new receipt key, checkpoints that cover them by the new checkpoint key and, for a while, by
   * both. Rejects with `succession_unfit` or a ledger fault.
   */
  succeed(succession: KeySuccession): Promise<Appended>
  /**
   * Resolves with the fault after which nothing is appended any more; never where the ledger is closed in order. What
   * failed may have left half a record behind, so only the next opening can say what is on disk.
   */
  readonly failed: Promise<CountersignError>
  /** How far the reading of everything that this start found is; null where there was nothing, or it isn't read. */
  fullCheck(): FullCheckStatus | null
  /** Resolves when that has ended. A finding ends the ledger, see `failed`. */
  fullCheckEnded(): Promise<FullCheckStatus> | null
  /** Moves the oldest entries elsewhere; `get` and `entries` then read them there, and throw where that isn't to be had. */
  readonly archiving: Pick<Archiving, 'begin' | 'bound' | 'status'>
  /** What was moved so far; null where nothing was. */
  archived(): Archived | null
  /** Resolves when the high-water file covers `seq`. */
  marked(seq: number): Promise<void>
  /** Calls back after every durable batch, with the new head; what it returns ends that. The listener must not throw. */
  onCommit(listener: (head: LedgerHead) => void): () => void
  /**
   * Appends `close`, waits for what was given before and for the mark, lets `lastly` read what is there, releases the lock. Rejects
   * where that `close` could not be written; `lastly` runs and the lock is released all the same.
   */
  close(lastly?: () => Promise<void>): Promise<void>
}

export interface LedgerHead {
  /** Number of entries. */
  readonly size: number
  /** Leaf hash of the newest entry, hex. */
  readonly leaf: string
  /** Root of the tree over all entries, hex (RFC 6962 §2.1). */
  readonly root: string
  /** Time of the newest entry, Unix milliseconds. */
  readonly t: number
}

export interface Appended {
  readonly seq: number
  readonly leaf: string
  readonly t: number
}

export interface Companion {
  /** Encrypted record for the side store, under the attempt's id; written before the entry, in its batch. */
  readonly side?: { readonly id: string; readonly record: Uint8Array }
  /** Entries that stand right before this one, in the same batch: all of them are durable, or none. */
  readonly before?: readonly EntryBody[]
  /** Changes to the keeper's durable state, atomic with the entry. A null value deletes. */
  readonly state?: readonly { readonly key: string; readonly value: string | null }[]
  /** What this entry says is archived, so that the ledger reads it there from now on. */
  readonly archived?: Archived
  /** `soon` lets the entry ride with the next batch, or be flushed after a few milliseconds. `now` is the default. */
  readonly urgency?: 'now' | 'soon'
}

export interface StateReader {
  get(key: string): Promise<string | undefined>
  /** All pairs whose key begins with `prefix`, in key order. */
  list(prefix: string): Promise<readonly (readonly [key: string, value: string])[]>
}

export interface SideStore {
  get(id: string): Promise<Uint8Array | undefined>
  /** Deletes one record from disk: the attempt's commitments can't be opened any more, and the chain still holds. */
  erase(id: string): Promise<void>
}

export interface OpenAttempt {
  readonly seq: number
  readonly leaf: string
  readonly t: number
  readonly entry: Entry & AttemptBody
}
