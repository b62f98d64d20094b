import type { PolicyAgent, SignedGrantOrder } from '../policy/index.js'
import { keeperFault } from './error-table.js'
import type { IssuedGrant } from './grants.js'

/** How long after its end a grant can still be renewed: a laptop may sleep through the time to do so. */
export const RENEWABLE_MS = 86_400_000

/**
 * The grant that an order renews, where its session may go on: it is remembered, no grant of the session was revoked,
 * it was for the same agent, environment, task and owner, and the session is not older than the policy lets it get.
 * The slot may differ: a session is everything that one agent was given for one task. Throws one of the `renewal_…` faults.
 */
export function renewedFrom(
  before: IssuedGrant | undefined,
  order: SignedGrantOrder,
  agent: PolicyAgent | undefined,
  nowMs: number,
): IssuedGrant {
  if (before === undefined || nowMs >= before.expiresMs + RENEWABLE_MS) throw keeperFault('renewal_unknown')
  if (before.revoked) throw keeperFault('renewal_revoked')
  const same = (['agent', 'environment', 'task', 'owner'] as const).every(
    member => before[member] === order[member],
  )
  if (!same) throw keeperFault('renewal_mismatch')
  if (agent === undefined || nowMs >= before.sessionStartedMs + agent.sessionSeconds * 1_000)
    throw keeperFault('renewal_over')
  return before
}
