import type { Entry } from './entry.js'

/** What heartbeats promise before the first of a log has said it; the keeper's default. */
const FIRST_PROMISE_MS = 60_000
/** The keeper's longest. ATTACK: whoever wants to be silent promises a heartbeat in a thousand years. */
const LONGEST_PROMISE_MS = 86_400_000
/** A log counts as silent after so many heartbeats that didn't come. */
const MISSED_BEATS = 3
const MAX_SILENCES = 10_000

/** A time in which a log had no entry although its heartbeats promised some. */
export interface Silence {
  /** Unix milliseconds. */
  readonly from: number
  readonly to: number
  /** The keeper had said that it stops. */
  readonly closed: boolean
}

/** When a log speaks and when it doesn't: fed with its entries in order. */
export class Silences {
  private readonly agreedMs: number | null
  private promisedMs = FIRST_PROMISE_MS
  private last: { readonly t: number; readonly closed: boolean } | null = null
  private readonly found: Silence[] = []
  private total = 0

  /** `agreedMs`: how long the log may be silent, where somebody says so; otherwise as its heartbeats promise. */
  constructor(agreedMs: number | null = null) {
    this.agreedMs = agreedMs
  }

  add(entry: Entry): void {
    const { last } = this
    if (last !== null && entry.t - last.t > this.toleratedMs) {
      this.total++
      if (this.found.length < MAX_SILENCES)
        this.found.push({ from: last.t, to: entry.t, closed: last.closed })
    }
    if (entry.type === 'heartbeat' && typeof entry.data.every === 'number')
      this.promisedMs = Math.min(entry.data.every, LONGEST_PROMISE_MS)
    this.last = { t: entry.t, closed: entry.type === 'close' }
  }

  /** How long the log may be silent as it is now, milliseconds. */
  get toleratedMs(): number {
    return this.agreedMs ?? this.promisedMs * MISSED_BEATS
  }

  /** The newest entry; null where there is none. */
  get newest(): { readonly t: number; readonly closed: boolean } | null {
    return this.last
  }

  /** The first silences between entries; see `count`. */
  get list(): readonly Silence[] {
    return this.found
  }

  get count(): number {
    return this.total
  }
}
