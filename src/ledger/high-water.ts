import type { Crypto, RemoteKey, SigningKey } from '../canon/index.js'
import { encodeMark, type Mark, writeMark } from './mark.js'

/** Between two looks whether a signer is back. */
const RETRY_MS = 200

interface Waiter {
  readonly size: number
  readonly resolve: () => void
  readonly reject: (fault: Error) => void
}

export interface HighWaterOptions {
  readonly file: string
  readonly crypto: Pick<Crypto, 'sha256' | 'verify'>
  /** The keys that sign a mark of this size. */
  readonly keys: (size: number) => readonly (SigningKey | RemoteKey)[]
  /** Least time between two writes while nobody waits. */
  readonly paceMs: number
  /** The newest mark that is true: called when a write begins. */
  readonly newest: () => Mark
  readonly onCovered: () => void
  readonly onFailure: (cause: Error) => void
}

/** Writes the high-water file behind the commits: one write at a time, the newest head each time. */
export class HighWater {
  private readonly options: HighWaterOptions
  private coveredSize: number
  private waiters: Waiter[] = []
  private writing: Promise<void> | undefined
  private timer: NodeJS.Timeout | undefined
  private failure: Error | undefined

  constructor(options: HighWaterOptions, coveredSize: number) {
    this.options = options
    this.coveredSize = coveredSize
  }

  /** Number of entries that the file covers. */
  get covered(): number {
    return this.coveredSize
  }

  /** There is a newer head: cover it within `paceMs`, or at once where somebody waits. */
  advance(): void {
    if (this.writing !== undefined || this.failure !== undefined) return
    if (this.waiters.length > 0) this.begin()
    else this.timer ??= setTimeout(() => this.begin(), this.options.paceMs)
  }

  /** Resolves when the file covers `size` entries. */
  async cover(size: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    if (size <= this.coveredSize) return
    await new Promise<void>((resolve, reject) => {
      this.waiters.push({ size, resolve, reject })
      this.advance()
    })
  }

  /** Ends waiting: the head will not grow any more. */
  fail(fault: Error): void {
    this.failure ??= fault
    clearTimeout(this.timer)
    for (const waiter of this.waiters.splice(0)) waiter.reject(fault)
  }

  /** Resolves when no write is under way. */
  async settled(): Promise<void> {
    await this.writing
  }

  private begin(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const mark = this.options.newest()
    if (mark.size <= this.coveredSize) return
    this.writing = this.write(mark).finally(() => {
      this.writing = undefined
      if (this.timer === undefined && this.options.newest().size > this.coveredSize) this.advance()
    })
  }

  private async write(mark: Mark): Promise<void> {
    try {
      const { file, crypto, keys } = this.options
      const signed = await this.signed(() => encodeMark(crypto, mark, ...keys(mark.size)))
      if (signed === null) return
      await writeMark(file, signed)
    } catch (error) {
      this.options.onFailure(error as Error)
      return
    }
    this.coveredSize = mark.size
    this.release()
    this.options.onCovered()
  }

  /** Null where a key that is held elsewhere can't be used now: the mark stays where it is, and it is tried again. */
  private async signed(encode: () => Promise<Uint8Array>): Promise<Uint8Array | null> {
    try {
      return await encode()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'signer_unavailable') throw error
      if (this.failure === undefined) this.timer ??= setTimeout(() => this.begin(), RETRY_MS)
      return null
    }
  }

  private release(): void {
    const ready = this.waiters.filter(waiter => waiter.size <= this.coveredSize)
    this.waiters = this.waiters.filter(waiter => waiter.size > this.coveredSize)
    for (const waiter of ready) waiter.resolve()
  }
}
