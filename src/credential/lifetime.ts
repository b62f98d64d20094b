import type { MintScope, RecordedCredential } from './ports.js'

/** Runs a task later and returns what cancels it. */
export type Schedule = (delayMs: number, task: () => void) => () => void

const LONGEST_DELAY_MS = 2_147_483_647

export const timerSchedule: Schedule = (delayMs, task) => {
  const timer = setTimeout(task, Math.min(delayMs, LONGEST_DELAY_MS))
  timer.unref()
  return () => clearTimeout(timer)
}

export interface Lifespan {
  readonly mintedMs: number
  readonly expiresMs: number
}

/** A credential between its mint and its end. */
export interface LiveCredential extends Lifespan {
  readonly credential: RecordedCredential
  readonly agent: MintScope['agent']
}

/** A credential is renewed when this part of its life is over; the one before serves until then. */
const RENEW_AFTER = 0.8
/** Not handed out so shortly before its end that it would be over when it arrives. */
const LEAST_LEFT_MS = 5_000
const LEAST_LEFT_PART = 0.1

export function isUsable({ mintedMs, expiresMs }: Lifespan, nowMs: number): boolean {
  return expiresMs - nowMs > Math.min(LEAST_LEFT_MS, (expiresMs - mintedMs) * LEAST_LEFT_PART)
}

export function isDueForRenewal({ mintedMs, expiresMs }: Lifespan, nowMs: number): boolean {
  return nowMs >= mintedMs + RENEW_AFTER * (expiresMs - mintedMs)
}

const RETRY_MS = 5_000
const MAX_TRIES = 8

/**
 * Everything that has to be ended at an upstream: on demand, or when its time is over. A revocation that fails is
 * tried again for about twenty minutes; what is left then is found by the next start, by its name.
 */
export class Lifetimes {
  readonly #cancels = new Map<LiveCredential, () => void>()
  readonly #schedule: Schedule

  constructor(schedule: Schedule) {
    this.#schedule = schedule
  }

  /** Ends the credential at its time, unless it is ended before. */
  begin(live: LiveCredential, nowMs: number): void {
    if (live.credential.revoke === undefined) return
    const delayMs = Math.max(live.expiresMs - nowMs, 0)
    this.#cancels.set(
      live,
      this.#schedule(delayMs, () => void this.end(live)),
    )
  }

  /** Ends it now; resolves after the first try. */
  async end(live: LiveCredential): Promise<void> {
    if (this.#forget(live)) await this.#attempt(live, 1)
  }

  /** Ends all that match. */
  async endAll(matches: (live: LiveCredential) => boolean): Promise<void> {
    await Promise.all([...this.#cancels.keys()].filter(matches).map(live => this.end(live)))
  }

  async #attempt(live: LiveCredential, times: number): Promise<void> {
    try {
      await live.credential.revoke?.()
    } catch {
      if (times >= MAX_TRIES) return
      const again = () => void (this.#forget(live) && this.#attempt(live, times + 1))
      this.#cancels.set(live, this.#schedule(RETRY_MS * 2 ** (times - 1), again))
    }
  }

  /** True for whoever comes first, so that a credential is ended once. */
  #forget(live: LiveCredential): boolean {
    const cancel = this.#cancels.get(live)
    cancel?.()
    return this.#cancels.delete(live)
  }
}
