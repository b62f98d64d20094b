import { type CountersignError, type Crypto, hex, isRemoteKey, utf8 } from '../canon/index.js'
import {
  type Entry,
  type EntryBody,
  entrySealer,
  type GrowingTree,
  type OutcomeBody,
  remoteEntrySealer,
  type SealedEntry,
} from '../receipt/index.js'
import { encodeArchived } from './archive/archived.js'
import { ledgerFault } from './error-table.js'
import { ARCHIVED_KEY, HEAD_KEY, seqKey, textKey } from './keys.js'
import type { Appended, Companion } from './ledger.js'
import { type Change, encodeHead, type StoredHead } from './store.js'
import type { LogKey } from './succession.js'
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
  readonly signer: LogKey
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
  /** Signs everything behind them. */
  readonly signer: LogKey
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

/** How entries are signed: in this turn of the event loop, or elsewhere, one after the other. */
type Sealer =
  | { readonly kind: 'here'; readonly seal: (entry: Entry) => SealedEntry }
  | { readonly kind: 'elsewhere'; readonly seal: (entry: Entry) => Promise<SealedEntry> }

/** Between two looks whether a signer is back. */
const RETRY_MS = 200

/**
 * Group commit: queue → place and sign → one durable batch → release. While one batch is being written, the
 * next is signed. An entry that only waits for company is signed at once, so that the company doesn't wait for its
 * signature. INVARIANT: nothing is released before it is durable, and after one failed write nothing is.
 */
export class CommitQueue {
  private readonly options: CommitOptions
  private key: LogKey
  private sealer: Sealer
  private readonly tree: GrowingTree
  private readonly tile: OpenTile
  private readonly open: Map<number, OpenMark>
  private readonly queue: Pending[] = []
  private batch: Batch = { changes: [], settled: [] }
  private committed: StoredHead
  /** Leaf and time of the newest entry that has its place, committed or not. */
  private last: { leaf: string; t: number }
  private writing = false
  /** An entry is being signed elsewhere. */
  private placing = false
  /** What has its place is to be written as soon as nothing else is; until then it waits for company. */
  private due = false
  private turn: NodeJS.Immediate | undefined
  private soon: NodeJS.Timeout | undefined
  private retry: NodeJS.Timeout | undefined
  private failure: CountersignError | undefined
  private idle: (() => void)[] = []

  constructor(options: CommitOptions, start: CommitStart) {
    this.options = options
    this.key = options.signer
    this.sealer = sealerOf(options.crypto, options.signer)
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

  /** Signs what is placed next. */
  get signer(): LogKey {
    return this.key
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
  handOver(bodies: readonly EntryBody[], companion: Companion, turnover: Turnover): Promise<Appended> {
    const body = bodies.at(-1) as EntryBody
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure)
      this.queue.push({
        body,
        companion: { ...companion, before: bodies.slice(0, -1) },
        closes: undefined,
        resolve,
        reject,
        turnover,
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
    clearTimeout(this.soon)
    clearTimeout(this.retry)
    for (const { pending } of this.batch.settled.splice(0)) pending.reject(fault)
    for (const pending of this.queue.splice(0)) pending.reject(fault)
    this.goOn()
  }

  /** Resolves when everything given so far is durable or rejected. */
  async drained(): Promise<void> {
    while (!this.isIdle()) {
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
    if (this.failure !== undefined) return
    if (urgency === 'now') this.due = true
    else this.soon ??= setTimeout(() => this.schedule('now'), this.options.limits.soonMs)
    this.turn ??= setImmediate(() => this.takeTurn())
  }

  private takeTurn(): void {
    this.turn = undefined
    if (this.sealer.kind === 'here') this.placeQueued()
    else void this.placeElsewhere()
    this.goOn()
  }

  /** What comes next: a write, another turn, or nothing that anybody would have to wait for. */
  private goOn(): void {
    if (this.due && !this.writing && this.batch.settled.length > 0) void this.writeBatch()
    if (this.sealer.kind === 'here' && this.mayPlace()) this.schedule('now')
    if (this.isIdle()) for (const resolve of this.idle.splice(0)) resolve()
  }

  private isIdle(): boolean {
    return !this.writing && !this.placing && this.queue.length === 0 && this.batch.settled.length === 0
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
    while (room-- > 0 && this.sealer.kind === 'here' && this.mayPlace())
      this.placeOne(this.queue.shift() as Pending, this.sealer.seal)
  }

  private placeOne(pending: Pending, seal: (entry: Entry) => SealedEntry): void {
    const { before } = pending.companion
    try {
      const place =
        before === undefined
          ? this.place(pending.body, seal)
          : this.placeTogether([...before, pending.body], seal)
      this.settle(pending, place)
    } catch (error) {
      this.refuse(pending, error as Error)
    }
  }

  /** The same with a key that is held elsewhere. While an entry is signed there, the batch before it is written. */
  private async placeElsewhere(): Promise<void> {
    if (this.placing) return
    this.placing = true
    while (this.sealer.kind === 'elsewhere' && this.failure === undefined && this.mayPlace()) {
      const pending = this.queue.shift() as Pending
      try {
        await this.signElsewhere(pending, this.sealer.seal)
      } catch (error) {
        if (isSignerGone(error) && this.failure === undefined) {
          this.awaitSigner(pending)
          break
        }
        this.refuse(pending, this.failure ?? (error as Error))
      }
      this.goOn()
    }
    this.placing = false
    this.goOn()
  }

  /** INVARIANT: what belongs together is signed whole before any of it has its place. */
  private async signElsewhere(pending: Pending, seal: (entry: Entry) => Promise<SealedEntry>): Promise<void> {
    const bodies = [...(pending.companion.before ?? []), pending.body]
    const signed: { readonly entry: Entry; readonly sealed: SealedEntry }[] = []
    let at = { seq: this.tree.size, ...this.last }
    for (const body of bodies) {
      const entry = this.entryAt(body, at)
      const sealed = await seal(entry)
      signed.push({ entry, sealed })
      at = { seq: at.seq + 1, leaf: hex(sealed.leaf), t: entry.t }
    }
    if (this.failure !== undefined) throw this.failure
    const places = signed.map(({ entry, sealed }) => this.put(entry, sealed))
    this.settle(pending, places.at(-1) as Appended)
  }

  /** Nobody signs now: what would be admitted is refused, the rest keeps its turn until somebody does. */
  private awaitSigner(pending: Pending): void {
    const fault = ledgerFault('signer_unavailable')
    const waiting = [pending, ...this.queue.splice(0)]
    for (const each of waiting) if (each.body.type === 'attempt') each.reject(fault)
    this.queue.push(...waiting.filter(({ body }) => body.type !== 'attempt'))
    this.retry ??= setTimeout(() => {
      this.retry = undefined
      this.schedule('now')
    }, RETRY_MS)
  }

  private refuse({ closes, reject }: Pending, fault: Error): void {
    if (closes !== undefined) closes.claimed = false
    reject(fault)
  }

  /** What was placed rides in the batch; behind a turnover another key signs. */
  private settle(pending: Pending, appended: Appended): void {
    const { turnover, companion } = pending
    if (turnover !== undefined) {
      this.key = turnover.signer
      this.sealer = sealerOf(this.options.crypto, turnover.signer)
      turnover.onPlaced(this.tree.size)
    }
    this.addCompanion(companion)
    this.batch.settled.push({ pending, appended })
  }

  private entryAt(
    body: EntryBody,
    at: { readonly seq: number; readonly leaf: string; readonly t: number },
  ): Entry {
    // Time never runs backwards in the log; decisions are denied by the policy while the clock does.
    const t = Math.max(this.options.clock(), at.t)
    return {
      ...body,
      v: 1,
      chain: this.committed.chain,
      seq: at.seq,
      prev: at.leaf,
      t,
      boot: this.options.boot,
    }
  }

  /** Gives an entry its place and signature, and puts it into the batch. */
  private place(body: EntryBody, seal: (entry: Entry) => SealedEntry): Appended {
    const { leaf, t } = this.last
    const entry = this.entryAt(body, { seq: this.tree.size, leaf, t })
    return this.put(entry, seal(entry))
  }

  /** INVARIANT: what belongs together is signed whole before any of it has its place. Answers the last one's. */
  private placeTogether(bodies: readonly EntryBody[], seal: (entry: Entry) => SealedEntry): Appended {
    let at = { seq: this.tree.size, ...this.last }
    const signed = bodies.map(body => {
      const entry = this.entryAt(body, at)
      const sealed = seal(entry)
      at = { seq: at.seq + 1, leaf: hex(sealed.leaf), t: entry.t }
      return { entry, sealed }
    })
    return signed.map(({ entry, sealed }) => this.put(entry, sealed)).at(-1) as Appended
  }

  /** INVARIANT: called in the order of the places, with nothing in between that was signed for the same place. */
  private put(entry: Entry, sealed: SealedEntry): Appended {
    const { seq, t } = entry
    const leaf = hex(sealed.leaf)
    this.last = { leaf, t }
    this.batch.changes.push({ key: seqKey('e', seq), value: sealed.bytes })
    const tile = this.tile.add(this.tree.append(sealed.leaf))
    if (tile !== undefined)
      this.batch.changes.push({ key: seqKey('n', Math.floor(seq / TILE_LEAVES)), value: tile })
    if (entry.type === 'outcome') this.open.delete(entry.attempt)
    if (entry.type === 'attempt' && entry.decision.effect === 'allow')
      this.open.set(seq, { leaf, t, claimed: false })
    return { seq, leaf, t }
  }

  private addCompanion(companion: Companion): void {
    if (companion.side !== undefined)
      this.batch.changes.push({ key: textKey('i', companion.side.id), value: companion.side.record })
    if (companion.archived !== undefined)
      this.batch.changes.push({ key: ARCHIVED_KEY, value: encodeArchived(companion.archived) })
    for (const { key, value } of companion.state ?? [])
      this.batch.changes.push(
        value === null ? { key: textKey('s', key) } : { key: textKey('s', key), value: utf8(value) },
      )
  }

  private async writeBatch(): Promise<void> {
    const batch = this.batch
    this.batch = { changes: [], settled: [] }
    // What is placed while this one is written was given with an urgency that is forgotten.
    this.due = this.placing || this.queue.length > 0
    clearTimeout(this.soon)
    this.soon = undefined
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
      this.goOn()
      return
    }
    this.writing = false
    this.committed = head
    for (const { pending, appended } of batch.settled) pending.resolve(appended)
    this.options.onCommitted()
    if (this.sealer.kind === 'elsewhere' && this.mayPlace()) this.schedule('now')
    this.goOn()
  }
}

function sealerOf(crypto: Pick<Crypto, 'sha256'>, key: LogKey): Sealer {
  return isRemoteKey(key)
    ? { kind: 'elsewhere', seal: remoteEntrySealer(crypto, key) }
    : { kind: 'here', seal: entrySealer(crypto, key) }
}

function isSignerGone(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'signer_unavailable'
}
