import { fromUtf8 } from '../canon/index.js'
import type { Ledger } from '../ledger/index.js'
import { type AttemptBody, decodeEntry, type EntryPosition } from '../receipt/index.js'
import type { Approvals } from './approvals.js'
import { keeperFault } from './error-table.js'
import type { AcceptedOrder, OperateOrders } from './operate-orders.js'

/** Durable form: `erased/<attempt id>` → seq of the attempt. */
const ERASED = 'erased/'

export interface ErasuresParts {
  readonly ledger: Ledger
  readonly orders: Pick<OperateOrders, 'accept'>
  readonly approvals: Pick<Approvals, 'erasing' | 'erased'>
}

type AttemptEntry = EntryPosition & AttemptBody

/** An attempt whose inputs and secret are gone, and the receipt of that. */
export interface Erasure {
  readonly attempt: number
  readonly receipt: number
}

/**
 * Deletes decision inputs, and with them the secret behind an attempt's commitments, and what is kept of a rejection of
 * the same call. INVARIANT: the receipt comes first; what a crash leaves behind it is deleted at the next start, also from
 * a side store that was restored.
 */
export class Erasures {
  private readonly parts: ErasuresParts

  private constructor(parts: ErasuresParts) {
    this.parts = parts
  }

  static async load(parts: ErasuresParts): Promise<Erasures> {
    const { ledger } = parts
    for (const [key] of await ledger.state.list(ERASED)) {
      const id = key.slice(ERASED.length)
      if ((await ledger.side.get(id)) !== undefined) await ledger.side.erase(id)
    }
    return new Erasures(parts)
  }

  /** Fulfils a signed order, all of it or, where an attempt has nothing to erase, none. */
  async fulfil(envelope: Uint8Array): Promise<readonly Erasure[]> {
    const accepted = this.parts.orders.accept(envelope, 'erase')
    const attempts = await Promise.all(accepted.order.attempts.map(seq => this.erasable(seq)))
    const erasures: Erasure[] = []
    // The order stands in the log once, with the first that it erases.
    let signed: string | null = fromUtf8(envelope)
    for (const attempt of attempts) {
      erasures.push(await this.erase(attempt, accepted, signed))
      signed = null
    }
    return erasures
  }

  private async erasable(seq: number): Promise<AttemptEntry> {
    const { ledger, approvals } = this.parts
    const bytes = await ledger.get(seq)
    const entry = bytes === undefined ? undefined : decodeEntry(bytes)
    if (entry === undefined) throw keeperFault('receipt_unknown', String(seq))
    if (entry.type !== 'attempt' || (await ledger.side.get(entry.id)) === undefined)
      throw keeperFault('nothing_to_erase', String(seq))
    if (entry.approval !== undefined) approvals.erasing(entry.approval)
    return entry
  }

  private async erase(
    { seq: attempt, id, approval }: AttemptEntry,
    { order: { by, because }, cid, changes }: AcceptedOrder<'erase'>,
    signed: string | null,
  ): Promise<Erasure> {
    const { ledger, approvals } = this.parts
    const forgotten = approval === undefined ? [] : approvals.erasing(approval)
    const { seq } = await ledger.append(
      {
        type: 'erase',
        data: { attempt, id, by, because, order: cid, ...(signed === null ? {} : { signed }) },
      },
      {
        state: [...changes, ...forgotten, { key: `${ERASED}${id}`, value: String(attempt) }],
      },
    )
    if (approval !== undefined) approvals.erased(approval)
    await ledger.side.erase(id)
    return { attempt, receipt: seq }
  }
}
