import type { Transfer } from './transfer.js'

/** Why a request was broken off: a person's words, where they gave any. */
export interface HaltReason {
  readonly because: string | null
}

/** Orders that came before what they are about, and are kept for it. */
const MAX_EARLY = 4_096

/** What the keeper wants broken off, because its agent or task was halted. */
export class Cuts {
  private readonly transfers: ReadonlySet<Transfer>
  /** An admission and the order to break it off may arrive together. */
  private readonly early = new Map<number, HaltReason>()

  constructor(transfers: ReadonlySet<Transfer>) {
    this.transfers = transfers
  }

  /** `attempts`: the number of each receipt. */
  cut(attempts: readonly number[], reason: HaltReason): void {
    const under = new Map([...this.transfers].map(transfer => [transfer.attempt, transfer]))
    for (const attempt of attempts) {
      const transfer = under.get(attempt)
      if (transfer === undefined) this.remember(attempt, reason)
      else transfer.halt(reason)
    }
  }

  /** The order that came before this attempt, once; null where there was none. */
  take(attempt: number): HaltReason | null {
    const reason = this.early.get(attempt) ?? null
    this.early.delete(attempt)
    return reason
  }

  /** The keeper is gone, and with it what its numbers mean. */
  forget(): void {
    this.early.clear()
  }

  /** Most of these have ended by themselves, and nobody asks for them. */
  private remember(attempt: number, reason: HaltReason): void {
    this.early.set(attempt, reason)
    if (this.early.size <= MAX_EARLY) return
    const oldest = this.early.keys().next()
    if (!oldest.done) this.early.delete(oldest.value)
  }
}
