import type { Appended, Ledger } from '../ledger/index.js'
import type { Clock } from './ports.js'

export interface SuppressionBounds {
  /** Refusals per code that are recorded one by one in each interval. */
  readonly recorded: number
  readonly intervalMs: number
  /** Codes counted apart; what comes beyond is counted as `other`. */
  readonly maxCodes: number
}

export const SUPPRESSION: SuppressionBounds = { recorded: 10, intervalMs: 60_000, maxCodes: 64 }

interface Count {
  recorded: number
  /** The first that was counted is in the log. */
  begun: boolean
  suppressed: number
  fromMs: number
}

/**
 * Keeps strangers from filling the disk: refusals of unauthenticated requests are recorded up to a number per
 * code and interval, and counted after that, the first in a `suppressed` entry at once and the others in one at its end. Denials of
 * an authenticated agent never come here.
 *
 * ATTACK: whoever can end the keeper floods before. The count of a minute is lost, and not that there was one.
 */
export class Suppression {
  private readonly ledger: Pick<Ledger, 'append'>
  private readonly clock: Clock
  private readonly bounds: SuppressionBounds
  private counts = new Map<string, Count>()

  constructor(ledger: Pick<Ledger, 'append'>, clock: Clock, bounds: SuppressionBounds = SUPPRESSION) {
    this.ledger = ledger
    this.clock = clock
    this.bounds = bounds
  }

  /** True where this refusal gets an entry of its own; counts it otherwise. */
  mayRecord(code: string): boolean {
    const count = this.countOf(code)
    if (count.recorded < this.bounds.recorded) {
      count.recorded++
      return true
    }
    if (count.begun) this.add(count)
    else {
      count.begun = true
      const nowMs = this.clock.nowMs()
      this.write(code, 1, nowMs, nowMs).catch(() => this.add(this.countOf(code)))
    }
    return false
  }

  /** Writes what was counted, and begins a new interval. Called once per interval and at the stop. */
  async flush(): Promise<void> {
    const counts = this.counts
    this.counts = new Map()
    const to = this.clock.nowMs()
    await Promise.all(
      [...counts]
        .filter(([, { suppressed }]) => suppressed > 0)
        .map(([code, { suppressed, fromMs }]) => this.write(code, suppressed, fromMs, to)),
    )
  }

  private add(count: Count): void {
    if (count.suppressed === 0) count.fromMs = this.clock.nowMs()
    count.suppressed++
  }

  private write(code: string, count: number, from: number, to: number): Promise<Appended> {
    return this.ledger.append({ type: 'suppressed', data: { code, count, from, to } }, { urgency: 'soon' })
  }

  /** ATTACK: a lying gate that invents codes gets no more entries than an honest one. */
  private countOf(code: string): Count {
    const known = this.counts.get(code)
    if (known !== undefined) return known
    if (this.counts.size >= this.bounds.maxCodes && code !== 'other') return this.countOf('other')
    const count = { recorded: 0, begun: false, suppressed: 0, fromMs: 0 }
    this.counts.set(code, count)
    return count
  }
}
