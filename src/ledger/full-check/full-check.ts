import { ledgerFault } from '../error-table.js'
import type { Expected, ReadingProgress } from './read-all.js'
import { type Reader, startReader } from './reader.js'
import { type CheckFinding, type CheckResult, readResult, writeResult } from './result.js'
import { dropOtherSnapshots, dropSnapshot, snapshotFolder, tablesOf, takeSnapshot } from './snapshot.js'

export interface FullCheckPace {
  /** Of one processor's time, above 0 up to 1. */
  readonly share: number
  /** How long a start has the machine to itself. */
  readonly afterMs: number
}

/** How the reading of everything that a start found goes, beside the keeper's work. */
export interface FullCheckStatus {
  /** `unfinished`: it could not be done, or not to its end, and `problem` says why. */
  readonly state: 'waiting' | 'reading' | 'sound' | 'unsound' | 'unfinished'
  /** Entries that the start found. */
  readonly size: number
  readonly entries: number
  readonly tables: number
  readonly ofTables: number
  readonly problem: string | null
  /** The last one that got to its end, of this start or an earlier one. */
  readonly last: { readonly t: number; readonly size: number; readonly sound: boolean } | null
}

export interface FullCheckOptions {
  readonly dir: string
  /** UUID of this start. */
  readonly boot: string
  readonly mark: Expected
  /** Entries that this start found. */
  readonly size: number
  readonly clock: () => number
  readonly pace: FullCheckPace
}

/**
 * Reads the whole ledger in the background, as this start found it: what the start itself looks at doesn't grow with
 * the ledger. INVARIANT: a finding is on disk before anybody is told, so that the next start begins with it.
 */
export class FullCheck {
  /** Resolves when there is nothing more to come; never where it is stopped before. */
  readonly ended: Promise<FullCheckStatus>
  private readonly options: FullCheckOptions
  private tables = 0
  private end: (status: FullCheckStatus) => void = () => undefined
  private state: FullCheckStatus['state'] = 'waiting'
  private problem: string | null = null
  private progress: ReadingProgress = { tables: 0, entries: 0 }
  private last: CheckResult | null
  private timer: NodeJS.Timeout | undefined
  private reader: Reader | undefined
  private stopped = false

  private constructor(options: FullCheckOptions, last: CheckResult | null) {
    this.options = options
    this.last = last
    this.ended = new Promise(resolve => {
      this.end = resolve
    })
  }

  /** Over the snapshot of this start, which must have been taken. */
  static async prepare(options: FullCheckOptions): Promise<FullCheck> {
    return new FullCheck(options, await readResult(options.dir))
  }

  begin(onFinding: (finding: CheckFinding) => void): void {
    this.timer = setTimeout(() => {
      this.state = 'reading'
      this.read()
        .then(finding => {
          if (finding !== null) onFinding(finding)
        })
        .catch((error: Error) => this.giveUp(error.message))
    }, this.options.pace.afterMs)
  }

  status(): FullCheckStatus {
    const { last } = this
    return {
      state: this.state,
      size: this.options.size,
      ...this.progress,
      ofTables: this.tables,
      problem: this.problem,
      last: last === null ? null : { t: last.t, size: last.size, sound: last.finding === null },
    }
  }

  async stop(): Promise<void> {
    this.stopped = true
    clearTimeout(this.timer)
    this.reader?.stop()
    await this.drop()
  }

  private async read(): Promise<CheckFinding | null> {
    const { dir, boot, mark, size, clock, pace } = this.options
    await dropOtherSnapshots(dir, boot)
    const tables = await tablesOf(dir, boot)
    if (tables === null) throw new Error('its files can’t be linked on this disk')
    this.tables = tables
    if (this.stopped) return null
    const order = { dir: snapshotFolder(dir, boot), expected: mark, share: pace.share }
    this.reader = startReader(order, progress => {
      this.progress = progress
    })
    const finding = await this.reader.finding
    if (this.stopped) return null
    this.progress = { tables, entries: finding === null ? size : this.progress.entries }
    this.last = { t: clock(), size, finding }
    await writeResult(dir, this.last)
    this.finish(finding === null ? 'sound' : 'unsound', finding?.detail ?? null)
    return finding
  }

  /** That it could not be read says nothing about the ledger. */
  private giveUp(problem: string): void {
    if (!this.stopped) this.finish('unfinished', problem)
  }

  private finish(state: FullCheckStatus['state'], problem: string | null): void {
    this.state = state
    this.problem = problem
    this.end(this.status())
    void this.drop()
  }

  /** What can't be removed now, the next start removes. */
  private async drop(): Promise<void> {
    await dropSnapshot(this.options.dir, this.options.boot).catch(() => undefined)
  }
}

/**
 * Where the last reading found something, everything is read before a start relies on any of it. Throws what was found,
 * also where it can't be read again.
 */
export async function refuseUnsound(
  options: Pick<FullCheckOptions, 'dir' | 'boot' | 'mark' | 'clock'>,
): Promise<void> {
  const { dir, boot, mark, clock } = options
  const noted = (await readResult(dir))?.finding ?? null
  if (noted === null) return
  const finding = await foundAgain(dir, boot, mark).catch(() => noted)
  await writeResult(dir, { t: clock(), size: mark.size, finding })
  if (finding !== null) throw ledgerFault(finding.code, finding.detail)
}

async function foundAgain(dir: string, boot: string, mark: Expected): Promise<CheckFinding | null> {
  try {
    await takeSnapshot(dir, boot)
    if ((await tablesOf(dir, boot)) === null) throw new Error('its files can’t be linked on this disk')
    const order = { dir: snapshotFolder(dir, boot), expected: mark, share: 1 }
    return await startReader(order, () => undefined).finding
  } finally {
    await dropSnapshot(dir, boot)
  }
}
