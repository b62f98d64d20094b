import type { Log } from './ports.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Ahead of the end, the longest first. */
const STAGES_MS: readonly number[] = [14 * DAY_MS, 3 * DAY_MS, DAY_MS]

/** Something that ends, and with it every admission. */
export interface Ending {
  readonly what: 'policy' | 'enrolment'
  /** Tells one policy from the next. */
  readonly id: string
  readonly expiresMs: number
}

/** Warns in the log 14 days, 3 days and 1 day before something expires: each once, and only the nearest after a start. */
export class ExpiryAlarm {
  /** The last stage that was told, by what and id. */
  private readonly told = new Map<string, number>()
  private readonly log: Log

  constructor(log: Log) {
    this.log = log
  }

  look(endings: readonly Ending[], nowMs: number): void {
    for (const { what, id, expiresMs } of endings) {
      const leftMs = expiresMs - nowMs
      const stage = STAGES_MS.filter(each => leftMs <= each).at(-1)
      const told = this.told.get(`${what} ${id}`)
      if (leftMs <= 0 || stage === undefined || (told !== undefined && told <= stage)) continue
      this.told.set(`${what} ${id}`, stage)
      const facts = {
        what,
        id,
        expires: new Date(expiresMs).toISOString(),
        hours: Math.floor(leftMs / HOUR_MS),
      }
      if (stage === DAY_MS) this.log.error(facts, `the ${what} expires within a day`)
      else this.log.warn(facts, `the ${what} expires within ${stage / DAY_MS} days`)
    }
  }
}
