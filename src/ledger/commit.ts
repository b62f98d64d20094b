import { type CountersignError, type Crypto, hex, type SigningKey, utf8 } from '../canon/index.js'
import {
  type Entry,
  type EntryBody,
  entrySealer,
  type GrowingTree,
  type OutcomeBody,
  type SealedEntry,
} from '../receipt/index.js'
import { ledgerFault } from './error-table.js'
import { HEAD_KEY, seqKey, textKey } from './keys.js'
import type { Appended, Companion } from './ledger.js'
import { type Change, encodeHead, type OpenMark, openMarkBytes, type StoredHead } from './store.js'

export interface CommitLimits {
  /** Most entries in one durable batch. */
  readonly batchEntries: number
  /** Most entries signed in one turn of the event loop, so that the keeper keeps answering. */
  readonly turnEntries: number
  /** Most entries waiting; beyond it an append is refused. */
  readonly queuedEntries: number
  /** Longest time that a `soon` entry waits for company. */
  readonly soonMs: number
  /** Most entries that the high-water file may lag behind; beyond it appends wait. */
  readonly markLagEntries: number
}

export interface CommitOptions {
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly signer: SigningKey
  readonly boot: string
  readonly clock: () => number
  readonly limits: CommitLimits
  /** One atomic durable write. */
  readonly write: (changes: readonly Change[]) => Promise<void>
  /** Entries that the high-water file covers. */
  readonly covered: () => number
  readonly onCommitted: () => void
  /** Called once, when nothing can be committed any more. */
  readonly onFailure: (fault: CountersignError) => void
}

/** Where the log stands when its writer starts. */
export interface CommitStart {
  readonly head: StoredHead
  readonly tree: GrowingTree
  readonly open: Map<number, OpenMark>
}

interface Pending {
  readonly body: EntryBody
  readonly companion: Companion
  readonly resolve: (appended: Appended) => void
  readonly reject: (fault: Error) => void
}

/** Entries that have their place and signature and wait for, or are in, one durable write. */
interface Batch {
  readonly changes: Change[]
  readonly settled: { readonly pending: Pending; readonly appended: Appended }[]
}

/**
 * Group commit: queue → place and sign → one durable batch → release. While one batch is being written, the
 * next is signed. INVARIANT: nothing is released before it is durable, and after one failed write nothing is.
 */
export class CommitQueue {
  private readonly options: CommitOptions
  private readonly seal: (entry: Entry) => SealedEntry
  private readonly tree: GrowingTree
  private readonly open: Map<number, OpenMark>
  private readonly queue: Pending[] = []
  private batch: Batch = { changes: [], settled: [] }
  private committed: StoredHead
  /** Leaf and time of the newest entry that has its place, committed or not. */
  private last: { leaf: string; t: number }
  private writing = false
  private turn: NodeJS.Immediate | undefined
  private timer: NodeJS.Timeout | undefined
  private failure: CountersignError | undefined
  private idle: (() => void)[] = []

  constructor(options: CommitOptions, start: CommitStart) {
    this.options = options
    this.seal = entrySealer(options.crypto, options.signer)
    this.tree = start.tree
    this.open = start.open
    this.committed = start.head
    this.last = { leaf: start.head.leaf, t: start.head.t }
  }

  /** The newest durable head. */
  get head(): StoredHead {
    return this.committed
  }

  /** Durable attempts for which no outcome was given, in order. */
  openAttempts(): (readonly [seq: number, mark: OpenMark])[] {
    return [...this.open].filter(([seq]) => seq < this.committed.size).sort(([a], [b]) => a - b)
  }

  append(body: EntryBody, companion: Companion = {}): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const refusal = this.failure ?? this.refusal(body)
      if (refusal !== undefined) {
        reject(refusal)
        return
      }
      this.queue.push({ body, companion, resolve, reject })
      this.schedule(companion.urgency ?? 'now')
    })
  }

  /** Goes on after the high-water file caught up. */
  resume(): void {
    if (this.queue.length > 0) this.schedule('now')
  }

  /** Rejects everything that isn't durable, now and from now on. */
  poison(fault: CountersignError): void {
    if (this.failure !== undefined) return
    this.failure = fault
    this.options.onFailure(fault)
    clearImmediate(this.turn)
    clearTimeout(this.timer)
    for (const { pending } of this.batch.settled.splice(0)) pending.reject(fault)
    for (const pending of this.queue.splice(0)) pending.reject(fault)
    this.releaseIdle()
  }

  /** Resolves when everything given so far is durable or rejected. */
  async drained(): Promise<void> {
    while (this.writing || this.queue.length > 0 || this.batch.settled.length > 0) {
      await new Promise<void>(resolve => {
        this.idle.push(resolve)
        this.schedule('now')
      })
    }
  }

  private refusal(body: EntryBody): Error | undefined {
    if (this.queue.length >= this.options.limits.queuedEntries) return ledgerFault('ledger_busy')
    return body.type === 'outcome' ? this.claim(body) : undefined
  }

  /** Takes the attempt out of the open ones, so that a second outcome finds none. */
  private claim(outcome: OutcomeBody): Error | undefined {
    const mark = this.open.get(outcome.attempt)
    if (mark === undefined || mark.leaf !== outcome.attempt_leaf)
      return ledgerFault('attempt_not_open', `attempt ${outcome.attempt}`)
    this.open.delete(outcome.attempt)
    return undefined
  }

  private schedule(urgency: 'now' | 'soon'): void {
    if (this.failure !== undefined || this.turn !== undefined) return
    if (urgency === 'soon') {
      this.timer ??= setTimeout(() => this.takeTurn(), this.options.limits.soonMs)
      return
    }
    this.turn = setImmediate(() => this.takeTurn())
  }

  private takeTurn(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.turn = undefined
    this.placeQueued()
    if (!this.writing && this.batch.settled.length > 0) void this.writeBatch()
    if (this.mayPlace()) this.schedule('now')
  }

  private mayPlace(): boolean {
    const { batchEntries, markLagEntries } = this.options.limits
    return (
      this.queue.length > 0 &&
      this.batch.settled.length < batchEntries &&
      this.tree.size - this.options.covered() < markLagEntries
    )
  }

  private placeQueued(): void {
    let room = this.options.limits.turnEntries
    while (room-- > 0 && this.mayPlace()) this.place(this.queue.shift() as Pending)
  }

  private place(pending: Pending): void {
    const { body, companion } = pending
    const seq = this.tree.size
    // Time never runs backwards in the log; decisions are denied by the policy while the clock does.
    const t = Math.max(this.options.clock(), this.last.t)
    const { boot } = this.options
    const place = { v: 1, chain: this.committed.chain, seq, prev: this.last.leaf, t, boot } as const
    let sealed: SealedEntry
    try {
      sealed = this.seal({ ...body, ...place })
    } catch (error) {
      if (body.type === 'outcome') this.open.set(body.attempt, { leaf: body.attempt_leaf, t })
      pending.reject(error as Error)
      return
    }
    const leaf = hex(sealed.leaf)
    this.last = { leaf, t }
    this.batch.changes.push({ key: seqKey('n', seq), value: joined(this.tree.append(sealed.leaf)) })
    this.batch.changes.push({ key: seqKey('e', seq), value: sealed.bytes })
    this.noteOpen(body, seq, sealed.leaf, leaf, t)
    this.addCompanion(companion)
    this.batch.settled.push({ pending, appended: { seq, leaf, t } })
  }

  private noteOpen(body: EntryBody, seq: number, leaf: Uint8Array, leafHex: string, t: number): void {
    if (body.type === 'attempt' && body.decision.effect === 'allow') {
      this.open.set(seq, { leaf: leafHex, t })
      this.batch.changes.push({ key: seqKey('o', seq), value: openMarkBytes(leaf, t) })
    } else if (body.type === 'outcome') this.batch.changes.push({ key: seqKey('o', body.attempt) })
  }

  private addCompanion(companion: Companion): void {
    if (companion.side !== undefined)
      this.batch.changes.push({ key: textKey('i', companion.side.id), value: companion.side.record })
    for (const { key, value } of companion.state ?? [])
      this.batch.changes.push(
        value === null ? { key: textKey('s', key) } : { key: textKey('s', key), value: utf8(value) },
      )
  }

  private async writeBatch(): Promise<void> {
    const batch = this.batch
    this.batch = { changes: [], settled: [] }
    const head: StoredHead = {
      chain: this.committed.chain,
      size: this.tree.size,
      leaf: this.last.leaf,
      root: this.tree.rootHex(),
      t: this.last.t,
    }
    batch.changes.push({ key: HEAD_KEY, value: encodeHead(head) })
    this.writing = true
    try {
      await this.options.write(batch.changes)
    } catch (error) {
      this.writing = false
      this.poison(ledgerFault('ledger_write_failed', (error as Error).message))
      for (const { pending } of batch.settled) pending.reject(this.failure as Error)
      return
    }
    this.writing = false
    this.committed = head
    for (const { pending, appended } of batch.settled) pending.resolve(appended)
    this.options.onCommitted()
    if (this.batch.settled.length > 0) void this.writeBatch()
    else this.releaseIdle()
    if (this.mayPlace()) this.schedule('now')
  }

  private releaseIdle(): void {
    for (const resolve of this.idle.splice(0)) resolve()
  }
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const value = new Uint8Array(32 * hashes.length)
  for (const [level, hash] of hashes.entries()) value.set(hash, 32 * level)
  return value
}
