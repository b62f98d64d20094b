import { CountersignError, type Crypto } from '../../canon/index.js'
import { ledgerFault } from '../error-table.js'
import { type BatchBounds, leafAt, newestCheckpoint, readBatch, type ShippedLedger, timeAt } from './batch.js'
import { type Cursor, readCursor, startOf, writeCursor } from './cursor.js'
import type { Batch, Delivery, Sink, SinkKind } from './sink.js'

/** Facts and one sentence; never a secret, nor what a sink answered. */
export interface ShipLog {
  info(facts: object, sentence: string): void
  warn(facts: object, sentence: string): void
  error(facts: object, sentence: string): void
}

export interface LaneOptions {
  /** Of the sink, in configuration, log and status. */
  readonly name: string
  readonly sink: Sink
  readonly ledger: ShippedLedger
  readonly cursorFile: string
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly log: ShipLog
  /** Unix milliseconds. */
  readonly nowMs: () => number
  /** 0 ≤ x < 1, for the jitter of retries. */
  readonly random: () => number
  readonly bounds: BatchBounds
  /** Longest time that entries wait for company. */
  readonly everyMs: number
  /** For one batch. */
  readonly sendTimeoutMs: number
  readonly firstRetryMs: number
  readonly longestRetryMs: number
}

export interface Failing {
  readonly code: string
  readonly message: string
  readonly sinceMs: number
  readonly tries: number
}

export interface LaneStatus {
  readonly name: string
  readonly kind: SinkKind
  readonly to: string
  readonly acknowledges: boolean
  /** Entries that the sink has, from the first on. */
  readonly shipped: number
  readonly lag: ShippingLag
  readonly lastStoredMs: number | null
  readonly failing: Failing | null
}

/** What may be behind: either number stops; null is no bound. */
export interface ShipBound {
  readonly entries: number | null
  readonly seconds: number | null
}

/** How far a sink is behind the ledger's head. */
export interface ShippingLag {
  readonly entries: number
  /** Age of the oldest entry that it hasn't, whole seconds; 0 where it has all. */
  readonly seconds: number
}

/** The way of the entries to one sink: one batch at a time, in order, again until it is acknowledged. */
export class Lane {
  private readonly options: LaneOptions
  private cursor: Cursor
  /** Nothing can be sent any more: what the sink has is not of this ledger. */
  private readonly stuck: boolean
  private batch: Batch | undefined
  private checkpoint: Batch['checkpoint'] | undefined
  /** Time of the oldest entry that the sink hasn't, Unix milliseconds. */
  private oldestMs: number | null = null
  private waitingSince = 0
  private retryAt = 0
  private failure: Failing | null
  private lastStoredMs: number | null = null
  /** The sink named another place, and stored nothing since. */
  private moved = false
  private finishing = false
  private triedLast = false
  private everyMs: number
  private batchEntries: number
  private sending: AbortController | undefined
  private wake: () => void = () => {}
  private readonly running: Promise<void>

  private constructor(options: LaneOptions, start: LaneStart) {
    this.options = options
    this.cursor = start.cursor
    this.failure = start.fault === null ? null : failingSince(start.fault, options.nowMs(), 1)
    this.stuck = start.fault !== null
    this.everyMs = options.everyMs
    this.batchEntries = options.bounds.entries
    this.oldestMs = start.oldestMs
    this.waitingSince = -Infinity
    this.running = this.stuck ? Promise.resolve() : this.run()
  }

  /** Takes up where the cursor's file says, and begins. Never rejects for what the file or the sink says. */
  static async open(options: LaneOptions): Promise<Lane> {
    const start = await startFor(options)
    if (start.fault !== null)
      options.log.error(
        { code: start.fault.code, sink: options.name },
        `not shipping: ${start.fault.message}`,
      )
    return new Lane(options, start)
  }

  /** There are new entries. */
  committed(t: number): void {
    if (this.oldestMs === null) {
      this.oldestMs = t
      this.waitingSince = performance.now()
    }
    if (this.sending === undefined) this.wake()
  }

  /** Null where nothing of this ledger can be said to be there. */
  lag(nowMs: number): ShippingLag | null {
    return this.stuck ? null : this.behind(nowMs)
  }

  status(): LaneStatus {
    const { name, sink } = this.options
    return {
      name,
      kind: sink.kind,
      to: sink.to,
      acknowledges: sink.acknowledges,
      shipped: this.cursor.size,
      lag: this.behind(this.options.nowMs()),
      lastStoredMs: this.lastStoredMs,
      failing: this.failure,
    }
  }

  /** Waits for company no longer than a third of what somebody allows to be behind, so that waiting alone never stops anybody. */
  keepWithin(bound: ShipBound | null): void {
    const { everyMs, bounds } = this.options
    this.everyMs = Math.min(everyMs, ((bound?.seconds ?? Infinity) * 1_000) / 3)
    this.batchEntries = Math.min(bounds.entries, Math.max(1, Math.floor((bound?.entries ?? Infinity) / 3)))
    if (this.sending === undefined) this.wake()
  }

  /** Sends what there is, without waiting for company, for so long; then ends. */
  async stop(withinMs: number): Promise<void> {
    this.finishing = true
    const timer = setTimeout(() => {
      this.triedLast = true
      this.sending?.abort()
      this.wake()
    }, withinMs)
    this.wake()
    await this.running
    clearTimeout(timer)
    await this.options.sink.close()
  }

  private behind(nowMs: number): ShippingLag {
    const entries = Math.max(0, this.options.ledger.head().size - this.cursor.size)
    if (entries === 0 || this.oldestMs === null) return { entries, seconds: 0 }
    return { entries, seconds: Math.max(0, Math.floor((nowMs - this.oldestMs) / 1_000)) }
  }

  private async run(): Promise<void> {
    for (;;) {
      const dueInMs = this.dueInMs()
      if (this.finishing && (dueInMs === Infinity || this.triedLast)) return
      if (dueInMs > 0) await this.sleep(dueInMs)
      else await this.sendNext()
    }
  }

  private dueInMs(): number {
    const pending = this.options.ledger.head().size - this.cursor.size
    if (pending <= 0) return Infinity
    if (this.finishing) return 0
    const now = performance.now()
    if (this.failure !== null) return this.retryAt - now
    const begun = this.checkpoint !== undefined && this.cursor.size < this.checkpoint.size
    return begun || pending >= this.batchEntries ? 0 : this.waitingSince + this.everyMs - now
  }

  /** Until the time has passed or something happened. */
  private async sleep(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>(resolve => {
      this.wake = resolve
      if (ms !== Infinity) timer = setTimeout(resolve, Math.max(1, ms))
    })
    clearTimeout(timer)
    this.wake = () => {}
  }

  private async sendNext(): Promise<void> {
    const last = this.finishing && this.failure !== null
    try {
      const batch = await this.nextBatch()
      await this.take(batch, await this.deliver(batch))
      this.recovered()
    } catch (error) {
      this.fail(asFault(error))
      // Not reachable before, and not now: somebody waits for this process to end.
      if (last) this.triedLast = true
    }
  }

  private async nextBatch(): Promise<Batch> {
    if (this.batch !== undefined) return this.batch
    const { ledger, crypto, bounds } = this.options
    const first = this.cursor.size
    if (this.checkpoint === undefined || this.checkpoint.size <= first)
      this.checkpoint = await newestCheckpoint(ledger)
    const again = this.cursor.sending
    const end = again < first ? Infinity : again + 1
    this.batch = await readBatch(ledger, first, end, this.checkpoint, bounds, crypto)
    if (this.cursor.sending !== this.batch.last)
      await this.remember({ ...this.cursor, sending: this.batch.last })
    return this.batch
  }

  private async deliver(batch: Batch): Promise<Delivery> {
    const { sink, sendTimeoutMs } = this.options
    const sending = new AbortController()
    this.sending = sending
    const timer = setTimeout(() => sending.abort(), sendTimeoutMs)
    try {
      // A sink that doesn't hear the signal is not waited for either.
      return await Promise.race([sink.send(batch, sending.signal), aborted(sending.signal)])
    } finally {
      clearTimeout(timer)
      sending.abort()
      this.sending = undefined
    }
  }

  private async take(batch: Batch, delivery: Delivery): Promise<void> {
    switch (delivery.kind) {
      case 'stored':
        this.moved = false
        this.lastStoredMs = this.options.nowMs()
        return this.goTo({ chain: batch.chain, size: batch.last + 1, leaf: batch.leaf, sending: -1 })
      case 'elsewhere':
        return this.move(batch, delivery)
    }
  }

  /** The sink has less or more than the cursor says; it is believed where the ledger agrees, once. */
  private async move(batch: Batch, { next, leaf }: Extract<Delivery, { kind: 'elsewhere' }>): Promise<void> {
    const { ledger, crypto, log, name } = this.options
    const { size } = ledger.head()
    if (next > size) throw ledgerFault('ship_ahead', `it has ${next} entries, the ledger ${size}`)
    if (next === batch.first || this.moved)
      throw ledgerFault('ship_answer', `it asks for entry ${next} and doesn’t take it`)
    const start = startOf(ledger.chain)
    const ours = next === 0 ? start.leaf : await leafAt(ledger, next - 1, crypto)
    if (ours === undefined || (leaf !== null && leaf !== ours))
      throw ledgerFault('ship_conflict', `entry ${next - 1} is another there`)
    log.warn({ sink: name, from: batch.first, to: next }, 'the sink asks for entries from elsewhere on')
    this.moved = true
    await this.goTo({ ...start, size: next, leaf: ours })
  }

  private async goTo(cursor: Cursor): Promise<void> {
    const { ledger } = this.options
    this.batch = undefined
    this.cursor = cursor
    await this.remember(cursor)
    if (ledger.head().size <= cursor.size) {
      this.oldestMs = null
      return
    }
    this.oldestMs = (await timeAt(ledger, cursor.size)) ?? this.oldestMs
    this.waitingSince = performance.now()
  }

  /** Where the disk refuses, more is sent again after the next start than need be; nothing is lost. */
  private async remember(cursor: Cursor): Promise<void> {
    this.cursor = cursor
    try {
      await writeCursor(this.options.cursorFile, cursor)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      this.options.log.error(
        { code: 'ship_cursor', sink: this.options.name, reason: code },
        'a cursor can’t be written',
      )
    }
  }

  private fail(fault: CountersignError): void {
    const { log, name, sink, nowMs, random, firstRetryMs, longestRetryMs } = this.options
    const tries = (this.failure?.tries ?? 0) + 1
    if (this.failure?.code !== fault.code)
      log.error({ code: fault.code, sink: name, to: sink.to }, `receipts can’t be shipped: ${fault.message}`)
    this.failure = failingSince(fault, this.failure?.sinceMs ?? nowMs(), tries)
    const pauseMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(tries - 1, 20))
    this.retryAt = performance.now() + pauseMs * (0.75 + random() / 2)
  }

  private recovered(): void {
    if (this.failure === null) return
    const { log, name, nowMs } = this.options
    const seconds = Math.round((nowMs() - this.failure.sinceMs) / 1_000)
    log.info({ sink: name, seconds, tries: this.failure.tries }, 'receipts are shipped again')
    this.failure = null
  }
}

interface LaneStart {
  readonly cursor: Cursor
  readonly oldestMs: number | null
  /** Why nothing can be sent. */
  readonly fault: CountersignError | null
}

/** ATTACK: an old copy of the ledger is put back. What the sink acknowledged is then not in it, or is another entry. */
async function startFor({ ledger, cursorFile, crypto, log, name }: LaneOptions): Promise<LaneStart> {
  const found = await readCursor(cursorFile)
  if (found === 'damaged')
    log.warn({ code: 'ship_cursor', sink: name }, 'the cursor is unreadable: shipping starts over')
  const cursor =
    found === undefined || found === 'damaged' || found.chain !== ledger.chain ? startOf(ledger.chain) : found
  const { size } = ledger.head()
  const refused = (fault: CountersignError) => ({ cursor, oldestMs: null, fault })
  if (cursor.size > size)
    return refused(ledgerFault('ship_ahead', `it has ${cursor.size} entries, the ledger ${size}`))
  if (cursor.size > 0 && (await leafAt(ledger, cursor.size - 1, crypto)) !== cursor.leaf)
    return refused(ledgerFault('ship_conflict', `entry ${cursor.size - 1} is another there`))
  return { cursor, oldestMs: (await timeAt(ledger, cursor.size)) ?? null, fault: null }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(ledgerFault('ship_timeout')), { once: true }),
  )
}

function failingSince({ code, message }: CountersignError, sinceMs: number, tries: number): Failing {
  return { code, message, sinceMs, tries }
}

/** Codes only: the words of a foreign error may hold what was sent or answered. */
function asFault(error: unknown): CountersignError {
  if (error instanceof CountersignError) return error
  const { code } = error as NodeJS.ErrnoException
  return ledgerFault('ship_unreachable', typeof code === 'string' ? code : '')
}
