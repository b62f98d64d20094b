import { CountersignError } from '../canon/index.js'
import { credentialFault } from './error-table.js'
import { Recent } from './recent.js'

const FIRST_MS = 1_000
const LONGEST_MS = 30_000
const MAX_REMEMBERED = 1_024

interface Failure {
  readonly fault: CountersignError
  readonly times: number
  readonly untilMs: number
}

/** Remembers for a short while what failed, so that a flood of requests doesn't hammer the upstream that makes credentials. */
export class MintBackoff {
  readonly #failures = new Recent<string, Failure>(MAX_REMEMBERED)

  /** Throws the last fault again while its time runs. */
  check(key: string, nowMs: number): void {
    const failure = this.#failures.get(key)
    if (failure !== undefined && nowMs < failure.untilMs) throw failure.fault
  }

  /** Remembers a failure, twice as long each time in a row, and returns it as a fault of this room. */
  failed(key: string, error: unknown, nowMs: number): CountersignError {
    // What isn't a fault is a mistake in a minter; its message could hold anything.
    const fault = error instanceof CountersignError ? error : credentialFault('mint_failed')
    const times = (this.#failures.get(key)?.times ?? 0) + 1
    const pauseMs = Math.min(FIRST_MS * 2 ** (times - 1), LONGEST_MS)
    this.#failures.set(key, { fault, times, untilMs: nowMs + pauseMs })
    return fault
  }

  succeeded(key: string): void {
    this.#failures.delete(key)
  }
}
