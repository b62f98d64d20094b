import type { AttemptBody, EntryPosition } from './entry.js'

/** An attempt in its place, with the time at which it was looked at for the last time that counts. */
export interface PlacedAttempt {
  readonly entry: EntryPosition & AttemptBody
  /** Unix milliseconds, see `idTime`. What was superseded or expired after it did not stand in its way. */
  readonly startedMs: number
}

/** An entry waits for its place behind others, where the disk or the mark is slow, and not for longer. */
const QUEUED_MS = 60_000

/**
 * An attempt in its place. INVARIANT: a keeper looks at grant and policy once more in the very turn in which it hands
 * what it admits to the ledger. ATTACK: an id from an hour ago, for what is admitted under a grant, a policy or a
 * credential that has ended since.
 */
export function placedAttempt(entry: PlacedAttempt['entry']): PlacedAttempt {
  const startedMs = idTime(entry.id, entry.t)
  const admitted = entry.decision.effect === 'allow'
  return { entry, startedMs: admitted ? Math.max(startedMs, entry.t - QUEUED_MS) : startedMs }
}

/** No request is under way for longer; what an attempt may cite is remembered for so long after its end. */
export const UNDER_WAY_MS = 3_600_000

/**
 * When the keeper made an id, Unix milliseconds: the time in a UUIDv7 (RFC 9562 §5.7), within the hour before the
 * entry at `t` that carries it, for its entry may follow much later. `t` for another kind of id.
 */
export function idTime(id: string, t: number): number {
  if (id[14] !== '7') return t
  const ms = Number.parseInt(id.slice(0, 8), 16) * 65_536 + Number.parseInt(id.slice(9, 13), 16)
  return Number.isNaN(ms) ? t : Math.min(Math.max(ms, t - UNDER_WAY_MS), t)
}
