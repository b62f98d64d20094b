import { type CountersignError, type Crypto, isRemoteKey, type RemoteKey } from '../canon/index.js'
import {
  type AttemptBody,
  decodeEntry,
  type Entry,
  type EntryBody,
  type NodeReader,
  signCheckpointWith,
} from '../receipt/index.js'
import type { Archived } from './archive/archived.js'
import { Archiving } from './archive/archiving.js'
import { type CommitLimits, CommitQueue, type CommitStart, type OpenMark } from './commit.js'
import { ledgerFault } from './error-table.js'
import type { FullCheck, FullCheckStatus } from './full-check/full-check.js'
import type { CheckFinding } from './full-check/result.js'
import { HighWater } from './high-water.js'
import type {
  Appended,
  Companion,
  Ledger,
  LedgerHead,
  OpenAttempt,
  SideStore,
  StateReader,
} from './ledger.js'
import type { Store } from './store.js'
import {
  CheckpointKeys,
  checkSuccession,
  handOverChanges,
  type KeySuccession,
  type LogKey,
  namingFaults,
} from './succession.js'

export interface LedgerLimits extends CommitLimits {
  /** Least time between two writes of the high-water file while nobody waits for it. */
  readonly markPaceMs: number
}

const DEFAULT_LIMITS: LedgerLimits = {
  batchEntries: 512,
  turnEntries: 16,
  queuedEntries: 16_384,
  soonMs: 3,
  markLagEntries: 4_096,
  markPaceMs: 50,
}

/** How long a ledger that is closed waits for a signer that is gone. */
const SIGNER_PATIENCE_MS = 5_000

export interface WriterOptions {
  /** Folder of the ledger. */
  readonly dir: string
  readonly highWater: string
  readonly signer: LogKey
  readonly checkpointKey: LogKey
  /** A replaced checkpoint key that still signs beside, and until when, Unix milliseconds. */
  readonly beside: { readonly key: LogKey; readonly untilMs: number } | null
  readonly crypto: Crypto
  readonly clock: () => number
  readonly boot: string
  readonly limits?: Partial<LedgerLimits>
  readonly fullCheck?: FullCheck | null
}

/** The ledger while it is open: group commit on one side, the high-water file behind it on the other. */
export class LedgerWriter implements Ledger {
  readonly chain: string
  readonly state: StateReader
  readonly side: SideStore
  readonly node: NodeReader
  readonly failed: Promise<CountersignError>
  readonly archiving: Archiving
  private readonly store: Store
  private readonly options: WriterOptions
  private readonly commits: CommitQueue
  private readonly highWater: HighWater
  private readonly checkpointKeys: CheckpointKeys
  private readonly listeners = new Set<(head: LedgerHead) => void>()
  private note: { readonly size: number; readonly text: string } | undefined
  private closing: Promise<void> | undefined

  constructor(store: Store, start: CommitStart, markedSize: number, options: WriterOptions) {
    const { crypto, beside, boot, clock } = options
    const signer = namingFaults(options.signer)
    const retiring = beside === null ? null : { ...beside, key: namingFaults(beside.key) }
    this.checkpointKeys = new CheckpointKeys(namingFaults(options.checkpointKey), retiring, clock)
    const limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.store = store
    this.options = options
    this.chain = start.head.chain
    this.state = { get: key => store.state(key), list: prefix => store.states(prefix) }
    this.node = node => store.node(node)
    this.side = { get: id => store.side(id), erase: id => store.eraseSide(id) }
    let failedWith = (_: CountersignError): void => undefined
    this.failed = new Promise(resolve => {
      failedWith = resolve
    })
    this.highWater = new HighWater(
      {
        file: options.highWater,
        crypto,
        keys: size => this.checkpointKeys.signers(size),
        paceMs: limits.markPaceMs,
        newest: () => {
          const { chain, size, root, leaf } = this.commits.head
          return { origin: chain, size, root, leaf }
        },
        onCovered: () => this.commits.resume(),
        onFailure: cause => this.fail('mark_write_failed', cause.message),
      },
      markedSize,
    )
    this.commits = new CommitQueue(
      {
        crypto,
        signer,
        boot,
        clock,
        limits,
        write: changes => store.write(changes),
        covered: () => this.highWater.covered,
        onCommitted: () => this.committed(),
        onFailure: fault => {
          this.highWater.fail(fault)
          if (fault.code !== 'ledger_closed') failedWith(fault)
        },
      },
      start,
    )
    this.archiving = new Archiving({
      store,
      dir: options.dir,
      crypto,
      chain: this.chain,
      head: () => this.head(),
      open: () => this.commits.openAttempts().map(([seq]) => seq),
      checkpoint: () => this.checkpoint(),
      checkpointAt: (size, root) => this.signCheckpoint(size, root),
      append: (body, companion) => this.append(body, companion),
    })
  }

  head(): LedgerHead {
    const { size, leaf, root, t } = this.commits.head
    return { size, leaf, root, t }
  }

  append(body: EntryBody, companion?: Companion): Promise<Appended> {
    if (this.closing !== undefined) return Promise.reject(ledgerFault('ledger_closed'))
    // What was admitted before is still brought to its end as soon as it can be signed.
    if (body.type === 'attempt' && !this.signersAvailable())
      return Promise.reject(ledgerFault('signer_unavailable'))
    return this.commits.append(body, companion)
  }

  get(seq: number): Promise<Uint8Array | undefined> {
    return seq < this.commits.head.size ? this.store.entry(seq) : Promise.resolve(undefined)
  }

  async *entries(from = 0): AsyncGenerator<Uint8Array> {
    for await (const [, bytes] of this.store.entries(from, this.commits.head.size)) yield bytes
  }

  fullCheck(): FullCheckStatus | null {
    return this.options.fullCheck?.status() ?? null
  }

  fullCheckEnded(): Promise<FullCheckStatus> | null {
    return this.options.fullCheck?.ended ?? null
  }

  /** What it finds ends the ledger as if no start had been possible. */
  beginFullCheck(): void {
    this.options.fullCheck?.begin(({ code, detail }) => this.fail(code, detail))
  }

  async openAttempts(): Promise<readonly OpenAttempt[]> {
    return Promise.all(this.commits.openAttempts().map(([seq, mark]) => this.openAttempt(seq, mark)))
  }

  async checkpoint(): Promise<string> {
    const { size, root } = this.commits.head
    if (this.note?.size !== size) {
      const text = await this.signCheckpoint(size, root)
      this.note = { size, text }
      return text
    }
    return this.note.text
  }

  archived(): Archived | null {
    return this.store.archived
  }

  async succeed(succession: KeySuccession): Promise<Appended> {
    if (this.closing !== undefined) throw ledgerFault('ledger_closed')
    checkSuccession(succession)
    const { crypto, clock } = this.options
    const { entries, overlapMs } = succession
    const [signer, checkpointKey] = [namingFaults(succession.signer), namingFaults(succession.checkpointKey)]
    const t = clock()
    const onPlaced = (size: number) => this.checkpointKeys.follow(size, checkpointKey, t + overlapMs)
    const state = handOverChanges(crypto, succession, t)
    return this.commits.handOver(entries, { state }, { signer, onPlaced })
  }

  marked(seq: number): Promise<void> {
    return this.highWater.cover(seq + 1)
  }

  onCommit(listener: (head: LedgerHead) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  close(lastly: () => Promise<void> = async () => {}): Promise<void> {
    this.closing ??= this.finish(lastly)
    return this.closing
  }

  /** The checkpoint key in force, and the one that signs entries: without either nothing new is admitted. */
  private signersAvailable(): boolean {
    return this.remoteKeys().every(key => key.available())
  }

  private remoteKeys(): readonly RemoteKey[] {
    const [checkpointKey] = this.checkpointKeys.signers(this.commits.head.size)
    return [this.commits.signer, checkpointKey].filter(key => key !== undefined).filter(isRemoteKey)
  }

  private async finish(lastly: () => Promise<void>): Promise<void> {
    // A signer that doesn't come back must not keep the lock: what it hasn't signed, the next start closes.
    const patience =
      this.remoteKeys().length === 0
        ? undefined
        : setTimeout(() => this.fail('signer_unavailable'), SIGNER_PATIENCE_MS)
    try {
      const closed = await this.commits.append({ type: 'close', data: { reason: 'stopped' } })
      await this.commits.drained()
      await this.marked(closed.seq)
    } finally {
      clearTimeout(patience)
      this.fail('ledger_closed')
      await this.options.fullCheck?.stop()
      await this.archiving.stop()
      await this.highWater.settled()
      await lastly().finally(() => this.store.close())
    }
  }

  private committed(): void {
    this.highWater.advance()
    const head = this.head()
    for (const listener of this.listeners) listener(head)
  }

  private signCheckpoint(size: number, root: string): Promise<string> {
    const checkpoint = { origin: this.chain, size, root }
    return signCheckpointWith(this.options.crypto, checkpoint, this.checkpointKeys.signers(size))
  }

  private async openAttempt(seq: number, { leaf, t }: OpenMark): Promise<OpenAttempt> {
    const bytes = await this.store.entry(seq)
    const entry = bytes === undefined ? undefined : decodeEntry(bytes)
    if (entry?.type !== 'attempt') throw ledgerFault('ledger_damaged', `entry ${seq}: is not an attempt`)
    return { seq, leaf, t, entry: entry as Entry & AttemptBody }
  }

  private fail(
    code: 'mark_write_failed' | 'ledger_closed' | 'signer_unavailable' | CheckFinding['code'],
    detail?: string,
  ): void {
    this.commits.poison(ledgerFault(code, detail))
  }
}
