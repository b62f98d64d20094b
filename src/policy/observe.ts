import type { Operation, OperationClass } from '../protocol/index.js'
import type { ActivePolicy, PolicyAgent } from './active.js'
import { policyFault } from './error-table.js'

/** Observing is a way into enforcement and not a way around it: it ends by itself. */
export const MAX_OBSERVE_MS = 14 * 86_400_000

/** The most that an agent may do where no rule speaks of it. Nothing here gives out a secret or can't be undone. */
export const OBSERVABLE: readonly OperationClass[] = ['read', 'create', 'update']

/**
 * Whether an operation that no rule reaches passes because its agent observes. INVARIANT: never above `update`:
 * an operation with any other class, raised, unknown or opaque among them, is enforced.
 */
export function passesObserved(agent: PolicyAgent, operation: Operation, nowMs: number): boolean {
  const { classes, account } = operation
  // ATTACK: `Stripe-Account`, the same operation on somebody else's account, which an allow has to name.
  if (account !== undefined || classes.length === 0) return false
  return isObserving(agent, nowMs) && classes.every(each => OBSERVABLE.includes(each))
}

export function isObserving({ observeUntilMs }: PolicyAgent, nowMs: number): boolean {
  return observeUntilMs !== null && nowMs < observeUntilMs
}

/** The agents of a policy that observe now, and until when, by name. */
export function observers(
  policy: ActivePolicy,
  nowMs: number,
): readonly { readonly agent: string; readonly untilMs: number }[] {
  return [...policy.agents.values()]
    .filter(agent => isObserving(agent, nowMs))
    .map(({ id, observeUntilMs }) => ({ agent: id, untilMs: observeUntilMs ?? 0 }))
    .sort((a, b) => (a.agent < b.agent ? -1 : 1))
}

/**
 * Throws `observe_too_long` where a policy that is about to be activated would observe for more than 14 days from
 * now. ATTACK: a payload that was signed but not made by the compiler, or compiled under a clock that ran ahead.
 */
export function refuseLongObserving(policy: ActivePolicy, nowMs: number): void {
  for (const { agent, untilMs } of observers(policy, nowMs))
    if (untilMs > nowMs + MAX_OBSERVE_MS)
      throw policyFault('observe_too_long', `${agent} until ${new Date(untilMs).toISOString()}`)
}
