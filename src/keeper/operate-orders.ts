import { type Crypto, contentId } from '../canon/index.js'
import type { Ledger } from '../ledger/index.js'
import {
  OPERATE_ORDER_WINDOW_MS,
  type OperateAction,
  type OperateOrder,
  policyFault,
  type SignedOperateOrder,
  type TrustRoot,
} from '../policy/index.js'
import { keeperFault } from './error-table.js'
import type { Clock } from './ports.js'
import { recoveredMs } from './recovered.js'
import type { StateChange } from './state-change.js'

/** Durable form: `operate-nonce/<nonce>` → Unix milliseconds until which it is refused. */
const NONCE = 'operate-nonce/'

export interface OperateOrdersParts {
  readonly ledger: Pick<Ledger, 'state' | 'head'>
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly clock: Clock
  readonly trust: () => TrustRoot | null
  /** Throws unless the envelope is a fresh order to this sidecar, signed by the `operate` role of this trust root. */
  readonly openOrder: (envelope: Uint8Array, trust: TrustRoot) => SignedOperateOrder
}

/** An order that may be fulfilled, once. */
export interface AcceptedOrder<A extends OperateAction> {
  readonly order: OperateOrder<A>
  /** Content id of its envelope. */
  readonly cid: string
  /** Notes its nonce; to be durable with what it orders. */
  readonly changes: readonly StateChange[]
}

/** Orders of the `operate` role: each is good once, for what it says, within its window. */
export class OperateOrders {
  private readonly parts: OperateOrdersParts
  private readonly nonces: Map<string, number>
  private readonly recoveredMs: number | null

  private constructor(parts: OperateOrdersParts, nonces: Map<string, number>, recoveredMs: number | null) {
    this.parts = parts
    this.nonces = nonces
    this.recoveredMs = recoveredMs
  }

  static async load(parts: OperateOrdersParts): Promise<OperateOrders> {
    const nonces = (await parts.ledger.state.list(NONCE)).map(
      ([key, value]) => [key.slice(NONCE.length), Number(value)] as const,
    )
    return new OperateOrders(parts, new Map(nonces), await recoveredMs(parts.ledger.state))
  }

  /** Throws what is wrong with the order, `operate_order_malformed` where it orders something else, or `operate_order_replayed`. */
  accept<A extends OperateAction>(envelope: Uint8Array, action: A): AcceptedOrder<A> {
    const { crypto, ledger, openOrder } = this.parts
    const trust = this.parts.trust()
    if (trust === null) throw keeperFault('policy_missing')
    const order = openOrder(envelope, trust)
    if (order.action !== action) throw policyFault('operate_order_malformed', `it orders to ${order.action}`)
    const untilMs = order.t + 2 * OPERATE_ORDER_WINDOW_MS
    // ATTACK: the clock is set back, to when an order whose nonce is forgotten was fresh. The log knows how late it was.
    if (untilMs < ledger.head().t) throw policyFault('operate_order_stale')
    // ATTACK: an order whose first use was in the entries that were lost.
    if (this.recoveredMs !== null && order.t <= this.recoveredMs) throw policyFault('operate_order_stale')
    // ATTACK: the same order twice at once. No await between the look and the note.
    if (this.nonces.has(order.nonce)) throw keeperFault('operate_order_replayed')
    this.nonces.set(order.nonce, untilMs)
    return {
      order: order as OperateOrder<A>,
      cid: contentId(crypto, envelope),
      changes: [...this.forgetExpired(), { key: `${NONCE}${order.nonce}`, value: String(untilMs) }],
    }
  }

  private forgetExpired(): readonly StateChange[] {
    const nowMs = this.parts.clock.nowMs()
    const expired = [...this.nonces].filter(([, untilMs]) => untilMs < nowMs).map(([nonce]) => nonce)
    for (const nonce of expired) this.nonces.delete(nonce)
    return expired.map(nonce => ({ key: `${NONCE}${nonce}`, value: null }))
  }
}
