import { CountersignError, type Crypto, contentId, utf8 } from '../canon/index.js'
import { type OperateOrder, openPastOperateOrder, type TrustRoot } from '../policy/index.js'
import type { ControlBody, Entry } from './entry.js'
import type { EntryAudit, ReportDeviation } from './entry-audit.js'
import { CLOCKS_MS } from './witness-policy.js'

/** Whether what was erased had been ordered. */
export interface ErasuresChecked {
  /** Erasures that an order names which the `operate` role has signed. */
  readonly ordered: number
  /** Those whose order is not in the log. */
  readonly unproven: number
}

type Order = OperateOrder<'erase'>

/** An order is fulfilled whole, one attempt after the other, and few at a time. */
const MAX_ORDERS = 64

/**
 * Holds each erasure against its order, which the first entry of it carries. ATTACK: a keeper deletes what its operator
 * wants nobody to open, and writes that somebody had ordered it.
 */
export class ErasureAudit implements EntryAudit {
  private readonly crypto: Pick<Crypto, 'sha256' | 'verify'>
  private readonly versions: readonly TrustRoot[]
  /** By content id of its envelope, the newest last. */
  private readonly orders = new Map<string, Order>()
  private readonly counted = { ordered: 0, unproven: 0 }

  /** `versions`: the verifier's of the trust root, oldest first. */
  constructor(crypto: Pick<Crypto, 'sha256' | 'verify'>, versions: readonly TrustRoot[]) {
    this.crypto = crypto
    this.versions = versions
  }

  audit(entry: Entry, report: ReportDeviation): void {
    if (entry.type !== 'erase') return
    const { attempt, order: cid, signed, by, because } = entry.data
    if (typeof signed === 'string' && !this.take(entry, signed, report)) return
    const order = this.orders.get(cid as string)
    if (order === undefined) this.counted.unproven++
    else if (!order.attempts.includes(attempt as number) || order.by !== by || order.because !== because)
      report('erase_unordered', entry.seq, 'it says something else')
    else this.counted.ordered++
  }

  summary(): ErasuresChecked {
    return { ...this.counted }
  }

  /** False where it is no such order. */
  private take(
    { chain, seq, t, data }: Entry & ControlBody,
    signed: string,
    report: ReportDeviation,
  ): boolean {
    const bytes = utf8(signed)
    try {
      const order = openPastOperateOrder(bytes, this.versions, this.crypto, t)
      const wrong =
        order.action !== 'erase'
          ? `it orders to ${order.action}`
          : contentId(this.crypto, bytes) !== data.order
            ? 'it is another order'
            : !chain.startsWith(`${order.origin}/`)
              ? `it is for ${order.origin}`
              : Math.abs(t - order.t) > CLOCKS_MS
                ? 'it is of another time'
                : null
      if (wrong === null) this.remember(data.order as string, order as Order)
      else report('erase_unordered', seq, wrong)
      return wrong === null
    } catch (error) {
      if (!(error instanceof CountersignError)) throw error
      report('erase_unordered', seq, error.code)
      return false
    }
  }

  private remember(cid: string, order: Order): void {
    this.orders.set(cid, order)
    if (this.orders.size <= MAX_ORDERS) return
    const oldest = this.orders.keys().next()
    if (!oldest.done) this.orders.delete(oldest.value)
  }
}
