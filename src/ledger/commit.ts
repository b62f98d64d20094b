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
import { type Change, encodeHead, type StoredHead } from './store.js'
import { type OpenTile, TILE_LEAVES } from './tile.js'

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

/** An attempt that was admitted and has no outcome. */
export interface OpenMark {
  readonly leaf: string
  readonly t: number
  /** An outcome was given and has no place yet: a second one is refused. */
  claimed: boolean
}

/** Where the log stands when its writer starts. */
export interface CommitStart {
  readonly head: StoredHead
  readonly tree: GrowingTree
  readonly tile: OpenTile
  readonly open: Map<number, OpenMark>
}

/** Other keys sign from here on. */
interface Turnover {
  /** Entries right before the pending one, in the same batch. */
  readonly before: readonly EntryBody[]
  /** Signs everything behind them. */
  readonly signer: SigningKey
  /** Called with the number of entries from which on it does. */
  readonly onPlaced: (size: number) => void
}

interface Pending {
  readonly turnover?: Turnover
  readonly body: EntryBody
  readonly companion: Companion
  /** What an outcome closes. */
  readonly closes: OpenMark | undefined
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
  private seal: (entry: Entry) => SealedEntry
  private readonly tree: GrowingTree
  private readonly tile: OpenTile
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
    this.tile = start.tile
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
    return [...this.open].filter(([seq, mark]) => seq < this.committed.size && !mark.claimed)
  }

  append(body: EntryBody, companion: Companion = {}): Promise<Appended> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure)
      if (this.queue.length >= this.options.limits.queuedEntries) return reject(ledgerFault('ledger_busy'))
      const closes = body.type === 'outcome' ? this.claim(body) : undefined
      if (body.type === 'outcome' && closes === undefined)
        return reject(ledgerFault('attempt_not_open', `attempt ${body.attempt}`))
      this.queue.push({ body, companion, closes, resolve, reject })
      this.schedule(companion.urgency ?? 'now')
    })
  }

  /**
   * Hands the log over to another receipt key: all of these entries stand in one batch under the key in force, and
   * everything behind them is signed by the next.
   */
  handOver(
    bodies: readonly EntryBody[],
    companion: Companion,
    turnover: Omit<Turnover, 'before'>,
  ): Promise<Appended> {
    const body = bodies.at(-1) as EntryBody
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure)
      this.queue.push({
        body,
        companion,
        closes: undefined,
        resolve,
        reject,
        turnover: { ...turnover, before: bodies.slice(0, -1) },
      })
      this.schedule('now')
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

  private claim(outcome: OutcomeBody): OpenMark | undefined {
    const mark = this.open.get(outcome.attempt)
    if (mark === undefined || mark.claimed || mark.leaf !== outcome.attempt_leaf) return undefined
    mark.claimed = true
    return mark
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
    const { body, companion, closes, turnover } = pending
    let appended: Appended
    try {
      for (const before of turnover?.before ?? []) this.sign(before)
      appended = this.sign(body)
    } catch (error) {
      if (closes !== undefined) closes.claimed = false
      pending.reject(error as Error)
      return
    }
    if (turnover !== undefined) {
      this.seal = entrySealer(this.options.crypto, turnover.signer)
      turnover.onPlaced(this.tree.size)
    }
    this.addCompanion(companion)
    this.batch.settled.push({ pending, appended })
  }

  /** Gives an entry its place and signature, and puts it into the batch. */
  private sign(body: EntryBody): Appended {
    const seq = this.tree.size
    // Time never runs backwards in the log; decisions are denied by the policy while the clock does.
    const t = Math.max(this.options.clock(), this.last.t)
    const { boot } = this.options
    const place = { v: 1, chain: this.committed.chain, seq, prev: this.last.leaf, t, boot } as const
    const sealed = this.seal({ ...body, ...place })
    const leaf = hex(sealed.leaf)
    this.last = { leaf, t }
    this.batch.changes.push({ key: seqKey('e', seq), value: sealed.bytes })
    const tile = this.tile.add(this.tree.append(sealed.leaf))
    if (tile !== undefined)
      this.batch.changes.push({ key: seqKey('n', Math.floor(seq / TILE_LEAVES)), value: tile })
    if (body.type === 'outcome') this.open.delete(body.attempt)
    if (body.type === 'attempt' && body.decision.effect === 'allow')
      this.open.set(seq, { leaf, t, claimed: false })
    return { seq, leaf, t }
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
      open: [...this.open.keys()],
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
