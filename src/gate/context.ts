import type { Logger } from 'pino'
import type { Routing } from './api.js'
import type { Cuts } from './cuts.js'
import type { GrantShares } from './grant-shares.js'
import type { InspectionRoom } from './inspection.js'
import type { KeeperPort } from './keeper-port.js'
import type { GateLimits } from './limits.js'
import type { LongBodies } from './long-bodies.js'
import type { Metrics } from './metrics.js'
import type { Outcomes } from './outcomes.js'
import type { Transfer } from './transfer.js'
import type { WaitingRoom } from './waiting-room.js'

/** What every request of one gate shares. */
export interface GateContext {
  readonly keeper: KeeperPort
  readonly limits: GateLimits
  readonly metrics: Metrics
  readonly log: Logger
  readonly outcomes: Outcomes
  /** The identity of the gate's own pod; null where it has none. */
  readonly podToken: () => string | null
  /** Memory for the bodies that are looked at. */
  readonly inspection: InspectionRoom
  readonly shares: GrantShares
  /** Bodies that take long to take apart. */
  readonly longBodies: LongBodies
  /** Held requests whose agents wait for people. */
  readonly waiting: WaitingRoom
  /** Admitted requests under way. */
  readonly transfers: Set<Transfer>
  /** What of them a halt breaks off. */
  readonly cuts: Cuts
  /** What is served under the policy in force; null while there is none. */
  routing(): Routing | null
  /** Resolves when the routing is no longer the given one, at the latest after a moment. */
  routingAfter(stale: Routing): Promise<void>
}
