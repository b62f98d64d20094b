import type { Companion } from '../ledger/index.js'
import { isReading } from '../protocol/index.js'
import type { Approvals } from './approvals.js'
import type { AttemptResult } from './attempt-entry.js'
import type { Counters, Hold } from './counters.js'
import type { Probing } from './probing.js'
import type { Ruling } from './ruling.js'
import type { SpentSignatures } from './spent-signatures.js'

export interface ClaimParts {
  readonly counters: Pick<Counters, 'reserve' | 'giveBack'>
  readonly approvals: Pick<Approvals, 'take' | 'giveBack' | 'used'>
  readonly spent: Pick<SpentSignatures, 'spend' | 'changes' | 'release'>
  readonly probing: Pick<Probing, 'begin' | 'end'>
}

/** What an allowed request has taken for itself. It is the request's own once its attempt is durable; until then it can be given back. */
export interface Claim {
  /** Id of the approval that it uses; null where the policy lets it pass by itself. */
  readonly approval: string | null
  readonly reserved: NonNullable<AttemptResult['reserved']>
  readonly hold: Hold
  /** Name of the API whose answers it may change; null where it only reads. */
  readonly changing: string | null
  /** What has to be durable with the attempt. */
  readonly durable: Pick<Companion, 'before' | 'state'>
  /** Nothing was written: everything is as if it hadn't come. */
  giveBack(): void
  /** The attempt is durable. */
  used(): void
}

/**
 * Takes units of limits, an approval and a signature, in memory, so that no concurrent request takes the same.
 * INVARIANT: called in the same turn as the ruling.
 */
export function takeClaim(
  { c, decision, route, approval }: Extract<Ruling, { kind: 'allow' }>,
  { counters, approvals, spent, probing }: ClaimParts,
): Claim {
  const reservations = decision.reservations.filter(({ amount }) => amount > 0)
  const hold = counters.reserve(reservations, c.id, c.nowMs)
  const taken = approval === null ? null : approvals.take(approval)
  const changing = isReading(c.operations) ? null : route.api.name
  if (changing !== null) probing.begin(changing)
  const once = route.spends ? route.signature : null
  if (once !== null) spent.spend(once.signed.signature, once.untilMs)
  const state = [
    ...hold.changes,
    ...(once === null ? [] : spent.changes(once.signed.signature)),
    ...(taken?.changes ?? []),
  ]
  return {
    approval: taken?.id ?? null,
    reserved: reservations.map(({ key, amount }) => ({ key, amount })),
    hold,
    changing,
    durable: {
      ...(taken === null ? {} : { before: taken.before }),
      ...(state.length === 0 ? {} : { state }),
    },
    giveBack() {
      counters.giveBack(hold)
      if (taken !== null) approvals.giveBack(taken)
      if (once !== null) spent.release(once.signed.signature)
      if (changing !== null) probing.end(changing)
    },
    used() {
      if (taken !== null) approvals.used(taken)
    },
  }
}
